"""A study and its queue in the store, made of terms that were checked before."""

import optuna

from storage import Store
from storage.address import Address
from sweep.budget import BudgetChange, change_budget
from sweep.identity import ATTRIBUTE, read_identity, refuse_another_identity
from sweep.places import settle_place
from sweep.preparation import Prepared
from sweep.queueing import enqueue_experiments


def create_or_resume(
    prepared: Prepared, store: Store, change: BudgetChange, artifacts: Address | None = None
) -> tuple[optuna.Study, list[str]]:
    """Create the study and its queue where they are missing, and store what the command asks of the budget.

    Args:
        prepared: The study's terms.
        store: The store, open for writing.
        change: What the command asks of the budget.
        artifacts: Where it asks the files to be kept besides the homes; None: as recorded. Default: None.

    Returns:
        The study, and lines worth telling.
    """
    stored = store.find(prepared.name)
    if stored is not None:
        stored.get_trials(deepcopy=False)  # thousands take seconds, not under the lock: finished ones are remembered
    with store.lock(prepared.name):
        study = store.find(prepared.name) or store.create(prepared.name, metric="validation accuracy")
        is_new = read_identity(study) is None
        moved = settle_place(study, artifacts, is_new=is_new)  # before the identity, which those who join wait for
        if is_new:
            study.set_user_attr(ATTRIBUTE, prepared.identity.to_dict())
        else:
            refuse_another_identity(study, prepared.identity)
        # A creation that was cut short is completed here; a complete one is left as it is.
        enqueue_experiments(study, prepared.space, prepared.experiments)
        return study, change_budget(study, change) + moved
