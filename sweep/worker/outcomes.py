"""From what a trainer answered to what the study records: the rules of a trial's life."""

import math
import time

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from sweep import evidence
from sweep.budget import read_budget
from sweep.environment import oom_kills
from sweep.estimate import Estimator
from sweep.failures import FailureKind
from sweep.messages import EpochEnd, Failure, Result, Resumed, Stopped
from sweep.metrics import scores
from sweep.worker import ledger
from sweep.worker.assignment import Assignment
from sweep.worker.beats import Beats
from sweep.worker.copies import Copies
from sweep.worker.finishing import Call, Finishing
from sweep.worker.observer import Observer, TrialEnd
from sweep.worker.slots import Slot, Work


class Outcomes:
    """Decides how trials end, has it written down, and tells who watches.

    Args:
        assignment: The study.
        call: Queues a call on the store; its answer goes to the second function.
        finishing: Ends trials that leave something to look at.
        copies: Copies the last checkpoint of a trial that is given back.
        beats: Heartbeats, to be ended with the trial.
        observer: Who watches.
        estimator: Learns the machine's speed.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        call: Call,
        finishing: Finishing,
        copies: Copies,
        beats: Beats,
        observer: Observer,
        estimator: Estimator,
    ) -> None:
        self._on = assignment
        self._call = call
        self._finishing = finishing
        self._copies = copies
        self._best = -math.inf  # validation accuracy seen here
        self._beats = beats
        self._observer = observer
        self._estimator = estimator

    def begun(self, work: Work) -> None:
        """A trainer has the trial."""
        self._finishing.prepare(None if work.may_prune else self._subject(work))
        self._observer.trial_started(work)

    def repeated(self, trial: optuna.Trial, title: str, earlier: FrozenTrial) -> None:
        """The trial's configuration has ended before."""
        study = self._on.study
        self._call(
            lambda: ledger.write_repeat(study, trial, earlier),
            lambda _: self._tell(trial.number, title, "repeat", earlier.value, f"as trial {earlier.number}"),
        )

    def refused(self, trial: optuna.Trial, title: str, kind: FailureKind, message: str) -> None:
        """The trial's configuration has no network on these images, or one that is above the study's limits."""
        study = self._on.study
        self._call(
            lambda: ledger.write_failure(study, trial, kind, message),
            lambda _: self._tell(trial.number, title, "failed", None, f"{kind.value}: {message}"),
        )

    def resumed(self, work: Work, answer: Resumed) -> None:
        """The trainer goes on from a checkpoint: what was reported before belongs to this attempt too."""
        work.history[:] = answer.history
        work.resumed_after = len(answer.history) or None
        if answer.problem is not None:
            self._observer.note(f"trial {work.number}  begins again: {work.without_checkpoint or answer.problem}")
        else:
            self._observer.note(f"trial {work.number}  goes on after epoch {len(answer.history)}  {work.title}")
        self._call(lambda: ledger.write_resumed(work.trial, answer.history), lambda _: None)

    def epoch_ended(self, slot: Slot, work: Work, end: EpochEnd) -> None:
        """Report an epoch, and stop the trainer if the pruner says so."""
        work.history.append(end)
        self._observer.epoch_ended(work, end)

        def decided(because: str | None) -> None:
            if because is not None and slot.work is work:
                slot.stop(because)

        self._call(lambda: ledger.write_epoch(work.trial, end, may_prune=work.may_prune), decided)

    def trial_ended(self, work: Work, answer: Result | Stopped | Failure) -> None:
        """Write down what a trainer answered."""
        if isinstance(answer, Result):  # even if a stop was on its way: what is done counts
            self._complete(work, answer)
        elif isinstance(answer, Failure) and answer.kind is not FailureKind.CRASH:
            self._fail(work, answer.kind, answer.message)
        elif isinstance(answer, Failure):
            self._give_back(work, FailureKind.CRASH, answer.message)
        elif work.stopping is FailureKind.TIME:
            self._fail(work, FailureKind.TIME, f"longer than {work.time_limit:.0f} s")
        elif isinstance(work.stopping, FailureKind) or work.stopping is None:
            self._give_back(work, FailureKind.INTERRUPTED, "stopped")
        else:
            self._prune(work, work.stopping)

    def trainer_died(self, work: Work, how: str) -> None:
        """The trainer ended without an answer; `how` is its signal or exit code."""
        if how == "signal 9" and oom_kills() > work.oom_kills_before:
            self._fail(work, FailureKind.MEMORY, "the kernel killed the trainer: out of memory")
        elif work.stopping is not None:  # it was deaf, and was killed for it
            self.trial_ended(work, Stopped(trial=work.number))
        else:
            self._give_back(work, FailureKind.CRASH, f"its trainer died: {how}")

    def _complete(self, work: Work, result: Result) -> None:
        study, trial, subject = self._on.study, work.trial, self._subject(work)
        self._estimator.remember(work.plan, result)
        if not result.weights_kept:
            self._observer.note(f"trial {work.number}  its weights could not be written; see the trainer's log")
        accuracy = scores(np.asarray(result.validation.confusion_matrix)).accuracy
        self._best = max(self._best, accuracy)
        with_features = not work.may_prune or accuracy >= self._best
        self._finishing.end(
            work,
            lambda: evidence.of_complete(subject, result, with_features=with_features),
            lambda: ledger.write_result(study, trial, result, confirms=work.confirms),
            lambda value: self._end(work, "complete", value, f"in float32, best epoch {result.best_epoch}"),
        )

    def _prune(self, work: Work, because: str) -> None:
        study, trial, history, subject = self._on.study, work.trial, tuple(work.history), self._subject(work)
        self._finishing.end(
            work,
            lambda: evidence.of_cut(subject, history, pruned=True),
            lambda: ledger.write_pruned(study, trial, history, because),
            lambda _: self._end(work, "pruned", None, because),
        )

    def _fail(self, work: Work, kind: FailureKind, message: str) -> None:
        study, trial, history, subject = self._on.study, work.trial, tuple(work.history), self._subject(work)
        self._finishing.end(
            work,
            lambda: evidence.of_cut(subject, history, pruned=False),
            lambda: ledger.write_failure(study, trial, kind, message, history),
            lambda _: self._end(work, "failed", None, f"{kind.value}: {message}"),
        )

    def _subject(self, work: Work) -> evidence.Subject:
        return evidence.Subject(
            number=work.number,
            title=work.title,
            plan=work.plan,
            labels=self._on.identity.labels,
            resumed_after=work.resumed_after,
        )

    def _give_back(self, work: Work, kind: FailureKind, message: str) -> None:
        on, trial = self._on, work.trial

        def give_back() -> bool:
            with on.store.lock(on.study.study_name):  # nobody reaps it meanwhile
                retries = read_budget(on.store.load(on.study.study_name)).max_retries
                return ledger.give_back(on.study, trial, kind, message, max_retries=retries)

        def told(waits: bool | None) -> None:
            state, way = ("requeued", "") if waits else ("failed", "; not tried again")
            self._end(work, state, None, f"{kind.value}: {message}{way}")

        self._copies.copy_last_checkpoint(work, lambda: self._call(give_back, told))

    def _end(self, work: Work, state: str, value: float | None, text: str) -> None:
        self._beats.stop(work.number)
        self._tell(work.number, work.title, state, value, text, time.monotonic() - work.started)

    def _tell(self, number: int, title: str, state: str, value: float | None, text: str, seconds: float = 0.0) -> None:
        self._observer.trial_ended(
            TrialEnd(number=number, title=title, state=state, value=value, text=text, seconds=seconds)
        )
