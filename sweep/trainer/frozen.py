"""What frozen backbones make of images: computed once, then taken from disk by every trial that needs it."""

import hashlib
import json
import logging
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np
import numpy.typing as npt

from search_spaces import BACKBONES
from search_spaces.build import build_frozen
from sweep.data.split import Split
from sweep.environment import versions
from sweep.feature_files import DIGEST_BYTES, Digests, FeatureFiles, Table, digests_of, rows
from sweep.messages import Job
from sweep.trainer.reporting import Reporter, TrialStoppedError

BATCH_SIZE = 32  # images on a processor: larger ones measured no faster, and a stop waits for a batch
GPU_BATCH_SIZE = 256
WRITE_SECONDS = 30.0  # at most so much computing is lost to a kill
MEMORY_BYTES = 2**30  # of features that no disk took, kept for later trials
FORMAT = 1

log = logging.getLogger(__name__)

Images = npt.NDArray[np.uint8]
Place: TypeAlias = tuple[int, int]  # which of several arrays, and which row of it


class FrozenFeatures:
    """Gives trials the features of their images, from disk, from memory, or by computing them.

    They are found by the content of each image: another seed's split, a larger limit or the validation images of a
    confirmation cost only what was never seen before. What is computed for a trial that is stopped is kept, too.

    Args:
        clock: Monotonic seconds.

    Attributes:
        seconds: What the features of the trial under way cost, waiting for another process included; 0 where all
            were there.
        images: How many were computed for it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = 0.0
        self.images = 0
        self._clock = clock
        self._files: dict[tuple[Path, str], FeatureFiles] = {}
        self._kept: dict[str, list[Table]] = {}  # by network, the last used last: what the disk did not take
        self._digests: list[tuple[weakref.ref[Images], Digests]] = []
        self._sources: dict[tuple[Path, int, int], str] = {}

    def release(self) -> None:
        """Let go of the files: the trial is over."""
        self.seconds, self.images = 0.0, 0
        for files in self._files.values():
            files.close()

    def of_split(self, job: Job, images: Split, policy: str, reporter: Reporter) -> Split:
        """The same split with features in the place of training and validation images; itself without a backbone.

        Args:
            job: The trial.
            images: Its images.
            policy: Dtype policy under which the backbone computes.
            reporter: Sends signs of life and obeys a stop.
        """
        if job.plan.backbone is None:
            return images
        train, validation = self.of(job, (images.x_train, images.x_validation), policy, reporter)
        return replace(images, x_train=train, x_validation=validation)

    def held_out(self, job: Job, images: Split, reporter: Reporter) -> tuple[np.ndarray, np.ndarray | None]:
        """What the float32 network takes of validation images, and of test images if the job asks for them.

        Args:
            job: The trial.
            images: Its images.
            reporter: Sends signs of life and obeys a stop.

        Returns:
            Images, or their features where there is a backbone. None for test images that nobody wants.
        """
        wants_test = job.evaluate_test or job.full
        if job.plan.backbone is None:
            return images.x_validation, images.x_test if wants_test else None
        parts = (images.x_validation, images.x_test) if wants_test else (images.x_validation,)
        validation, *test = self.of(job, parts, "float32", reporter)
        return validation, test[0] if test else None

    def of(self, job: Job, parts: Sequence[Images], policy: str, reporter: Reporter) -> list[np.ndarray]:
        """The features of images, each part (n, *feature_shape) float32.

        Args:
            job: The trial; its plan has a backbone.
            parts: Arrays of images, (n, h, w, c) uint8 each.
            policy: Dtype policy under which the backbone computes.
            reporter: Sends signs of life and obeys a stop.

        Raises:
            TrialStoppedError: If the worker asked to end the trial.
        """
        network = self._network(job, policy)
        files = self._files_of(job, network)
        digests = [self._digests_of(part) for part in parts]
        computed: list[Table] = []

        def tables() -> list[Table]:
            return [*computed, *self._kept.get(network, ()), *([] if files is None else files.open())]

        if _missing(tables(), digests):
            began = self._clock()
            wait = partial(reporter.computing, str(job.plan.backbone), 0.0, None)
            try:
                with nullcontext() if files is None else files.exclusive(wait):
                    if missing := _missing(tables(), digests):  # unless the process before us computed it
                        for table in self._compute(job, policy, parts, missing, reporter):
                            self._keep(job, network, files, table)
                            computed.append(table)
            finally:
                self.seconds += self._clock() - began
        return _gather(tables(), digests, job.plan.feature_shape)

    def _compute(
        self, job: Job, policy: str, parts: Sequence[Images], missing: dict[bytes, Place], reporter: Reporter
    ) -> Iterator[Table]:
        """Compute features; what is done so far comes every `WRITE_SECONDS`, at the end, and before a stop."""
        places = list(missing.items())
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(job.seed)  # a backbone without weights gets those that the whole network has
        network = build_frozen(job.plan, backbone_weights=job.backbone_weights)
        network.compile(jit_compile="auto" if keras.backend.backend() == "jax" else False)
        size = min(len(places), BATCH_SIZE if _device() == "cpu" else GPU_BATCH_SIZE)
        began = written = self._clock()
        done: list[np.ndarray] = []
        first = 0  # of those that no table has yet

        def table(end: int) -> Table:
            digests = np.frombuffer(b"".join(digest for digest, _ in places[first:end]), np.uint8)
            return Table(digests=digests.reshape(end - first, DIGEST_BYTES), values=np.concatenate(done))

        for start in range(0, len(places), size):
            now = self._clock()
            speed = start / (now - began) if start > size else None  # the first batch holds the compilation
            try:
                reporter.computing(str(job.plan.backbone), start / len(places), speed)
            except TrialStoppedError:
                if done:
                    yield table(start)
                raise
            if done and now - written >= WRITE_SECONDS:
                yield table(start)
                done, first, written = [], start, now
            chosen = [parts[part][row] for _, (part, row) in places[start : start + size]]
            batch = np.stack(chosen + chosen[-1:] * (size - len(chosen)))  # of one size: another is compiled again
            values = np.asarray(network.predict_on_batch(batch))[: len(chosen)]
            done.append(values.view(np.uint16) if values.dtype.name == "bfloat16" else values)
            self.images += len(chosen)
        yield table(len(places))

    def _keep(self, job: Job, network: str, files: FeatureFiles | None, table: Table) -> None:
        """Write features; where that cannot be, they stay in memory, and those of other networks there make room."""
        if files is not None:
            try:
                files.write(table, make_room=_no_limit if job.disk_limit is None else job.disk_limit.make_room)
            except OSError as error:
                log.warning("features are kept in memory, not written: %s", error)
            else:
                return
        self._kept[network] = [*self._kept.pop(network, []), table]
        while len(self._kept) > 1 and _bytes(self._kept) > MEMORY_BYTES:
            del self._kept[next(iter(self._kept))]

    def _files_of(self, job: Job, network: str) -> FeatureFiles | None:
        if job.features is None:
            return None
        return self._files.setdefault((job.features, network), FeatureFiles(job.features, network))

    def _digests_of(self, images: Images) -> Digests:
        """Of images that were seen before, as those of every trial of a study, without looking at them again."""
        self._digests = [each for each in self._digests if each[0]() is not None]
        for seen, digests in self._digests:
            if seen() is images:
                return digests
        digests = digests_of(images)
        self._digests.append((weakref.ref(images), digests))
        return digests

    def _network(self, job: Job, policy: str) -> str:
        """The name of all that decides what comes out for an image."""
        backend = keras.backend.backend()
        facts = {
            "format": FORMAT,
            "layers": repr(job.plan.frozen),
            "size": BACKBONES[str(job.plan.backbone)].input_size,
            "image_shape": job.plan.image_shape,
            "weights": f"seed {job.seed}" if job.backbone_weights is None else self._content(job.backbone_weights),
            "policy": policy,
            "deterministic": job.deterministic,
            "device": _device(),
            "backend": backend,
            "versions": [versions().get(name) for name in ("keras", backend)],
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return f"{job.plan.backbone}-{digest[:16]}"

    def _content(self, path: Path) -> str:
        status = path.stat()
        mark = (path, status.st_size, status.st_mtime_ns)
        if mark not in self._sources:
            with path.open("rb") as file:
                self._sources[mark] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._sources[mark]


def _find(tables: Iterable[Table]) -> dict[bytes, Place]:
    """Table and row of every image."""
    return {digest: (number, row) for number, table in enumerate(tables) for digest, row in rows(table.digests)}


def _missing(tables: Iterable[Table], parts: Iterable[Digests]) -> dict[bytes, Place]:
    """Part and row of each image that no table has; of equal images the last."""
    found = _find(tables)
    return {
        digest: (number, row) for number, part in enumerate(parts) for digest, row in rows(part) if digest not in found
    }


def _gather(tables: Sequence[Table], parts: Iterable[Digests], shape: tuple[int, ...]) -> list[np.ndarray]:
    found = _find(tables)
    gathered = []
    for part in parts:
        places = np.array([found[digest] for digest, _ in rows(part)], np.intp).reshape(-1, 2)
        features = np.empty((len(places), *shape), np.float32)
        for number in np.unique(places[:, 0]):
            here = places[:, 0] == number
            features[here] = tables[number].gather(places[here, 1])
        gathered.append(features)
    return gathered


def _device() -> str:
    return str(keras.distribution.list_devices()[0]).split(":")[0]


def _bytes(kept: dict[str, list[Table]]) -> int:
    return sum(table.values.nbytes for tables in kept.values() for table in tables)


def _no_limit(_bytes: int) -> None:
    """Any size is welcome."""
