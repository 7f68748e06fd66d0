"""Which network of a study is exported, and everything the study knows of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Configuration, LayerPlan
from storage import Store
from sweep.confirming.full import FullModel, find_full, is_outdated
from sweep.confirming.pairs import confirmations_of
from sweep.confirming.results import Confirmation, confirmations
from sweep.disk_limit import WEIGHTS
from sweep.environment import host_name
from sweep.errors import UsageError, WorldError
from sweep.export.configuration import choose_trial, configuration_document, document_of
from sweep.identity import Identity, read_identity
from sweep.trial_files import TrialFiles

MOST_NAMED = 20  # trials that one message names


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The network that is exported.

    Attributes:
        study_name: The study whose trial it is.
        trial: The trial's number; None for a full model.
        trained: The trial that was really trained: a repeat has another one's weights. None for a full model.
        part: `trial`, or `full` for a model that was trained on the validation images too.
        config: Its configuration.
        identity: The study's.
        seed: Of its weights and of the validation split.
        weights: File of its weights in the home; it may be missing.
        measured: User attributes of the trial that was trained.
        document: What `config.json` holds of it.
        confirmed: How it did over several seeds, or None: `seeds` (how many), `mean`, `std` of the test accuracy.
        passed_over: The full model that is not exported because this network ranks before its one. Default: None.
    """

    study_name: str
    trial: int | None
    trained: int | None
    part: str
    config: Mapping[str, Any]
    identity: Identity
    seed: int
    weights: Path
    measured: Mapping[str, Any]
    document: Mapping[str, Any]
    confirmed: Mapping[str, Any] | None
    passed_over: FullModel | None = None

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"the full model of '{self.study_name}'" if self.trial is None else f"trial {self.trial}"

    @property
    def plan(self) -> LayerPlan:
        """Its layers."""
        return self.configuration.plan(self.identity.image_shape, len(self.identity.labels))

    @property
    def configuration(self) -> Configuration:
        """Its configuration, as one of the study's search space."""
        return self.identity.search_space.from_dict(self.config)


def choose_model(store: Store, name: str, number: int | None, *, home: Path) -> Candidate:
    """The model of a study that is exported: the trial of that number, else the best there is.

    Args:
        store: Holds the study.
        name: The study.
        number: Of a trial; None: of the configuration that the confirmation ranks first the full model, else its
            training with the study's own seed; where nothing was confirmed the best trial.
        home: The home, where weights are kept.

    Raises:
        UnknownStudyError: If there is no such study.
        UsageError: If the study has no such trial, or the trial is not complete, or sweep did not make the study.
    """
    study = store.load(name)
    confirming = confirmations_of(store, study)
    found = [] if confirming is None else confirmations(confirming)
    if number is None and confirming is not None:
        files = TrialFiles.of(home, confirming, store.location)
        model = find_full(confirming, found)
        if model is not None and not is_outdated(model, found):
            return _of_full(confirming, model, found, files)
        if found:  # the study's own seed is the first one
            first = _of_trial(confirming, choose_trial(confirming, found[0].seeds[0].trial), files, found)
            return replace(first, passed_over=model)
    return _of_trial(study, choose_trial(study, number), TrialFiles.of(home, study, store.location), found)


def _of_full(confirming: optuna.Study, model: FullModel, found: Sequence[Confirmation], files: TrialFiles) -> Candidate:
    identity = read_identity(confirming)
    if identity is None:
        raise UsageError(f"Study '{confirming.study_name}' was not made by sweep.")
    attributes = model.measured | {"config": model.config, "seed": model.seed, "best_epoch": model.epochs}
    return Candidate(
        study_name=confirming.study_name,
        trial=None,
        trained=None,
        part="full",
        config=model.config,
        identity=identity,
        seed=model.seed,
        weights=files.artifacts.path(model.artifact_id),
        measured=attributes,
        document=document_of(confirming.study_name, identity, None, attributes),
        confirmed=_confirmed(found, model.trial),
    )


def _confirmed(found: Sequence[Confirmation], finalist: int) -> dict[str, Any] | None:
    """How a finalist did over several seeds."""
    for each in found:
        if each.trial == finalist and len(each.seeds) > 1:
            return {"seeds": len(each.seeds), "mean": each.test.mean, "std": each.test.std}
    return None


def _of_trial(study: optuna.Study, trial: FrozenTrial, files: TrialFiles, found: Sequence[Confirmation]) -> Candidate:
    document = configuration_document(study, trial)
    identity = read_identity(study)
    if identity is None:  # the document was not made then
        raise UsageError(f"Study '{study.study_name}' was not made by sweep.")
    trained = trained_trial(study, trial)
    return Candidate(
        study_name=study.study_name,
        trial=trial.number,
        trained=trained.number,
        part="trial",
        config=trial.user_attrs["config"],
        identity=identity,
        seed=trained.user_attrs.get("seed", identity.seed),
        weights=files.weights(trained.number),
        measured=trained.user_attrs,
        document=document,
        confirmed=_confirmed(found, trial.user_attrs.get("confirms", trained.number)),
    )


def trained_trial(study: optuna.Study, trial: FrozenTrial) -> FrozenTrial:
    """The trial itself, or the one that it repeats."""
    trials = study.get_trials(deepcopy=False)
    while "reused_from" in trial.user_attrs:
        trial = trials[trial.user_attrs["reused_from"]]
    return trial


def bring_weights(store: Store, candidate: Candidate, *, home: Path, note: Callable[[str], None]) -> bool:
    """Fetch a model's weights from its study's place, unless they are in the home.

    Args:
        store: Holds the study.
        candidate: The model.
        home: The home.
        note: Told when they were fetched.

    Returns:
        Whether they are in the home now.

    Raises:
        WorldError, PlaceError: If the place has them, and they cannot be fetched or written.
    """
    files = TrialFiles.of(home, store.load(candidate.study_name), store.location)
    if candidate.weights.is_file() or files.shared is None:
        return candidate.weights.is_file()
    try:
        is_here = files.shared.fetch(candidate.weights)
    except OSError as error:
        raise WorldError(f"{candidate.weights} cannot be written: {error.strerror}. Choose another --home.") from error
    if is_here:
        note(f"Fetched {files.shared.url(candidate.weights)}.")
    return is_here


def refuse_missing_weights(store: Store, candidate: Candidate, *, home: Path) -> None:
    """Refuse a model whose weights are not on this host, see `bring_weights`.

    Raises:
        WorldError: If they are not; the message names the trials whose weights are to be had, and the ways out.
    """
    if candidate.weights.is_file():
        return
    study = store.load(candidate.study_name)
    files = TrialFiles.of(home, study, store.location)
    shared = set() if files.shared is None else files.shared.names(WEIGHTS)
    paths = {
        trial.number: files.weights(trained_trial(study, trial).number)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    }
    found = [str(number) for number, path in paths.items() if path.is_file() or path.name in shared]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    here = "here" if files.shared is None else f"here or at {files.shared}"
    kept = (
        f"Trials whose weights are {here}: {', '.join(found[:MOST_NAMED])}{more}."
        if found
        else f"No trial's are {here}."
    )
    host = candidate.measured.get("host")
    elsewhere = "" if host in (None, host_name()) else f" It was trained on host {host}."
    repeats = "" if candidate.trained == candidate.trial else f", which repeats trial {candidate.trained},"
    choose = "Choose one of them with --trial, or train" if found else "Train"
    raise WorldError(
        f"The weights of {candidate.name}{repeats} were not kept on this host: {candidate.weights} is missing."
        f"{elsewhere} {kept} {choose} this configuration again with --retrain; "
        "--format config needs no weights."
    )
