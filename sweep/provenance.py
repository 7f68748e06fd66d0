"""What a study's trials were trained with, against what is installed here."""

import optuna

from sweep.environment import versions


def changed_versions(study: optuna.Study) -> list[str]:
    """Libraries whose version is not the one that the study's last trial was trained with, as `keras 3.14 -> 3.15`."""
    trials = study.get_trials(deepcopy=False)
    known = [trial.user_attrs["versions"] for trial in trials if "versions" in trial.user_attrs]
    here, before = versions(), known[-1] if known else versions()
    return [
        f"{name} {before.get(name, 'none')} -> {here.get(name, 'none')}"
        for name in sorted(here.keys() | before.keys())
        if here.get(name) != before.get(name)
    ]
