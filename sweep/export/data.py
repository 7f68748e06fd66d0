"""The images of an exported model's study, wherever they lie now."""

from collections.abc import Sequence
from dataclasses import replace

from sweep.data.dataset import DataReference, Dataset, load_dataset
from sweep.errors import WorldError
from sweep.export.candidate import Candidate


def moved(candidate: Candidate, dataset: str | None) -> Candidate:
    """The candidate with its images at a new place, which the folder then names: there its score is repeated.

    Args:
        candidate: The model.
        dataset: Where its study's images are now; None: where they were when the study was made.
    """
    if dataset is None:
        return candidate
    document = dict(candidate.document)
    document["data"] = document["data"] | {"dataset": dataset}
    return replace(candidate, identity=replace(candidate.identity, dataset=dataset), document=document)


def load_same(reference: DataReference, *, sha256: str, labels: Sequence[str]) -> Dataset:
    """Load the images that a study was made with.

    Args:
        reference: Where they are.
        sha256: Of the images that are meant.
        labels: Their classes.

    Raises:
        DataError: If they cannot be had.
        WorldError: If they are others.
    """
    dataset = load_dataset(reference)
    if dataset.sha256 != sha256 or list(dataset.labels) != list(labels):
        what = "images" if dataset.sha256 != sha256 else "class names"
        raise WorldError(
            f"The data set {reference.name} has other {what} than the study was made with. Expected SHA-256 "
            f"{sha256[:12]}… and the classes {', '.join(labels)}. Received: {dataset.sha256[:12]}… and "
            f"{', '.join(dataset.labels)}, from {dataset.source}. Bring the old ones back, or name their place with "
            "--dataset."
        )
    return dataset
