"""How sure a difference between two networks' test accuracies is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 4000
CONFIDENCE = 0.95
PIECE = 100  # resamples at a time: their images' weights are an array of so many rows


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean test accuracy of one network minus another one's.

    Attributes:
        points: The difference, in percentage points.
        low, high: Ends of its 95 % interval.
    """

    points: float
    low: float
    high: float

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves zero out."""
        return not self.low <= 0 <= self.high


def bootstrap_difference(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], *, seed: int = 43, resamples: int = RESAMPLES
) -> Difference:
    """The difference of two networks that were trained with several seeds each and tested on the same images.

    Images are drawn once for both, since a hard image is hard for both; seeds are drawn for each on its own, since
    two trainings with one seed have nothing but their validation images in common. Percentile interval; see Efron
    and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. With three seeds it is rather too narrow than
    too wide: three values hold little of how seeds differ.

    Args:
        one: Whether each image was recognised, shape (seeds, n).
        other: Likewise, shape (other seeds, n), of the same images in the same order.
        seed: Of the resampling.
        resamples: How often it is repeated.

    Raises:
        ValueError: If they are not of the same images.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or 0 in (*one.shape, *other.shape):
        raise ValueError(f"Expected the same images for both. Received: shapes {one.shape} and {other.shape}.")
    random = np.random.default_rng(seed)
    images = one.shape[1]
    share = np.full(images, 1 / images)
    differences = []
    for start in range(0, resamples, PIECE):
        count = min(PIECE, resamples - start)
        weights = random.multinomial(images, share, size=count).astype(np.float64) / images
        means = []
        for hits in (one, other):
            of_seeds = weights @ hits.T.astype(np.float64)  # (count, seeds)
            drawn = random.integers(0, len(hits), size=(count, len(hits)))
            means.append(np.take_along_axis(of_seeds, drawn, axis=1).mean(axis=1))
        differences.append(means[0] - means[1])
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(differences), [tail, 100 - tail])
    return Difference(points=100 * float(one.mean() - other.mean()), low=100 * float(low), high=100 * float(high))
