"""Sections about images: the data, the confusion matrices, what the best model mistakes."""

import logging
from functools import partial

import numpy as np

from search_spaces import ReportedExperiment
from storage.artifacts import ArtifactRecord
from storage.errors import PlaceError
from sweep import evidence
from sweep.baseline_notes import of_starting_point
from sweep.metrics import class_scores
from sweep.report.blocks import Block, Paragraph, Photograph, Picture, Row, Section, Table
from sweep.report.data import Data
from sweep.report.facts import Matrix, StudyFacts, TrialFacts
from sweep.report.wording import MISSING, count, percent

log = logging.getLogger(__name__)

PNG = b"\x89PNG\r\n\x1a\n"


def data(study: StudyFacts, found: Data) -> Section:
    """Class counts and sample images."""
    from sweep.figures.images import sample_images

    reading = "Classes of unequal size make accuracy misleading; the images show what a network has to tell apart."
    title, anchor = "The data", f"{study.key}-data"
    if found.problem is not None or not found.parts:
        text = f"Not shown: {found.problem or 'there are no images'}"
        return Section(title=title, anchor=anchor, reading="", blocks=(Paragraph(text=text),))
    rows = [
        Row(cells=[label, *(count(part[index]) for part in found.parts.values())])
        for index, label in enumerate(study.labels)
    ]
    rows.append(Row(cells=["all", *(count(sum(part)) for part in found.parts.values())], look="total"))
    blocks = (
        Paragraph(text=f"{study.identity.dataset}, from {found.source}. SHA-256 {study.identity.dataset_sha256}."),
        Picture(
            name=f"{study.key}-samples",
            alt=f"Up to ten training images of each of {len(study.labels)} classes.",
            draw=partial(sample_images, found.samples, study.labels, title="Training images"),
        ),
        Table(caption="Images by class", columns=("class", *found.parts), rows=rows),
    )
    return Section(title=title, anchor=anchor, reading=reading, blocks=blocks)


def matrices(study: StudyFacts) -> Section:
    """Confusion matrices of the best trial, and of the report beside what was reproduced."""
    reading = "Rows are true classes, columns predicted ones: what is off the diagonal was mistaken."
    best = study.best
    blocks: list[Block] = [Paragraph(text="No trial is complete yet.")]
    if best is not None:
        blocks = [*_best_matrix(study, best), *_beside_the_report(study)]
    return Section(title="Confusion matrices", anchor=f"{study.key}-matrices", reading=reading, blocks=blocks)


def _best_matrix(study: StudyFacts, best: TrialFacts) -> list[Block]:
    from sweep.figures.matrices import confusion_matrix

    matrix = best.matrix("val", len(study.labels))
    if matrix is None:
        return [Paragraph(text=f"Trial {best.number} recorded no confusion matrix.")]
    rows = []
    for label, scores in zip(study.labels, class_scores(np.asarray(matrix)), strict=True):
        other = MISSING if scores.mistaken_for is None else study.labels[scores.mistaken_for]
        shares = (percent(share, 1) for share in (scores.precision, scores.recall, scores.f1))
        rows.append(Row(cells=[label, count(scores.images), *shares, other, count(scores.mistaken)]))
    columns = ("class", "images", "precision", "recall", "F1", "mostly mistaken for", "times")
    return [
        Picture(
            name=f"{study.key}-matrix",
            alt=f"Confusion matrix of trial {best.number} on {sum(map(sum, matrix)):,} validation images.",
            caption=f"The best trial on the validation images: trial {best.number}.",
            draw=partial(
                confusion_matrix, matrix, study.labels, title=f"Trial {best.number}, validation images"
            ),
        ),
        Table(caption=f"Trial {best.number} by class, on the validation images", columns=columns, rows=rows,
              texts=("mostly mistaken for",)),
    ]  # fmt: skip


def _beside_the_report(study: StudyFacts) -> list[Block]:
    from sweep.figures.matrices import confusion_matrices

    tested = [trial for trial in study.ranked if trial.baseline and trial.matrix("test", len(study.labels))]
    if not tested:
        return [
            Paragraph(text="No reported experiment was measured on the test images, to be held against the report.")
        ]
    # The report prints the matrices of some experiments only.
    trial = next((trial for trial in tested if _printed(study, trial)), tested[0])
    reproduced, printed = trial.matrix("test", len(study.labels)), _printed(study, trial)
    if reproduced is None:
        return []
    what = f"{trial.baseline} on {sum(map(sum, reproduced)):,} test images"
    run_here = (f"{trial.baseline} as run here, trial {trial.number}", reproduced)
    if printed is None:
        shown, told = [run_here], f"The best reported experiment here: {what}. No printed matrix of the report fits it."
    else:
        shown = [(f"{trial.baseline} as reported", printed), run_here]
        told = f"The best experiment whose matrix the report prints: {what}, beside the report's own."
    return [
        Picture(
            name=f"{study.key}-reported-matrix",
            alt=f"Confusion matrices. {told}" if printed else f"Confusion matrix. {told}",
            caption=told,
            draw=partial(confusion_matrices, shown, study.labels, title=f"{trial.baseline} on the test images"),
        )
    ]


def _printed(study: StudyFacts, trial: TrialFacts) -> Matrix | None:
    """The matrix that the report prints for a trial's experiment, if its classes are the study's."""
    experiment = _experiment(study, trial)
    return None if experiment is None else experiment.confusion_matrix


def _experiment(study: StudyFacts, trial: TrialFacts) -> ReportedExperiment | None:
    """The report's experiment that a trial reproduces, if its classes are the study's."""
    reported = () if study.space is None else study.space.reported
    found = next((each for each in reported if each.id == trial.baseline), None)
    if found is None or found.labels != study.labels or of_starting_point(found, study.identity):
        return None
    return found


def mistakes(study: StudyFacts) -> Section:
    """What the best model's last layer sees, and its surest mistakes."""
    best = study.best
    reading = "Classes that lie upon each other are told apart badly; the surest mistakes show why, or a wrong label."
    blocks: list[Block] = []
    if best is None:
        blocks.append(Paragraph(text="No trial is complete yet."))
    else:
        for (_, filename), what in (
            (evidence.FEATURES, "What the last layer sees of validation images, on its two principal axes"),
            (evidence.CONFUSIONS, "The wrong predictions that it was most sure of, on validation images"),
        ):
            blocks.append(_artifact(study, best, filename, what))
    title = "What the best model sees and mistakes"
    return Section(title=title, anchor=f"{study.key}-mistakes", reading=reading, blocks=blocks)


def _artifact(study: StudyFacts, trial: TrialFacts, filename: str, what: str) -> Block:
    record = next((each for each in trial.artifacts if each.filename == filename), None)
    if record is None:
        return Paragraph(text=f"{what}: trial {trial.number} recorded no such picture.")
    png = _png(study, record)
    if png is None:
        return Paragraph(
            text=f"{what}: trial {trial.number} had this picture, but its file is not here: it was deleted, damaged, "
            "or lies with another --home."
        )
    return Photograph(alt=f"{what}: trial {trial.number}.", caption=f"{what}.", png=png)


def _png(study: StudyFacts, record: ArtifactRecord) -> bytes | None:
    try:
        content = study.files.read(study.files.artifacts.path(record.artifact_id))
    except PlaceError as error:
        log.warning("%s", error)
        return None
    return content if content is not None and content.startswith(PNG) else None
