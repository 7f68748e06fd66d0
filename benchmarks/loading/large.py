"""What one more trial costs in a study that has many: claiming it, sampling, looking at it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from wsgiref.util import setup_testing_defaults

import large_study

from search_spaces import find_space
from search_spaces.space import SearchSpace
from storage import open_store
from storage.plain import open_plain_storage
from sweep.identity import read_identity
from sweep.past import Past
from sweep.worker.claiming import Claim, claim
from sweep.worker.liveness import WorkerMark

if TYPE_CHECKING:
    from pathlib import Path

    from storage import Location

CLAIMS = 30


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds; of what is done again and again the median.

    Attributes:
        load: Opening the store and reading all trials once, as a worker that joins does.
        claim: The next trial, without sampling.
        sample: Drawing its parameters.
        dashboard: The first answer about the study.
    """

    load: float
    claim: float
    sample: float
    dashboard: float


def costs_of(location: Location, folder: Path, *, trials: int, running: int = 0) -> Costs:
    """Make a study of so many trials in an empty store, of which some run elsewhere, and claim some more."""
    large_study.make(location, trials=trials, running=running)
    began = time.perf_counter()
    with open_store(location, write=True) as store, WorkerMark(folder / "workers") as mark:
        study = store.load(large_study.NAME)
        identity, space = read_identity(study), find_space("isolated")
        assert identity is not None
        study.get_trials(deepcopy=False)
        load = time.perf_counter() - began
        claims, samples, past = [], [], Past()
        suggest = SearchSpace.suggest

        def timed(*arguments, **named):  # type: ignore[no-untyped-def]
            began = time.perf_counter()
            configuration = suggest(*arguments, **named)
            samples.append(time.perf_counter() - began)
            return configuration

        SearchSpace.suggest = timed  # type: ignore[method-assign]
        try:
            for _ in range(CLAIMS):
                began = time.perf_counter()
                claimed = claim(store, study, space, identity, mark, past=past)
                claims.append(time.perf_counter() - began - samples[-1])
                assert isinstance(claimed, Claim), claimed
                study.tell(claimed.trial, 0.5)
        finally:
            SearchSpace.suggest = suggest  # type: ignore[method-assign]
        mark.is_settled = True
    # The first claim reads what was read before, but through another connection.
    return Costs(
        load=load,
        claim=statistics.median(claims[1:]),
        sample=statistics.median(samples[1:]),
        dashboard=_dashboard(location, folder),
    )


def _dashboard(location: Location, folder: Path) -> float:
    from sweep.dashboard import Dashboard

    with open_plain_storage(location, write=False) as storage:
        application = Dashboard(storage, folder)
        environ: dict[str, object] = {"PATH_INFO": "/api/studies/1", "QUERY_STRING": "after=0"}
        setup_testing_defaults(environ)
        began = time.perf_counter()
        body = b"".join(application(environ, lambda *_: None))  # type: ignore[arg-type]
        assert b"trials" in body
        return time.perf_counter() - began
