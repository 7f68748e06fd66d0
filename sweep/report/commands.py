"""The commands that repeat a study."""

import shlex
from collections.abc import Mapping

from sweep.affordable import within_limits
from sweep.budget import Budget
from sweep.duration import format_duration
from sweep.limits import NetworkLimits
from sweep.preparation import SEED
from sweep.queueing import EXPERIMENT_NAMES
from sweep.recipe import RECIPES
from sweep.report.facts import StudyFacts
from sweep.titles import format_value

DEFAULTS: dict[str, object] = {
    "limit": None,
    "sampler": "tpe",
    "pruner": "median",
    "dataset": "fashion-mnist",
    "image_size": None,
}


def start_command(study: StudyFacts) -> str:
    """`sweep start` with every option that is not its default, and the seed."""
    identity = study.identity
    name = f"{identity.family}-quick" if identity.quick_look else identity.family
    options: dict[str, object] = {
        "study": None if study.name == name else study.name,
        **_different(identity, {"recipe": None if study.space is None else study.space.default_recipe}),
        **_different(identity, vars(RECIPES[identity.recipe])),
        **_different(identity, DEFAULTS),
        "weights": "none" if identity.weights == "none" else None,
        **NetworkLimits.of(identity).options(),
        **_rules(study.budget),
        "seed": identity.seed,
        "precision": _precision(study),
    }
    words = ["sweep", "start", "--family", identity.family]
    for family in identity.without:
        words += ["--without", family]
    for experiment in _chosen(study):
        words += ["--experiment", experiment]
    for option, value in options.items():
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join([*words, *(["--color"] if identity.color else [])])


def _different(values: object, defaults: Mapping[str, object]) -> dict[str, object]:
    """Those that are not their defaults; a recipe's name is none of the options."""
    return {
        name: getattr(values, name)
        for name, default in defaults.items()
        if name != "name" and getattr(values, name) != default
    }


def _chosen(study: StudyFacts) -> list[str]:
    """The reported experiments and first trials that were asked for; none where the family's all came by themselves."""
    if study.space is None:
        return []
    within = within_limits(study.space.experiments, study.space, study.identity)
    known = {trial.attributes.get(name) for trial in study.trials for name in EXPERIMENT_NAMES}
    chosen = [each.id for each in within if each.id in known]
    return [] if len(chosen) == len(within) else chosen


def _precision(study: StudyFacts) -> object:
    """What all trials were computed in; None where that differs or was not recorded."""
    policies = {trial.attributes["dtype_policy"] for trial in study.trials if trial.attributes.get("dtype_policy")}
    return next(iter(policies)) if len(policies) == 1 else None


def enqueue_commands(study: StudyFacts) -> list[str]:
    """`sweep enqueue` for what people had trained besides."""
    # A family's first trials come with the study, and a retry is what was asked for before.
    asked = [
        trial
        for trial in study.trials
        if trial.attributes.get("enqueued") and not {"retry_of", "first_trial"} & trial.attributes.keys()
    ]
    return [
        shlex.join(["sweep", "enqueue", study.name, *(f"{name}={_exactly(value)}" for name, value in config.items())])
        for trial in asked
        if (config := trial.config)
    ]


def _exactly(value: object) -> str:
    """A hyperparameter with every digit, as `sweep enqueue` takes it."""
    return repr(value) if isinstance(value, float) else format_value(value)


def remarks(study: StudyFacts) -> list[str]:
    """What the commands do not say."""
    identity = study.identity
    remarks = []
    if identity.seed == SEED:
        remarks.append(f"The seed {SEED} is the default; it is written out because everything is drawn from it.")
    else:
        remarks.append(f"The seed {identity.seed} draws the validation images, the weights and the search.")
    if identity.weights not in (None, "imagenet", "none"):
        remarks.append("The backbones' weights came from a folder of files: name it with --weights.")
    if identity.dataset not in ("fashion-mnist", "digits"):
        remarks.append(f"The images must be the same: their SHA-256 is {identity.dataset_sha256}.")
    remarks.append(
        "With several trainers or hosts the order in which trials end decides what is proposed next, so the search "
        "may take another way; --slots 1 keeps the order. Equal weights to the last bit need --deterministic on the "
        "same machine, if it was given the first time: that is not recorded."
    )
    return remarks


def _rules(budget: Budget) -> dict[str, object]:
    rules = _different(budget, vars(Budget()))
    if rules.get("trial_timeout") is not None:
        rules["trial_timeout"] = f"{budget.trial_timeout:g}s"
    return rules


def rules_in_words(budget: Budget) -> str:
    """What ends the study."""
    rules = [f"{budget.trials:,} finished trials, reported experiments included"]
    if budget.until is not None:
        rules.append(f"a validation accuracy of {100 * budget.until:g} %")
    rules.append(f"{budget.max_failures} failures in a row")
    if budget.trial_timeout is not None:
        rules.append(f"a trial ends after {format_duration(budget.trial_timeout)}")
    rules.append(f"a crashed trial is tried {budget.max_retries} times again")
    return "; ".join(rules)
