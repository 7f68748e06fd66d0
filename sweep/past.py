"""What a study's finished trials come to, kept from one claim to the next: they change no more."""

import json
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storage.tally import Best, Proposal, Tally
from sweep.counted import failure_of, states_of
from sweep.failures import FailureKind
from sweep.standing import MAX_REPEATS

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from search_spaces.plan import LayerPlan

# Failures that the same configuration would meet again.
LASTING = frozenset({FailureKind.MEMORY, FailureKind.NAN, FailureKind.INVALID, FailureKind.TIME, FailureKind.LIMIT})
SUCCESSES = ("COMPLETE", "PRUNED")


class Past:
    """One study's finished trials; what `sweep.counted.tally_of` finds by looking at all of them.

    Attributes:
        drawn: The highest draw of any trial, 0 before the first.
    """

    def __init__(self) -> None:
        self.drawn = 0
        self._seen = 0  # trials that were looked at
        self._open: list[FrozenTrial] = []  # of them, those that had not finished
        self._states: Counter[str] = Counter()
        self._best: Best | None = None
        self._last_success = -1
        self._failures: Counter[str | None] = Counter()
        self._since: list[tuple[int, str | None]] = []  # failures that may be in a row, by number
        self._proposals: list[tuple[tuple[int, int], Proposal]] = []  # the last ones, by draw and number
        self._trained: dict[tuple[str, int | None], FrozenTrial] = {}
        self._too_slow: dict[tuple[int, int], FrozenTrial] = {}  # by multiply-accumulates and parameters

    def look(self, trials: "Sequence[FrozenTrial]") -> None:
        """Take in what has finished since.

        Args:
            trials: All trials of the study, ordered by number.
        """
        looked = [*(trials[trial.number] for trial in self._open), *trials[self._seen :]]
        self._seen, self._open = len(trials), []
        for trial in looked:
            self.drawn = max(self.drawn, trial.user_attrs.get("draw", 0))
            if trial.state.is_finished():
                self._add(trial)
            else:
                self._open.append(trial)

    def tally(self) -> Tally:
        """What decides whether the study has ended."""
        return Tally(
            states={state: count + self._states[state] for state, count in states_of(self._open).items()},
            best=self._best,
            failures=dict(self._failures),
            failures_in_a_row=dict(Counter(kind for number, kind in self._since if number > self._last_success)),
            last_proposals=tuple(proposal for _, proposal in reversed(self._proposals)),
        )

    def trained(self, config: Mapping[str, Any], seed: int, *, of_study: int) -> "FrozenTrial | None":
        """The first trial that trained a configuration with a seed to an end that would come again, or None.

        Args:
            config: As a trial records it.
            seed: The seed.
            of_study: The study's, of trials that have none of their own.
        """
        keys = [(_text(config), seed), *([(_text(config), None)] if seed == of_study else [])]
        found = [self._trained[key] for key in keys if key in self._trained]
        return min(found, key=lambda trial: trial.number, default=None)

    def too_slow(self, plan: "LayerPlan") -> "FrozenTrial | None":
        """The first trial that measured a network of these layers, and found it above the limit, or None.

        Regularisers change nothing of how long a network takes: its costs say which layers it has.
        """
        return self._too_slow.get((plan.forward_macs, plan.parameters))

    def _add(self, trial: "FrozenTrial") -> None:
        state, attributes = trial.state.name, trial.user_attrs
        self._states[state] += 1
        if state == "COMPLETE" and trial.values is not None and len(trial.values) == 1:
            this = Best(number=trial.number, value=trial.values[0])
            best = self._best or this
            self._best = this if (this.value, -this.number) > (best.value, -best.number) else best
        if state in SUCCESSES and trial.number > self._last_success:
            self._last_success = trial.number
            self._since = [each for each in self._since if each[0] > trial.number]
        failure = failure_of(trial)
        if state == "FAIL":
            self._failures[failure] += 1
            if trial.number > self._last_success:
                self._since.append((trial.number, failure))
        if "draw" in attributes:
            proposal = Proposal(reused="reused_from" in attributes, failure=failure)
            insort(self._proposals, ((attributes["draw"], trial.number), proposal), key=lambda each: each[0])
            del self._proposals[:-MAX_REPEATS]
        # A confirmation is asked for by name, perhaps on a larger machine: what failed is tried again.
        lasting = attributes.get("failure") in LASTING and "confirms" not in attributes
        if failure == FailureKind.LIMIT and "latency_seconds" in attributes:
            self._too_slow.setdefault((attributes.get("forward_macs", 0), attributes.get("parameters", 0)), trial)
        if state in SUCCESSES or lasting:
            key = (_text(attributes.get("config")), attributes.get("seed"))
            first = self._trained.get(key)
            if first is None or trial.number < first.number:
                self._trained[key] = trial


def _text(config: Any) -> str:
    return json.dumps(config, sort_keys=True)
