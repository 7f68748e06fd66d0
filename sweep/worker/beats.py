"""Heartbeats of running trials, in a thread of their own: nothing slow may delay them."""

import threading

import optuna

from storage import Store
from storage.engines import HEARTBEAT_SECONDS, OUTAGES


class Beats:
    """Says every 15 seconds that the worker of each running trial is alive; a beat that fails is missed, no more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trials: dict[int, optuna.Trial] = {}
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="beats").start()

    def start(self, trial: optuna.Trial) -> None:
        """Beat for a trial from now on."""
        self._trials[trial.number] = trial

    def stop(self, number: int) -> None:
        """Beat no longer for a trial."""
        self._trials.pop(number, None)

    def close(self) -> None:
        """End the thread."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            for trial in list(self._trials.values()):
                try:
                    self._store.record_heartbeat(trial)
                except OUTAGES:
                    continue
