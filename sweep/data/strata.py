"""Choose images so that every class keeps its share."""

import math

import numpy as np
import numpy.typing as npt

from sweep.data.source import DataError, Labels

Indices = npt.NDArray[np.intp]


def divide(labels: Labels, share: float, *, seed: int, purpose: str) -> tuple[Indices, Indices]:
    """Divide images in two, stratified; the same seed divides the same images in the same way.

    Args:
        labels: Class indices, shape (n,).
        share: Part of the images that goes to the second group, above 0 and below 1; rounded up.
        seed: Seed of the draw.
        purpose: What the second group is for, for the message: "validation", "test".

    Returns:
        Indices of the two groups, each ascending, so that a file's order is kept.

    Raises:
        DataError: See `part_size`.
    """
    from sklearn.model_selection import train_test_split  # most of a second: not for who only counts

    part_size(labels, share, purpose=purpose)
    first, second = train_test_split(np.arange(len(labels)), test_size=share, stratify=labels, random_state=seed)
    return np.sort(first), np.sort(second)


def part_size(labels: Labels, share: float, *, purpose: str) -> int:
    """How many images `divide` gives to the second group.

    Raises:
        DataError: If a class has fewer than two images, or the second group fewer images than there are
            classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        rare = classes[counts < 2].tolist()
        raise DataError(
            f"Classes have too few images to set some aside for {purpose}. "
            "Expected at least 2 images of each class. "
            f"Received: one image of class {', '.join(map(str, rare))}. Add images, or remove the class."
        )
    size = math.ceil(len(labels) * share)
    if size < len(classes):
        smallest = math.floor((len(classes) - 1) / share) + 1
        raise DataError(
            f"Too few images to set {share:.0%} aside for {purpose}. Expected at least {smallest} images for "
            f"{len(classes)} classes. Received: {len(labels)}. Add images, or remove classes."
        )
    return size


def sample(labels: Labels, limit: int, *, seed: int) -> Indices:
    """Choose at most `limit` images, of every class its share and at least one.

    scikit-learn's splitters want every class in the remainder, too: they cannot take all images but a few.
    A smaller limit with the same seed chooses a subset of what a larger one chooses.

    Args:
        labels: Class indices, shape (n,).
        limit: How many images to choose; at least the number of classes.
        seed: Seed of the draw.

    Returns:
        Ascending indices, min(limit, n) of them.
    """
    if limit >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    # The i-th of a class's n images stands at i/n of the way: cutting anywhere leaves every class its share,
    # and as all first images stand at 0, none of them is cut while others still have a second one.
    place = np.empty(len(labels))
    for index in np.unique(labels):
        members = order[labels[order] == index]
        place[members] = np.arange(len(members)) / len(members)
    chosen = order[np.argsort(place[order], kind="stable")][:limit]
    return np.sort(chosen)
