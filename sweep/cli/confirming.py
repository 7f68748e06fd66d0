"""The command that trains finalists again with several seeds, and the best of them on all images."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path

from optuna.trial import FrozenTrial
from rich.table import Table

from storage import Store
from sweep.cli.options import Means, Place, Work
from sweep.cli.place import reading_store, take_place, tell_place, where, writing_store
from sweep.cli.running import check, disk_limit, exit_code, work_on
from sweep.cli.streams import notes, out
from sweep.cli.tables import outdated_full
from sweep.confirming.full import FullModel, epochs_of, find_full, is_full_model_of, is_outdated, train_full
from sweep.confirming.pairs import (
    Pair,
    choose_finalists,
    confirming_name,
    create_or_extend,
    find_confirming,
    missing_pairs,
    pairs_of,
)
from sweep.confirming.results import Confirmation, Spread, confirmations
from sweep.documents import to_json
from sweep.duration import format_duration
from sweep.estimate import Estimator
from sweep.feature_files import features_folder
from sweep.messages import Job
from sweep.preparation import Prepared, prepare_to_join
from sweep.recipe import batch_size_of, training_of
from sweep.runs import record_begin
from sweep.titles import title_of
from sweep.trial_files import TrialFiles
from sweep.worker.once import StoppedBySignalError


def confirm(
    name: str, work: Work, means: Means, place: Place, *, top: int, seeds: int, baselines: bool, full: bool, json: bool
) -> int:
    """Confirm a study's finalists; returns the exit code."""
    check(work)
    with reading_store(place) as store:  # a refusal leaves nothing behind
        study = store.load(name)
        finalists = choose_finalists(study, top=top, baselines=baselines)
        prepared = prepare_to_join(
            name,
            store,
            cache=place.home / "cache",
            dataset=means.dataset,
            data_dir=means.data_dir,
            weights=means.weights,
        )
        pairs = pairs_of(finalists, prepared.identity, seeds=seeds)
        missing = missing_pairs(find_confirming(store, name), pairs)
    _announce(prepared, finalists, seeds, missing, full=full)
    code = 0
    with writing_store(place) as store:
        take_place(store.load(name), store, place)
        confirming, _ = create_or_extend(store, name, prepared.space, prepared.identity, pairs)
        tell_place(confirming)
        confirmed = replace(prepared, name=confirming_name(name))
        rates = place.home / "cache" / "rates.json"
        estimator = Estimator(rates, family=prepared.identity.family, precision=work.precision)
        if any(not trial.state.is_finished() for trial in confirming.get_trials(deepcopy=False)):
            record_begin(confirming, "start")
            code = exit_code(work_on(confirmed, store, confirming, work, place, estimator, None))
        confirming = store.load(confirmed.name)
        found = confirmations(confirming)
        model = find_full(confirming, found)
        # Not of what is found alone: a finalist that no seed could train is not among it.
        done = {(each.trial, seed.seed) for each in found for seed in each.seeds}
        is_whole = all((pair.finalist.number, pair.seed) in done for pair in pairs)
        if code == 0 and full and is_whole:
            code, model = _train_full(store, confirmed, found, model, work, place)
    _show(confirmed.name, found, model, as_json=json)
    if model is not None and is_outdated(model, found):
        notes.print(outdated_full(model, name, place), soft_wrap=True)
    if code == 0 and not is_whole:
        trials = f"sweep trials {shlex.quote(confirmed.name)}{where(place)}"
        notes.print(f"Not all could be trained: see `{trials}`; the same command tries again.", soft_wrap=True)
        return 1
    return code


def _announce(prepared: Prepared, finalists: list[FrozenTrial], seeds: int, missing: list[Pair], *, full: bool) -> None:
    """What will be trained, and how long that takes."""
    identity = prepared.identity
    last = identity.seed + seeds - 1
    notes.print(
        f"Confirming {len(finalists)} of '{prepared.name}' with {seeds} seeds each "
        f"({identity.seed}{f' to {last}' if seeds > 1 else ''}): "
        + ", ".join(f"trial {each.number}" for each in finalists)
        + "."
    )
    seconds = sum(_seconds(each.finalist) for each in missing if each.seed != identity.seed)
    if full:
        seconds += max(map(_seconds, finalists))
    if seconds:
        notes.print(f"It takes about {format_duration(seconds)}, if each trains as long as its finalist did.")


