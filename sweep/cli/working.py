"""The commands that create studies and work on them."""

import shlex
import time
from dataclasses import fields

from storage import Store, UnknownStudyError
from sweep.budget import BudgetChange
from sweep.cli.announcing import announce, limit_lines, tell_end
from sweep.cli.options import Limits, Means, Place, Terms, Work
from sweep.cli.place import (
    check_place,
    given_address,
    make_home,
    reading_store,
    take_place,
    tell_place,
    where,
    writing_store,
)
from sweep.cli.running import check, exit_code, work_on
from sweep.cli.streams import notes
from sweep.creation import create_or_resume
from sweep.duration import parse_duration
from sweep.errors import UsageError
from sweep.estimate import Estimator
from sweep.identity import read_identity
from sweep.names import nearest
from sweep.preparation import Prepared, Request, prepare, prepare_to_join
from sweep.runs import record_begin, running_deadline
from sweep.standing import End, standing_of
from sweep.worker.assignment import RunEnd
from sweep.worker.trainer_process import TrainerProcess

JOIN_SECONDS = 30.0  # how long `join` waits for a study that another host is creating
POLL_SECONDS = 0.5


def create(terms: Terms, limits: Limits, means: Means, place: Place) -> None:
    """Create a study and its queue."""
    change = _change(limits)
    with reading_store(place) as store:  # a refusal leaves nothing behind
        prepared = prepare(_request(terms, means), store, cache=place.home / "cache")
        check_place(store.find(prepared.name), place)
    with writing_store(place) as store:
        study, changes = create_or_resume(prepared, store, change, given_address(place))
        now = standing_of(study)
    _tell(changes)
    for line in limit_lines(prepared):
        notes.print(line)
    work = f"sweep join {shlex.quote(prepared.name)}{where(place)}"
    notes.print(f"Study '{prepared.name}': {now.waiting} trials wait. Work on it: {work}", soft_wrap=True)


def start(
    terms: Terms,
    limits: Limits,
    work: Work,
    means: Means,
    place: Place,
    *,
    timeout: str | None,
    dry_run: bool,
    early: list[TrainerProcess],
) -> int:
    """Create or resume a study and work on it, with trainers that were started already; returns the exit code."""
    change, request = _change(limits), _request(terms, means)
    began, timeout_seconds = time.monotonic(), None if timeout is None else parse_duration(timeout)
    check(work)
    estimator = Estimator(place.home / "cache" / "rates.json", family=terms.family, precision=work.precision)
    with reading_store(place) as store:  # a refusal leaves nothing behind
        prepared = prepare(request, store, cache=place.home / "cache")
        if dry_run:
            announce(prepared, store.find(prepared.name), change.trials, estimator, place, timeout_seconds)
            notes.print("Nothing was created: this was a dry run.")
            return 0
        check_place(store.find(prepared.name), place)
    with writing_store(place) as store:
        study, changes = create_or_resume(prepared, store, change, given_address(place))
        _tell(changes)
        announce(prepared, study, None, estimator, place, timeout_seconds)
        tell_place(study)
        ends = None if timeout_seconds is None else began + timeout_seconds  # by this host's monotonic clock
        deadline = None if ends is None else store.now() + ends - time.monotonic()
        record_begin(study, "start", deadline=deadline)
        return _told(store, prepared, work_on(prepared, store, study, work, place, estimator, ends, early), place)


def join(name: str, work: Work, means: Means, place: Place) -> int:
    """Work on a study that exists, or is about to; returns the exit code."""
    check(work)
    make_home(place.home)
    _await_study(name, place)
    with writing_store(place) as store:
        prepared = prepare_to_join(
            name,
            store,
            cache=place.home / "cache",
            dataset=means.dataset,
            data_dir=means.data_dir,
            weights=means.weights,
        )
        study = store.load(name)
        take_place(study, store, place)
        estimator = Estimator(
            place.home / "cache" / "rates.json", family=prepared.identity.family, precision=work.precision
        )
        announce(prepared, study, None, estimator, place)
        tell_place(study)
        if standing_of(study).ended is End.FAILURES:
            notes.print("Its failures ended it; `sweep start` takes it up again.")
            return 0
        deadline = running_deadline(study)
        left = None if deadline is None else deadline - store.now()
        if left is not None and left <= 0:
            notes.print("The time of its last run (--timeout) is over; `sweep start` gives it another.")
            return 0
        record_begin(study, "join")
        ends = None if left is None else time.monotonic() + left
        return _told(store, prepared, work_on(prepared, store, study, work, place, estimator, ends), place)


def _await_study(name: str, place: Place) -> None:
    until = time.monotonic() + JOIN_SECONDS
    while True:
        with reading_store(place) as store:
            names = store.study_names()
            if name in names and read_identity(store.load(name)) is not None:
                return
        is_over = time.monotonic() >= until
        if name in names and is_over:
            raise UsageError(f"Study '{name}' was not made by sweep.")
        # A name that nearly fits a study is a slip of the pen, not a study to come.
        if name not in names and (is_over or nearest(name, names)):
            raise UnknownStudyError(name, names)
        time.sleep(POLL_SECONDS)


def _told(store: Store, prepared: Prepared, end: RunEnd, place: Place) -> int:
    """Say how a run ended; returns the exit code."""
    if end.told:
        tell_end(store.load(prepared.name), prepared, end, place)
    return exit_code(end)


def _request(terms: Terms, means: Means) -> Request:
    values = {field.name: getattr(terms, field.name) for field in fields(terms)}
    without, experiments = values.pop("without"), values.pop("experiment")
    return Request(
        **values,
        without=tuple(without) if without else None,
        experiments=tuple(experiments) if experiments else None,
        dataset=means.dataset,
        data_dir=means.data_dir,
        weights=means.weights,
    )


def _change(limits: Limits) -> BudgetChange:
    timeout = None if limits.trial_timeout is None else parse_duration(limits.trial_timeout)
    return BudgetChange(
        trials=limits.trials,
        until=limits.until,
        trial_timeout=timeout,
        max_failures=limits.max_failures,
        max_retries=limits.max_retries,
        keep=limits.keep,
    )


def _tell(changes: list[str]) -> None:
    for change in changes:
        notes.print(f"Changed {change}")
