"""The worker's loop: waits on pipes, clock and signals, and never blocks on the store."""

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Any

from storage.engines import GRACE_SECONDS
from sweep.errors import WorldError
from sweep.estimate import Estimator
from sweep.failures import FailureKind
from sweep.messages import Answer, Begun, EpochEnd, FullResult, Progress, Ready, Resumed
from sweep.past import Past
from sweep.runs import record_end, stops
from sweep.standing import End
from sweep.worker import ledger
from sweep.worker.assignment import Assignment, RunEnd
from sweep.worker.beats import Beats
from sweep.worker.beginning import Beginning
from sweep.worker.bookkeeper import Bookkeeper
from sweep.worker.calls import Calls
from sweep.worker.claiming import Claim, Ended, Wait, claim
from sweep.worker.copies import Copies
from sweep.worker.errands import Errands
from sweep.worker.finishing import Finishing
from sweep.worker.lane import Lane
from sweep.worker.liveness import WorkerMark
from sweep.worker.observer import Observer
from sweep.worker.outage import Outage, Threads
from sweep.worker.outcomes import Outcomes
from sweep.worker.slots import Slot, open_slots
from sweep.worker.trainer_process import TrainerProcess
from sweep.worker.waking import Waking

TICK_SECONDS = 0.25
WAIT_SECONDS = 2.0  # between two looks at the study: for a stop, or for trials that run elsewhere
LEAVE_SECONDS = 8.0  # after a stop: a store that does not answer keeps no one longer
CLOSE_SECONDS = 0.2  # for what the store thread is about to finish
START_ATTEMPTS = 3  # a trainer that dies so often before it is ready will not start at all