def _seconds(trial: FrozenTrial) -> float:
    """How long it took, the last attempt or all epochs, whichever is more."""
    trained = trial.user_attrs.get("train_seconds") or 0.0
    return max(trained, 0.0 if trial.duration is None else trial.duration.total_seconds())


def _train_full(
    store: Store,
    prepared: Prepared,
    found: list[Confirmation],
    model: FullModel | None,
    work: Work,
    place: Place,
) -> tuple[int, FullModel | None]:
    """Train the best of the confirmed on all images, unless that was done; returns the exit code and the model."""
    best, identity = found[0], prepared.identity
    configuration = prepared.space.from_dict(best.config)
    epochs = epochs_of(best, configuration, identity)
    if is_full_model_of(model, best, epochs, identity):
        return 0, model
    files = TrialFiles.of(place.home, store.load(prepared.name), store.location)
    plan = configuration.plan(identity.image_shape, len(identity.labels))

    def make_job(weights: Path, checkpoint: Path, resume_from: Path | None) -> Job:
        return Job(
            trial=best.trial,
            plan=plan,
            data=prepared.data,
            seed=identity.seed,
            limit=identity.limit,
            epochs=epochs,
            patience=None,
            batch_size=batch_size_of(configuration, identity.batch_size),
            precision=work.precision,
            deterministic=work.deterministic,
            backbone_weights=prepared.backbone_weights.get(plan.backbone or ""),
            evaluate_test=True,
            checkpoint=checkpoint,
            resume_from=resume_from,
            weights=weights,
            disk_limit=disk_limit(work, place),
            features=features_folder(place.home, store.location),
            full=True,
            training=training_of(configuration),
        )

    notes.print(f"Training {_title(best)} on training and validation images together, {epochs} epochs.")
    try:
        made = train_full(
            store,
            store.load(prepared.name),
            best,
            make_job=make_job,
            files=files,
            logs=place.home / "logs",
            note=lambda line: notes.print(f"full  {line}"),
        )
    except StoppedBySignalError as stopped:
        notes.print("Stopped; the same command goes on from here.")
        return 128 + stopped.signal, model
    return 0, made


def _show(name: str, found: list[Confirmation], model: FullModel | None, *, as_json: bool) -> None:
    if as_json:
        document = {
            "study": name,
            "confirmed": [each.to_dict() for each in found],
            "full": None if model is None else asdict(model),
        }
        print(to_json(document), end="")  # noqa: T201 - standard output is the place for it
        return
    table = Table(
        title=f"{name}: mean and standard deviation over seeds",
        caption="* and its 95 % bootstrap interval over seeds and test images",
        title_justify="left", caption_justify="left", header_style="bold", padding=(0, 1, 0, 0), box=None,
    )  # fmt: skip
    for heading in ("trial", "seeds"):
        table.add_column(heading, justify="right")
    table.add_column("network", overflow="fold")
    for heading in ("val %", "test %", "points to the best reported*"):
        table.add_column(heading, justify="right")
    for each in found:
        table.add_row(
            str(each.trial),
            str(len(each.seeds)),
            _title(each),
            _percent(each.validation),
            _percent(each.test),
            _difference(each),
        )
    out.print(table)
    if model is not None and not is_outdated(model, found):
        test = model.measured["test_accuracy"]
        notes.print(
            f"Full model: trial {model.trial}'s network, {model.epochs} epochs on training and validation images, "
            f"{test:.2%} of the test images."
        )


def _title(each: Confirmation) -> str:
    return title_of({"baseline": each.baseline}, each.config)


def _percent(spread: Spread) -> str:
    return f"{100 * spread.mean:.2f}" + ("" if spread.std is None else f" ± {100 * spread.std:.2f}")


def _difference(each: Confirmation) -> str:
    if each.difference is None:
        return ""
    found = each.difference
    text = f"{found.points:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    return text if found.distinguishable else f"{text}, not distinguishable"
