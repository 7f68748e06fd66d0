"""The commands on studies: parse, one call, print. Everything heavy is imported by the command that needs it."""

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.app import JsonOption, StudyArgument, app
from sweep.cli.options import Limits, Means, Place, Terms, Work, expand, option


@app.command()
@expand
def families(*, place: Place, json: JsonOption = False) -> None:
    """List what can be swept."""
    from sweep.cli import reading

    reading.families(json)


@app.command()
@expand
def studies(*, place: Place, json: JsonOption = False) -> None:
    """List the stored studies."""
    from sweep.cli import progress

    progress.studies(place, json)


@app.command()
@expand
def data(
    *,
    place: Place,
    dataset: Annotated[
        str, option("--dataset", "fashion-mnist, digits, an .npz file or a folder of class folders.")
    ] = "fashion-mnist",
    data_dir: Annotated[Path | None, option("--data-dir", "Folder with Fashion-MNIST's four files.")] = None,
    image_size: Annotated[int | None, option("--image-size", "Resize images to this side in pixels.")] = None,
    color: Annotated[bool, option("--color/--grey", "Three channels, or one (default).")] = False,
    json: JsonOption = False,
) -> None:
    """Get and check the data."""
    from sweep.cli import reading

    reading.data(place, dataset=dataset, data_dir=data_dir, image_size=image_size, color=color, json=json)


@app.command()
@expand
def create(*, terms: Terms, limits: Limits, means: Means, place: Place) -> None:
    """Create a study and its queue without training; start does it too."""
    from sweep.cli import working

    working.create(terms, limits, means, place)


@app.command()
@expand
def start(
    *,
    terms: Terms,
    limits: Limits,
    timeout: Annotated[str | None, option("--timeout", "End this run after 90s, 20m or 2h.")] = None,
    work: Work,
    means: Means,
    place: Place,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and how long; create nothing.")
    ] = False,
) -> None:
    """Create or resume a study, and work on it."""
    from contextlib import ExitStack

    from sweep.worker.early import early_trainers

    # Before all the rest is imported, and the data read: importing Keras takes longer than both.
    with ExitStack() as stack:
        early = [] if dry_run else stack.enter_context(early_trainers(work.slots, logs=place.home / "logs"))
        from sweep.cli import working

        code = working.start(terms, limits, work, means, place, timeout=timeout, dry_run=dry_run, early=early)
    raise typer.Exit(code)


@app.command()
@expand
def join(study: StudyArgument, *, work: Work, means: Means, place: Place) -> None:
    """Work on an existing study, from any host."""
    from sweep.cli import working

    raise typer.Exit(working.join(study, work, means, place))


@app.command()
@expand
def stop(study: StudyArgument, *, place: Place) -> None:
    """Have every worker of a study give its trials back and leave."""
    from sweep.cli import changing

    changing.stop(study, place)


@app.command()
@expand
def status(
    study: StudyArgument,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every 2 seconds until the study has ended.")
    ] = False,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Say how far a study has come."""
    from sweep.cli import progress

    progress.status(study, place, json=json, follow=watch)


@app.command()
@expand
def trials(
    study: StudyArgument,
    *,
    place: Place,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on standard output.")] = False,
) -> None:
    """List a study's trials."""
    from sweep.cli import reading

    reading.trials(study, place, json=json, csv=csv)


@app.command()
@expand
def show(
    study: StudyArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The trial's number.", min=0)],
    *,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Show one trial."""
    from sweep.cli import reading

    reading.show(study, number, place, json)


@app.command()
@expand
def baselines(
    study: StudyArgument,
    *,
    tolerance: Annotated[
        float | None,
        option("--tolerance", "Percentage points of test accuracy that are no difference; default: 0.5."),
    ] = None,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Compare the reported experiments with what the study made of them."""
    from sweep.cli import evidence

    evidence.baselines(study, place, tolerance=tolerance, json=json)


@app.command()
@expand
def confirm(
    study: StudyArgument,
    *,
    top: Annotated[
        int, option("--top", "So many of the best trials, and the best reported experiment besides.", min=1)
    ] = 1,
    seeds: Annotated[int, option("--seeds", "Trainings of each, the study's own included.", min=1, max=100)] = 3,
    baselines: Annotated[bool, option("--baselines", "Confirm all reported experiments instead of the best.")] = False,
    full: Annotated[
        bool, option("--full", "Then train the best on training and validation images together: the final model.")
    ] = False,
    work: Work,
    means: Means,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Train finalists again with other seeds, and say how good they really are."""
    from sweep.cli import confirming

    raise typer.Exit(
        confirming.confirm(study, work, means, place, top=top, seeds=seeds, baselines=baselines, full=full, json=json)
    )


@app.command()
@expand
def enqueue(
    study: StudyArgument,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE…", help="Such as l2=0.01 batch_norm=true dropout=off."),
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", help="A configuration as `sweep export` writes it.")] = None,
    place: Place,
) -> None:
    """Have a configuration of your own trained, after what waits already."""
    from sweep.cli import changing

    changing.enqueue(study, pairs or [], file, place)


@app.command()
@expand
def delete(
    study: StudyArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    place: Place,
) -> None:
    """Delete a study and all its trials."""
    from sweep.cli import changing

    changing.delete(study, place, yes=yes)


@app.command()
@expand
def report(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY…", help="Names of studies; see `sweep studies`.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="File to write, replaced if it exists; - for standard output.")],
    format: Annotated[  # noqa: A002
        str | None, typer.Option("--format", help="html or md; default: as the file's name ends.")
    ] = None,
    data_dir: Annotated[Path | None, option("--data-dir", "Folder with Fashion-MNIST's four files.")] = None,
    place: Place,
) -> None:
    """Write a page about studies: which model to deploy and why, with figures."""
    from sweep.cli import reporting

    reporting.report(studies, place, out=out, format=format, data_dir=data_dir)


@app.command()
@expand
def dashboard(
    *,
    host: Annotated[
        str, option("--host", "Address to listen at; one that lets others in needs a password.")
    ] = "127.0.0.1",
    port: Annotated[int, option("--port", "TCP port; 0 takes a free one.", min=0, max=65535)] = 8080,
    allow_edits: Annotated[bool, option("--allow-edits", "Let the page change and delete studies.")] = False,
    place: Place,
) -> None:
    """Show the studies in a browser; SWEEP_DASHBOARD_PASSWORD in the environment is asked for."""
    from sweep.cli import serving

    raise typer.Exit(serving.dashboard(place, host=host, port=port, allow_edits=allow_edits))


@app.command()
@expand
def gc(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.")] = False,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Remove this home's checkpoints and weights that nothing in the store needs."""
    from sweep.cli import housekeeping

    housekeeping.gc(place, dry_run=dry_run, json=json)


@app.command()
@expand
def doctor(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what can be.")] = False,
    place: Place,
    json: JsonOption = False,
) -> None:
    """Say what is wrong with the store, the studies, the disk or the data."""
    from sweep.cli import housekeeping

    raise typer.Exit(housekeeping.doctor(place, fix=fix, json=json))
