"""What `start` and `join` say before they work and after: terms, time, why it ended, what to type next."""

import shlex

import optuna
from optuna.trial import TrialState

from sweep.affordable import within_limits
from sweep.budget import Budget, read_budget
from sweep.cli.options import Place
from sweep.cli.place import where
from sweep.cli.streams import notes, out
from sweep.cli.tables import next_steps, trials_table
from sweep.data.dataset import FASHION_MNIST
from sweep.documents import trial_documents
from sweep.duration import format_ahead
from sweep.estimate import Counts, Estimator, study_seconds
from sweep.identity import read_identity
from sweep.limits import NetworkLimits
from sweep.preparation import Prepared
from sweep.provenance import changed_versions
from sweep.recipe import in_words
from sweep.standing import End, Standing, standing_of
from sweep.worker.assignment import RunEnd

LONG_SECONDS = 3600.0  # above it, a quick look is offered


def tell_end(study: optuna.Study, prepared: Prepared, end: RunEnd, place: Place) -> None:
    """The table of trials, why the run ended, and what to type next."""
    out.print(
        trials_table(prepared.name, trial_documents(study, prepared.space), quick_look=prepared.identity.quick_look)
    )
    now = standing_of(study)
    notes.print(_why(end, now, study, place), soft_wrap=True)
    for line in next_steps(prepared.name, now, place, reported=bool(prepared.space.reported)):
        notes.print(line, soft_wrap=True)  # a command that is broken into lines cannot be pasted


def _why(end: RunEnd, now: Standing, study: optuna.Study, place: Place) -> str:
    budget = read_budget(study)
    counts = f"{now.complete} complete, {now.pruned} pruned, {now.failed} failed, {now.waiting} waiting"
    trials = f"sweep trials {shlex.quote(study.study_name)}{where(place)}"
    words = {
        End.TRIALS: f"Done: {now.finished} of {budget.trials} trials finished",
        End.UNTIL: f"Done: validation accuracy {budget.until} reached",
        End.TIMEOUT: "The time given with --timeout is over; the same command goes on from here",
        End.STOPPED: "Stopped; what was running waits again, and the same command goes on from here",
        End.EXHAUSTED: f"Done: the space has nothing new to offer{_within_limits(study)}",
        End.FAILURES: f"Given up after {budget.max_failures} failures in a row; see `{trials}`",
    }
    return f"{words[end.reason]} ({counts})."


def _within_limits(study: optuna.Study) -> str:
    identity = read_identity(study)
    limits = "" if identity is None else NetworkLimits.of(identity).in_words()
    return f" with {limits}" if limits else ""


def announce(
    prepared: Prepared,
    study: optuna.Study | None,
    trials: int | None,
    estimator: Estimator,
    place: Place,
    timeout: float | None = None,
) -> None:
    """What will be trained, and how long that takes at most.

    Args:
        prepared: The study's terms.
        study: The study, or None where it does not exist yet.
        trials: Finished trials wanted, or None: as stored, else the default.
        estimator: What is known of this machine's speed.
        place: Where the study is, or will be.
        timeout: Seconds after which this run ends; None (default): when all is done.
    """
    identity, (train, validation, test) = prepared.identity, prepared.images
    look = " (a quick look: no verdict on the report)" if identity.quick_look else ""
    notes.print(
        f"Study '{prepared.name}'{look}: family {identity.family}, {identity.dataset} from {prepared.found_data}, "
        f"{train:,} training, {validation:,} validation and {test:,} test images, "
        f"{in_words(identity.epochs, identity.patience, identity.batch_size)}."
    )
    for line in limit_lines(prepared):
        notes.print(line)
    if identity.weights == "none":
        notes.print("The backbones have random weights: what comes out says nothing about the report.")
    if study is not None:
        changed = changed_versions(study)
        if changed:
            notes.print(f"Note: its last trial was trained with other versions: {', '.join(changed)}.")
    counts = ahead(prepared, study, trials)
    if counts.wanted == 0:
        return
    seconds = study_seconds(estimator, prepared.space, identity, counts)
    if seconds is None:
        notes.print("How long it takes is said after the first batches: nothing was measured on this machine yet.")
        return
    notes.print(f"At this machine's last measured rate {format_ahead(seconds, timeout)}.")
    if min(seconds, timeout or seconds) > LONG_SECONDS and not identity.quick_look:
        notes.print(f"A quick look first: {quick_look(prepared)}{where(place)}", soft_wrap=True)


def quick_look(prepared: Prepared) -> str:
    """The command that trains the same networks on few of the same images, in minutes."""
    identity, data, files = prepared.identity, prepared.data, list(prepared.backbone_weights.values())
    options = {
        "recipe": None if identity.recipe == prepared.space.default_recipe else identity.recipe,
        "dataset": None if data.name == FASHION_MNIST else data.name,
        "data-dir": data.data_dir,
        "image-size": data.image_size,
        "weights": {"imagenet": None, "none": "none"}.get(identity.weights or "imagenet", files and files[0].parent),
        **NetworkLimits.of(identity).options(),
        "limit": 700,
        "epochs": 4,
        "batch-size": None if identity.batch_size is None else 16,
    }
    words = ["sweep", "start", "--family", identity.family]
    words += [word for family in identity.without for word in ("--without", family)]
    words += [word for name in prepared.experiments or () for word in ("--experiment", name)]
    words += [word for option, value in options.items() if value is not None for word in (f"--{option}", str(value))]
    return shlex.join([*words, *(["--color"] if data.color else [])])


def limit_lines(prepared: Prepared) -> list[str]:
    """The limits of a study's networks, and which reported experiments are above them; no line without limits."""
    space, limits = prepared.space, NetworkLimits.of(prepared.identity)
    if not limits.any:
        return []
    lines = [f"Networks: {limits.in_words()}."]
    within = within_limits(space.experiments, space, prepared.identity)
    above = [each.id for each in space.experiments if each not in within]
    if above:
        lines.append(
            f"Above the limits, and not trained: {', '.join(above)} ({len(above)} of {len(space.experiments)})."
        )
    return lines


def ahead(prepared: Prepared, study: optuna.Study | None, trials: int | None) -> Counts:
    """How much is still to be trained; arguments as for `announce`."""
    train, validation, _ = prepared.images
    coming: list[str] = []
    done: set[str] = set()
    if study is None:
        offered = [each.id for each in prepared.space.experiments]
        coming = [name for name in offered if prepared.experiments is None or name in prepared.experiments]
        wanted = trials or Budget().trials
    else:
        for trial in study.get_trials(deepcopy=False):
            name = trial.user_attrs.get("baseline") or trial.user_attrs.get("first_trial")
            if name is not None and trial.state is TrialState.COMPLETE:
                done.add(name)
            elif name is not None and not trial.state.is_finished():
                coming.append(name)
        wanted = (trials or read_budget(study).trials) - standing_of(study).finished
    return Counts(
        wanted=max(0, wanted), enqueued=tuple(coming), done=frozenset(done), train=train, validation=validation
    )
