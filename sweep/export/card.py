"""MODEL_CARD.md: what the model is for, how it was made, how far its figures can be trusted."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sweep.data.dataset import DIGITS, FASHION_MNIST
from sweep.export.candidate import Candidate
from sweep.export.measures import Measured
from sweep.recipe import RECIPES
from sweep.report.noise import standard_error
from sweep.titles import describe, format_value

# Characters that mean something in Markdown.
_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]<>|~$&#!]")
CONFUSIONS: Final = 5  # pairs of classes that are named
DATA_LICENCES: Final = {
    FASHION_MNIST: "Fashion-MNIST is copyright Zalando SE, MIT licence (https://github.com/zalandoresearch/fashion-mnist).",
    DIGITS: "The digits are scikit-learn's copy of a data set of the UCI Machine Learning Repository (CC BY 4.0).",
}


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Images of one class that were taken for another."""

    true: str
    predicted: str
    images: int
    of: int


def write_card(
    candidate: Candidate,
    metrics: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    *,
    versions: Mapping[str, str],
    formats: tuple[str, ...],
    before: Mapping[str, Measured] | None,
) -> str:
    """The card as Markdown.

    Args:
        candidate: The model.
        metrics: As metrics.json holds them.
        preprocessing: As config.json holds it.
        versions: Packages that the model needs, with their versions.
        formats: Besides model.keras and saved_model/.
        before: What the trial measured when it was first trained, if the model was trained again; else None.
    """
    identity = candidate.identity
    environment = Environment(  # noqa: S701 - Markdown has an escape of its own
        loader=PackageLoader("sweep.export"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=_literal,
    )  # fmt: skip
    environment.filters.update(percent=_percent, code=_code)
    test = metrics["test"]
    low, high = wilson_interval(test["accuracy"], test["images"])
    return environment.get_template("card.md.j2").render(
        candidate=candidate,
        identity=identity,
        recipe=RECIPES[identity.recipe],
        settings=describe(candidate.config),
        hyperparameters={name: format_value(value) for name, value in candidate.config.items() if name != "family"},
        plan=candidate.plan,
        validation=metrics["validation"],
        test=test,
        standard_error=100 * standard_error(test["accuracy"], test["images"]),
        low=low,
        high=high,
        confusions=worst_confusions(test, identity.labels),
        confirmed=metrics["confirmed"],
        preprocessing=preprocessing,
        versions=versions,
        formats=formats,
        before=before,
        data_licence=DATA_LICENCES.get(identity.dataset),
        backbone=candidate.plan.backbone,
    )


def wilson_interval(accuracy: float, images: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The interval that holds the true accuracy 95 times of 100 (Wilson's score interval).

    Args:
        accuracy: Of the images, 0 to 1.
        images: How many, at least 1.
        z: Standard deviations. Default: for 95 %.
    """
    middle = (accuracy + z * z / (2 * images)) / (1 + z * z / images)
    half = z / (1 + z * z / images) * math.sqrt(accuracy * (1 - accuracy) / images + z * z / (4 * images * images))
    return max(0.0, middle - half), min(1.0, middle + half)


def worst_confusions(part: Mapping[str, Any], labels: tuple[str, ...]) -> list[Confusion]:
    """The pairs of classes that were confused most often, of those that were."""
    matrix = part["confusion_matrix"]
    found = [
        Confusion(true=labels[true], predicted=labels[predicted], images=count, of=sum(row))
        for true, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(found, key=lambda each: -each.images)[:CONFUSIONS]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _literal(value: Any) -> Any:
    """A text as Markdown that shows it."""
    if isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", " ".join(str(value).split()))


def _code(text: object) -> Markup:
    """A text between backquotes; none of it can end them."""
    return Markup(" ".join(str(text).split()).replace("`", "'"))  # noqa: S704 - no markup is read between them
