"""Several studies beside each other."""

from sweep.report.blocks import Block, Notice, Row, Section, Table
from sweep.report.facts import StudyFacts
from sweep.report.headline import compare_trials
from sweep.report.wording import MISSING, millions, number, points, seconds

TERMS = {
    "dataset_sha256": "images",
    "limit": "number of images",
    "seed": "seed, and so validation images",
    "recipe": "recipe",
    "epochs": "epochs",
    "patience": "patience",
    "batch_size": "batch size",
}


def comparison(studies: list[StudyFacts]) -> Section:
    """Best, trials, time and cost of each study."""
    best_value = max((study.best.value or 0.0 for study in studies if study.best), default=None)
    blocks: list[Block] = []
    differing = [
        words for name, words in TERMS.items() if len({getattr(study.identity, name) for study in studies}) > 1
    ]
    if differing:
        text = f"The studies differ in {', '.join(differing)}: hold their accuracies against each other with care."
        blocks.append(Notice(level="warning", title="Not the same terms.", text=text))
    columns = ("study", "family", "best trial", "validation %", "over its best baseline", "MMACs",
               "trials", "training time")  # fmt: skip
    rows = [_row(study, is_best=study.best is not None and study.best.value == best_value) for study in studies]
    blocks.append(Table(caption="The studies", columns=columns, rows=rows, texts=("family", "best trial", "trials")))
    reading = "Each study's best trial by validation accuracy, and what the study cost; its own part is below."
    return Section(title="The studies beside each other", anchor="comparison", reading=reading, blocks=blocks)


def _row(study: StudyFacts, *, is_best: bool) -> Row:
    best, baseline, now = study.best, study.best_baseline, study.standing
    compared = None if best is None or baseline is None else compare_trials(best, baseline)
    if best is not None and best is baseline:
        over = "is a baseline"
    elif compared is None:
        over = MISSING
    else:
        over = f"{points(compared.points)} points" + ("" if compared.is_distinguishable else ", within noise")
    trained = [each for trial in study.trials if (each := trial.trained_seconds) is not None]
    return Row(
        cells=[
            f"{study.name} (quick look)" if study.identity.quick_look else study.name,
            study.identity.family,
            MISSING if best is None else f"{best.number}: {best.title}",
            number(None if best is None or best.value is None else 100 * best.value, 2),
            over,
            millions(None if best is None else best.measure("forward_macs")),
            f"{now.complete} complete, {now.pruned} pruned, {now.failed} failed",
            seconds(sum(trained)),
        ],
        look="best" if is_best else None,
    )
