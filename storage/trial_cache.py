"""Optuna's cache of trials, for one who asks again and again and need not see how those that run get on.

Optuna keeps the finished trials and reads the others whole at every look: two milliseconds for each that runs, a second
for 500 of them.
"""

import itertools
from collections.abc import Collection

from optuna.storages._cached_storage import _CachedStorage, _StudyInfo
from optuna.trial import FrozenTrial, TrialState

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)


class TrialCache(_CachedStorage):
    """What Optuna makes of an `RDBStorage`, with one more way to read."""

    def read_trials(self, study_id: int) -> list[FrozenTrial]:
        """All trials by number; one that runs is as it was when it was first seen with its configuration.

        What has finished is shared with `get_all_trials`, which reads the others anew.
        """
        with self._lock:
            info = self._studies.setdefault(study_id, _StudyInfo())
            last = info.last_finished_trial_id

            def read(states: Collection[TrialState], rows: set[int]) -> dict[int, FrozenTrial]:
                return {trial.number: trial for trial in self._backend._get_trials(study_id, states, rows, last)}

            number_of = self._trial_id_to_study_id_and_number
            settled = {row for row in info.unfinished_trial_ids if is_settled(info.trials[number_of[row][1]])}
            # In this order: one that ends between the two is seen in the second.
            found = read(UNFINISHED, info.unfinished_trial_ids - settled) | read(FINISHED, info.unfinished_trial_ids)
            known = info.trials.keys() | found.keys()
            count = next(number for number in itertools.count() if number not in known)
            # Those after a gap came after the first of the two, as did the one that is missing: left to the next look.
            kept = [found[number] for number in sorted(found) if number < count]
            self._add_trials_to_cache(study_id, kept)
            finished = {trial._trial_id for trial in kept if trial.state.is_finished()}
            info.unfinished_trial_ids |= {trial._trial_id for trial in kept} - finished
            info.unfinished_trial_ids -= finished
            # Of the rows up to this one, Optuna reads those again that are among the unfinished.
            info.last_finished_trial_id = max([last, *(trial._trial_id for trial in kept)])
            return [info.trials[number] for number in range(count)]


def is_settled(trial: FrozenTrial) -> bool:
    """Whether nothing changes, before the trial ends, that those who look at it from outside need.

    Its configuration is written when it has all its parameters: one that is seen between two of them is read again.
    """
    return trial.state is TrialState.RUNNING and "config" in trial.user_attrs
