"""What a study's trials come to in numbers: few values, however many trials there are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# What a waiting trial is called by the first of these user attributes that it has.
QUEUED_AS = {"retry_of": "retry", "baseline": "reported", "confirms": "confirmation", "enqueued": "enqueued"}
CALLED_BY = ("baseline", "confirms", "seed", "config")  # the user attributes in `RunningTrial`


@dataclass(frozen=True, kw_only=True)
class Best:
    """The complete trial with the highest value; of equal ones the first.

    Attributes:
        number: The trial's number.
        value: Its value; may be infinite.
    """

    number: int
    value: float


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A finished trial that the sampler drew.

    Attributes:
        reused: Whether it has the attribute `reused_from`.
        failure: Its attribute `failure`; None without one, or where it is no text.
    """

    reused: bool
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What decides whether a study has ended.

    Attributes:
        states: Trials in each state, as Optuna spells it; 0 where there are none.
        best: The best trial, or None: no trial is complete, or the study has several objectives.
        failures: Failed trials by their attribute `failure`; None without one, or where it is no text.
        failures_in_a_row: Likewise those with a higher number than every complete or pruned trial.
        last_proposals: The finished trials with the highest `draw`, the last drawn first; as many as were asked for.
    """

    states: Mapping[str, int]
    best: Best | None
    failures: Mapping[str | None, int]
    failures_in_a_row: Mapping[str | None, int]
    last_proposals: tuple[Proposal, ...]


@dataclass(frozen=True, kw_only=True)
class TrainedWith:
    """With what finished trials were trained; None where it was not recorded.

    Trials that were not trained where they were recorded are left out: those that reuse an earlier trial's result,
    and confirmations that took a study's over.

    Attributes:
        host: Name of the host.
        dtype_policy: Keras's dtype policy.
        backend: Keras's backend.
        device: The device.
        trials: How many.
    """

    host: str | None
    dtype_policy: str
    backend: str | None
    device: str | None
    trials: int


@dataclass(frozen=True, kw_only=True)
class RunningTrial:
    """A trial that is being trained.

    Attributes:
        number: The trial's number.
        attributes: Those of its user attributes that it is called by: `baseline`, `confirms`, `seed`, `config`.
        epoch: The last epoch reported, or None before the first.
        value: What was reported of it; may be infinite or NaN.
    """

    number: int
    attributes: Mapping[str, Any]
    epoch: int | None
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Course:
    """What people want to know besides.

    Attributes:
        running: The running trials that began first, by number; as many as were asked for.
        pruned_after: Pruned trials by the epochs they ran, those that reuse an earlier result left out.
        trained_with: In the order of host, policy, backend and device.
    """

    running: tuple[RunningTrial, ...]
    pruned_after: Mapping[int, int]
    trained_with: tuple[TrainedWith, ...]


@dataclass(frozen=True, kw_only=True)
class RunningWork:
    """Who trains a running trial; None where that is not known.

    Attributes:
        host: Name of the host.
        worker: The worker's mark.
        slots: That worker's trainers, at work or not.
        silent_seconds: Since the trial's last heartbeat.
    """

    host: str | None
    worker: str | None
    slots: int | None
    silent_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class WorkingHost:
    """A host that trains.

    Attributes:
        host: Its name; None for trials whose trainer has not begun yet.
        workers: Its workers that train.
        running: Trials that they train.
        slots: Their trainers, at work or not; None where that was not recorded.
        silent_seconds: Since the last heartbeat of that trial that was heard of longest ago; None where not known.
    """

    host: str | None
    workers: int
    running: int
    slots: int | None
    silent_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast trials come to an end.

    Attributes:
        finished: Complete and pruned trials of that time; those that reuse an earlier result are left out.
        seconds: The time until now: an hour, or since the first of the trials that have ended began.
    """

    finished: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Operation:
    """How a study is worked on.

    Attributes:
        hosts: Those that train, by name.
        queue: Waiting trials by what they are: `retry`, `reported`, `confirmation`, `enqueued`, `other`.
        pace: None where that is not known.
    """

    hosts: tuple[WorkingHost, ...]
    queue: Mapping[str, int]
    pace: Pace | None


def working_hosts(running: Iterable[RunningWork]) -> tuple[WorkingHost, ...]:
    """Running trials by the hosts that train them, ordered by name."""
    by_host: defaultdict[str | None, list[RunningWork]] = defaultdict(list)
    for each in running:
        by_host[each.host].append(each)
    return tuple(_host(name, by_host[name]) for name in sorted(by_host, key=lambda name: name or ""))


def _host(name: str | None, works: list[RunningWork]) -> WorkingHost:
    slots = {each.worker: each.slots for each in works}
    silences = [each.silent_seconds for each in works if each.silent_seconds is not None]
    return WorkingHost(
        host=name,
        workers=len(slots),
        running=len(works),
        slots=None if None in slots.values() else sum(each or 0 for each in slots.values()),
        silent_seconds=max(silences, default=None),
    )


class CountedStudy(Protocol):
    """One study whose trials are counted, whichever way."""

    @property
    def study_name(self) -> str:
        """Its name."""

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """Its user attributes."""

    def states(self) -> Mapping[str, int]:
        """Trials in each state, see `Tally`."""

    def tally(self, *, proposals: int) -> Tally:
        """What decides whether it has ended.

        Args:
            proposals: Most of the last proposals.
        """

    def course(self, *, running: int) -> Course:
        """What people want to know besides.

        Args:
            running: Most of the running trials.
        """

    def operation(self) -> Operation:
        """Who works on it now, and what waits."""
