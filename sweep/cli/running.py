"""A run of this host on a study, shown while it lasts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna

from storage import Store, UnknownStudyError
from sweep.budget import read_budget
from sweep.cli.announcing import ahead
from sweep.cli.counting import open_studies
from sweep.cli.display import LineDisplay, LiveDisplay
from sweep.cli.options import Place, Work
from sweep.cli.streams import notes
from sweep.disk_limit import DiskLimit
from sweep.documents import status_document
from sweep.environment import default_slots
from sweep.errors import UsageError
from sweep.estimate import Estimator, study_seconds
from sweep.feature_files import features_folder
from sweep.names import nearest
from sweep.preparation import Prepared
from sweep.standing import CONFIRMS, End, standing_of
from sweep.trial_files import TrialFiles
from sweep.worker.assignment import Assignment, RunEnd
from sweep.worker.finishing import tidy_ended
from sweep.worker.liveness import marks_folder
from sweep.worker.loop import Worker
from sweep.worker.trainer_process import TrainerProcess

PRECISIONS = ("auto", "float32", "mixed_bfloat16")


def check(work: Work) -> None:
    """Refuse what this host cannot work with, before anything is stored.

    Raises:
        UsageError: If the precision is unknown, or the port for Prometheus is none.
    """
    if work.precision not in PRECISIONS:
        raise UsageError(
            f"No precision named '{work.precision}'.{nearest(work.precision, PRECISIONS)} "
            f"Known: {', '.join(PRECISIONS)}."
        )
    if work.metrics_port is not None:
        from sweep.scraping import parse_address  # Prometheus's library, for those who ask for it

        parse_address(work.metrics_port)


def work_on(
    prepared: Prepared,
    store: Store,
    study: optuna.Study,
    work: Work,
    place: Place,
    estimator: Estimator,
    deadline: float | None,
    early: list[TrainerProcess] | None = None,
) -> RunEnd:
    """Work on a study until it ends or is told to stop, and show it.

    Args:
        prepared: Its terms and this host's means.
        store: The store, open for writing.
        study: The study.
        work: How this host works.
        place: Where this host keeps files.
        estimator: What is known of this machine's speed.
        deadline: When this run's time is over, by this host's monotonic clock; None: never.
        early: Trainers that were started already; those that are used are taken off the list. Default: none.
    """
    now, files = standing_of(study), TrialFiles.of(place.home, study, store.location)
    if now.ended in (End.TRIALS, End.UNTIL, End.EXHAUSTED):
        tidy_ended(study, files)
        return RunEnd(reason=now.ended, told=True)
    confirmed = study.user_attrs.get(CONFIRMS)
    assignment = Assignment(
        store=store,
        study=study,
        space=prepared.space,
        identity=prepared.identity,
        data=prepared.data,
        backbone_weights=prepared.backbone_weights,
        precision=work.precision,
        deterministic=work.deterministic,
        deadline=deadline,
        slots=work.slots,
        files=files,
        confirmed=None if confirmed is None else _files_of_confirmed(store, confirmed, place),
        features=features_folder(place.home, store.location),
        disk_limit=disk_limit(work, place),
        logs=place.home / "logs",
        marks=marks_folder(place.home, store.location),
    )
    counts = ahead(prepared, study, None)
    shown = LiveDisplay if notes.is_terminal else LineDisplay
    display = shown(
        notes,
        best=None if now.best is None else (now.best.value or 0.0, f"trial {now.best.number}"),
        finished=now.finished,
        wanted=read_budget(study).trials,
        slots=work.slots or default_slots(),
        remaining=lambda: study_seconds(estimator, prepared.space, prepared.identity, counts),
        deadline=deadline,
    )
    with _metrics(work, prepared.name, place), display:
        return Worker(assignment, observer=display, estimator=estimator, early=early).run()


def disk_limit(work: Work, place: Place) -> DiskLimit | None:
    """What checkpoints, weights and features of this host's home may take; None: any room there is."""
    return None if work.max_disk is None else DiskLimit(home=place.home.absolute(), bytes=work.max_disk)


@contextmanager
def _metrics(work: Work, name: str, place: Place) -> Iterator[None]:
    """Answer Prometheus while a worker is at work, where that was asked for."""
    if work.metrics_port is None:
        yield
        return
    from sweep.scraping import parse_address, scraped

    def look() -> Mapping[str, Any]:
        with open_studies(place) as studies:
            return status_document(studies.study(name))

    with scraped(parse_address(work.metrics_port), look) as url:
        notes.print(f"Answers Prometheus at {url}", soft_wrap=True)
        yield


def _files_of_confirmed(store: Store, name: str, place: Place) -> TrialFiles | None:
    """The files of the study that is confirmed; None where it is gone."""
    try:
        return TrialFiles.of(place.home, store.load(name), store.location)
    except UnknownStudyError:
        return None


def exit_code(end: RunEnd) -> int:
    """What a command ends with after a run; a store that does not answer is said here."""
    if not end.told:
        notes.print("The store does not answer. What was running here waits again once it does.")
        return 1 if end.signal is None else 128 + end.signal
    if end.signal is not None:
        return 128 + end.signal
    return 1 if end.reason is End.FAILURES else 0
