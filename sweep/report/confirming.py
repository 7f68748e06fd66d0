"""How good the finalists really are: several seeds each, and the model trained on all images."""

import shlex
from collections.abc import Iterable

from sweep.confirming.bootstrap import CONFIDENCE
from sweep.confirming.full import is_outdated
from sweep.confirming.results import Confirmation, Spread
from sweep.report.blocks import Block, Notice, Paragraph, Row, Section, Table
from sweep.report.facts import StudyFacts
from sweep.report.wording import MISSING, number, percent, points
from sweep.sizes import counted
from sweep.titles import title_of

COLUMNS = ("network", "trial", "seeds", "validation", "test", "points to the best reported")


def confirmed(study: StudyFacts) -> list[Section]:
    """The section, if anything of the study was confirmed."""
    if not study.confirmed:
        return []
    blocks: list[Block] = [
        Table(
            caption=f"Mean and standard deviation over seeds; differences with their {CONFIDENCE:.0%} bootstrap "
            "interval over seeds and test images",
            columns=COLUMNS,
            rows=[_row(each, is_best=each is study.confirmed[0]) for each in study.confirmed],
            texts=("network",),
        )
    ]
    missing = [each for each in study.confirmed if each.missing]
    if missing:
        text = f"{_titles(missing)}: go on with `sweep confirm {shlex.quote(study.name)}{study.where}`."
        blocks.append(Notice(level="warning", title="Not all seeds are there yet.", text=text))
    if study.full is not None:
        model = study.full
        name = title_of({"baseline": model.baseline}, model.config)
        blocks.append(
            Paragraph(
                text=f"The full model is {name} (trial {model.trial}), trained on training and validation images for "
                f"{counted(model.epochs, 'epoch')}: {percent(model.measured.get('test_accuracy'))} of the test images."
            )
        )
        if is_outdated(model, study.confirmed):
            title = "Another network than the full model's ranks first."
            text = f"It has none yet: `sweep confirm {shlex.quote(study.name)} --full{study.where}` makes it."
            blocks.append(Notice(level="warning", title=title, text=text))
    reading = (
        "Each finalist was trained again with other seeds, each with validation images of its own; it was chosen by "
        f"validation accuracy before. The trainings are the trials of study {study.confirming}."
    )
    return [Section(title="Confirmed", anchor=f"{study.key}-confirmed", reading=reading, blocks=blocks)]


def _row(each: Confirmation, *, is_best: bool) -> Row:
    cells = (
        title_of({"baseline": each.baseline}, each.config),
        str(each.trial),
        str(len(each.seeds)),
        _spread(each.validation),
        _spread(each.test),
        _difference(each),
    )
    return Row(cells=cells, look="best" if is_best else None)


def _spread(spread: Spread) -> str:
    return percent(spread.mean) + ("" if spread.std is None else f" ± {number(100 * spread.std, 2)}")


def _difference(each: Confirmation) -> str:
    found = each.difference
    if found is None:
        return MISSING
    text = f"{points(found.points)} ({points(found.low)} to {points(found.high)})"
    return text if found.distinguishable else f"{text}: not distinguishable"


def _titles(found: Iterable[Confirmation]) -> str:
    return ", ".join(title_of({"baseline": each.baseline}, each.config) for each in found)
