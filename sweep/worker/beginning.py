"""From a claimed trial to a trainer at work on it."""

import functools
from collections.abc import Callable

from search_spaces.plan import LayerPlan
from sweep.environment import host_name
from sweep.failures import FailureKind
from sweep.limits import NetworkLimits
from sweep.messages import Stopped
from sweep.titles import title_of
from sweep.worker import ledger
from sweep.worker.assignment import Assignment, job_of
from sweep.worker.beats import Beats
from sweep.worker.claiming import Claim
from sweep.worker.errands import Copied, Errands
from sweep.worker.finishing import Call
from sweep.worker.observer import Observer
from sweep.worker.outcomes import Outcomes
from sweep.worker.slots import Slot, Work


class Beginning:
    """Gives claimed trials to trainers, once what they go on from is on this host.

    Args:
        assignment: The study and the means.
        call: Queues a call on the store; its answer goes to the second function.
        errands: Fetches what is on other hosts.
        outcomes: Ends trials that cannot begin.
        beats: Heartbeats, which begin with the claim.
        observer: Who watches.
        slots: This worker's trainers.
        is_ending: Whether this worker leaves: then nothing begins any more.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        call: Call,
        errands: Errands,
        outcomes: Outcomes,
        beats: Beats,
        observer: Observer,
        slots: int,
        is_ending: Callable[[], bool],
    ) -> None:
        self._on = assignment
        self._call = call
        self._errands = errands
        self._outcomes = outcomes
        self._beats = beats
        self._observer = observer
        self._slots = slots
        self._is_ending = is_ending

    def begin(self, slot: Slot, claimed: Claim) -> None:
        """Have a trial trained in a slot, or end it where it cannot be, or need not."""
        on, trial = self._on, claimed.trial
        self._observer.study_at(claimed.finished, claimed.budget.trials)
        title = title_of(claimed.attributes, claimed.configuration.to_dict())
        if claimed.repeat_of is not None:
            self._outcomes.repeated(trial, title, claimed.repeat_of)
            return
        try:
            plan = claimed.configuration.plan(on.identity.image_shape, len(on.identity.labels))
        except Exception as error:  # noqa: BLE001 - a family's own code, perhaps from another package
            self._outcomes.refused(trial, title, FailureKind.INVALID, str(error))
            return
        # The sampler proposes none, but another tool may have enqueued one. What is confirmed was trained already.
        excess = None if "confirms" in claimed.attributes else NetworkLimits.of(on.identity).excess(plan)
        if excess is not None:
            self._outcomes.refused(trial, title, FailureKind.LIMIT, excess)
            return
        self._beats.start(trial)
        slot.claiming = True  # nothing else, until what it goes on from is here
        began = functools.partial(self._begin, slot, claimed, title, plan)
        self._errands.fetch(_gone_on_from(on, claimed), began)

    def _begin(self, slot: Slot, claimed: Claim, title: str, plan: LayerPlan, problem: str | None) -> None:
        on, trial, ready = self._on, claimed.trial, slot.ready
        slot.claiming = False
        work = Work(
            trial=trial,
            title=title,
            plan=plan,
            baseline="baseline" in claimed.attributes,
            confirms="confirms" in claimed.attributes,
            time_limit=claimed.budget.trial_timeout,
            job=job_of(on, trial.number, claimed.configuration, plan, claimed.attributes, claimed.before),
            without_checkpoint=problem or _on_another_host(on, claimed),
        )
        if self._is_ending():  # the stop came while the claim was under way
            self._outcomes.trial_ended(work, Stopped(trial=work.number))
            return
        if ready is not None:
            write = functools.partial(ledger.write_start, trial, work.job, on.identity, ready, slots=self._slots)
            self._call(write, lambda _: None)
        slot.begin(work)
        self._outcomes.begun(work)


def _gone_on_from(on: Assignment, claimed: Claim) -> list[list[Copied]]:
    """What a trial goes on from: of the attempts before it one checkpoint, of a study that it confirms the weights."""
    found = [[(on.files.shared, on.files.checkpoint(number)) for number in claimed.before]]
    source = claimed.attributes.get("takes_over")
    if on.confirmed is not None and source is not None:
        found.append([(on.confirmed.shared, on.confirmed.weights(source["trial"]))])
    return found


def _on_another_host(on: Assignment, claimed: Claim) -> str | None:
    """Why a retry's checkpoint is not here where hosts share none; None where that is no reason."""
    if on.files.shared is not None or claimed.host_before in (None, host_name()):
        return None
    return f"its checkpoint, if there is one, is on host {claimed.host_before}; --artifacts shares them between hosts"