class Worker:
    """Works on a study until it ends or the process is told to stop.

    Args:
        assignment: The study and the means.
        observer: Who watches.
        estimator: Learns the machine's speed.
        early: Trainers that were started already; they are taken off the list. Default: none.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        observer: Observer,
        estimator: Estimator,
        early: list[TrainerProcess] | None = None,
    ) -> None:
        self._on = assignment
        self._observer = observer
        self._estimator = estimator
        self._early = early
        self._end: RunEnd | None = None
        self._leave_by = float("inf")  # monotonic seconds
        self._slots: list[Slot] = []
        self._known_stops = stops(assignment.study)
        self._look_after = 0.0  # monotonic seconds
        self._deaths_before_ready = 0
        self._calls = Calls()
        self._shows = Calls()  # of the study's page, apart: it keeps nobody, and nothing is lost with it
        self._past = Past()  # for the store thread alone
        self._waking = Waking(leave=self._kill_trainers)

    def run(self) -> RunEnd:
        """Work until the study ends, its time is over, or a signal comes.

        Raises:
            WorldError: If trainers cannot be started.
        """
        with self._waking:
            return self._run()

    def _run(self) -> RunEnd:
        self._slots = open_slots(self._on.slots, logs=self._on.logs, early=self._early)
        self._beats = Beats(self._on.store)
        wake = self._waking.wake
        self._books, self._drawing, self._showing = Bookkeeper(wake), Lane("drawing", wake), Lane("showing", wake)
        self._outage = Outage(self._on.files.shared, wake)
        threads = Threads(calls=self._calls, outage=self._outage, wake=wake, leave_by=lambda: self._leave_by)
        self._errands = Errands(self._on, threads)
        self._copies = Copies(self._on.files.shared, threads, note=self._observer.note)
        self._finishing = Finishing(
            self._on,
            call=self._call,
            copies=self._copies,
            errands=self._errands,
            draw=lambda call, handle: self._calls.add(self._drawing.submit(call), handle),
            show=lambda call, handle: self._shows.add(self._showing.submit(call), handle),
            read_trials=lambda: self._on.store.read_trials(self._on.study),
            note=self._observer.note,
        )
        self._outcomes = Outcomes(
            self._on,
            call=self._call,
            finishing=self._finishing,
            copies=self._copies,
            beats=self._beats,
            observer=self._observer,
            estimator=self._estimator,
        )
        self._beginning = Beginning(
            self._on,
            call=self._call,
            errands=self._errands,
            outcomes=self._outcomes,
            beats=self._beats,
            observer=self._observer,
            slots=len(self._slots),
            is_ending=lambda: self._end is not None,
        )
        try:
            with WorkerMark(self._on.marks) as self._mark:
                return self._work()
        finally:
            self._kill_trainers()
            for lane in (self._drawing, self._showing):
                lane.close(0)  # what is still drawn now has nobody who waits for it
            self._copies.close()
            self._errands.close()
            self._books.close(CLOSE_SECONDS)
            self._beats.close()

    def _work(self) -> RunEnd:
        self._errands.catch_up()
        while self._end is None or self._is_busy():
            self._wait()
            self._settle()
            self._watch_clock()
            if self._end is None:
                self._look_for_stops()
                for slot in self._slots:
                    self._claim(slot)
            self._copies.look(slot.work for slot in self._slots if slot.work is not None)
            self._outage.tell(self._observer.note)
            self._observer.tick()
        self._mark.is_settled = not self._calls and all(slot.work is None for slot in self._slots)
        told = self._tell(self._end)
        return replace(self._end, told=told, signal=self._end.signal if told else self._waking.signal)

    def _tell(self, end: RunEnd) -> bool:
        """Record why this worker leaves; False if the store did not take it in time."""
        told = False

        def recorded(_: None) -> None:
            nonlocal told
            told = True
            self._finishing.refresh()

        self._call(lambda: record_end(self._on.study, end.reason), recorded)  # first: tidying may take long
        self._finishing.sweep_up()
        while (self._calls or self._shows) and time.monotonic() < self._leave_by:
            self._wait()
            self._settle()
            self._watch_clock()
        return told

    def _is_busy(self) -> bool:
        busy = bool(self._calls) or any(slot.work is not None for slot in self._slots)
        return busy and time.monotonic() < self._leave_by

    # Waiting

    def _settle(self) -> None:
        self._calls.settle()
        self._shows.settle()

    def _wait(self) -> None:
        by_connection = {slot.trainer.connection: slot for slot in self._slots if not slot.trainer.connection.closed}
        for source in wait([*by_connection, self._waking.source], timeout=TICK_SECONDS):
            if source == self._waking.source:
                self._waking.clear()
            else:
                slot = by_connection[source]  # type: ignore[index] # wait() is typed for every kind of source
                answer = slot.trainer.receive()
                if answer is None:
                    self._trainer_died(slot, slot.trainer.wait_death())
                else:
                    self._answered(slot, answer)

    def _watch_clock(self) -> None:
        if self._waking.signal is not None:
            self._finish(RunEnd(reason=End.STOPPED, signal=self._waking.signal))
            self._leave_by = min(self._leave_by, time.monotonic() + LEAVE_SECONDS)  # if it was ending already
        if self._on.deadline is not None and time.monotonic() >= self._on.deadline:
            self._finish(RunEnd(reason=End.TIMEOUT))
        for slot in self._slots:
            work = slot.work
            if work is not None and work.time_limit is not None and time.monotonic() - work.started > work.time_limit:
                slot.stop(FailureKind.TIME)
            if slot.is_deaf():
                self._trainer_died(slot, f"no answer, ended with {slot.trainer.kill()}")

    def _look_for_stops(self) -> None:
        if time.monotonic() < self._look_after:
            return
        self._look_after = float("inf")  # until this look is answered

        def answered(found: frozenset[str] | None) -> None:
            self._look_after = time.monotonic() + WAIT_SECONDS
            if found is not None and found - self._known_stops:
                self._finish(RunEnd(reason=End.STOPPED))

        on = self._on
        self._call(lambda: stops(on.store.load(on.study.study_name)), answered)

    def _finish(self, end: RunEnd) -> None:
        if self._end is not None and self._end.reason is not End.EXHAUSTED:
            return
        self._end = end
        if end.reason is not End.EXHAUSTED:  # nothing new is left, but what runs is worth its end
            self._leave_by = time.monotonic() + LEAVE_SECONDS
            for slot in self._slots:
                slot.stop(FailureKind.INTERRUPTED)

    # Claiming

    def _claim(self, slot: Slot) -> None:
        if slot.ready is None or slot.work or slot.claiming or time.monotonic() < slot.claim_after:
            return
        if self._finishing.is_behind:
            return
        slot.claiming = True
        on = self._on
        # During an outage nobody's heartbeats arrived: the silent get a full grace period to be heard again.
        trust = self._books.seconds_since_outage() > GRACE_SECONDS
        self._call(
            lambda: claim(
                on.store, on.study, on.space, on.identity, self._mark, past=self._past, trust_heartbeats=trust
            ),
            functools.partial(self._claimed, slot),
        )

    def _claimed(self, slot: Slot, answer: Claim | Wait | Ended | None) -> None:
        slot.claiming = False
        if isinstance(answer, Ended):
            self._finish(RunEnd(reason=answer.reason))
        elif isinstance(answer, Claim):
            self._beginning.begin(slot, answer)
        elif isinstance(answer, Wait):
            slot.claim_after = time.monotonic() + WAIT_SECONDS

    # Trainers' answers

    def _answered(self, slot: Slot, answer: Answer) -> None:
        if isinstance(answer, Ready):
            slot.ready = answer
            self._deaths_before_ready = 0
            return
        work = slot.work
        if work is None or answer.trial != work.number:
            return
        if isinstance(answer, Progress):
            self._estimator.learn(work.plan, answer.images_per_second, frozen=answer.features_of is not None)
            self._observer.progress(work, answer)
        elif isinstance(answer, Begun):
            self._call(functools.partial(ledger.write_begun, work.trial, answer))
        elif isinstance(answer, Resumed):
            self._outcomes.resumed(work, answer)
        elif isinstance(answer, EpochEnd):
            self._outcomes.epoch_ended(slot, work, answer)
        elif not isinstance(answer, FullResult):  # which no trial ends with
            slot.work = None
            self._outcomes.trial_ended(work, answer)
            if slot.has_grown():
                slot.trainer.kill()
                slot.replace_trainer()

    def _trainer_died(self, slot: Slot, how: str) -> None:
        work, slot.work = slot.work, None
        if slot.ready is None:
            self._deaths_before_ready += 1
            if self._deaths_before_ready >= START_ATTEMPTS:
                raise WorldError(f"Trainers end before they are ready ({how}). What they printed is in {slot.log}.")
        if work is not None:
            self._outcomes.trainer_died(work, how)
        if self._end is None:
            slot.replace_trainer()

    def _kill_trainers(self) -> None:
        for slot in self._slots:
            slot.trainer.kill()

    def _call(self, call: Callable[[], Any], handle: Callable[[Any], None] = lambda _: None) -> None:
        self._calls.add(self._books.submit(call), handle)
