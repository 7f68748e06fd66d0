"""What a study's trials come to in numbers: few values, however many trials there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

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
