"""Whether one accuracy is really higher than another, or only on these images."""

import math
from dataclasses import dataclass

FORMULA = "a standard error is √(p·(1-p)/n) for accuracy p on n images; that of a difference, the root of both squares"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One accuracy less another.

    Attributes:
        points: In percentage points.
        noise: Two standard errors of the difference, in percentage points.
    """

    points: float
    noise: float

    @property
    def is_distinguishable(self) -> bool:
        """Whether the difference is at least two of its standard errors."""
        return abs(self.points) >= self.noise


def standard_error(accuracy: float, images: int) -> float:
    """Binomial standard error of an accuracy, sqrt(p (1 - p) / n).

    An accuracy of 0 or 1 counts as half an image away from it: the formula would call it certain.

    Args:
        accuracy: 0…1.
        images: Number of images it was measured on, at least 1.
    """
    share = min(max(accuracy, 0.5 / images), 1 - 0.5 / images)
    return math.sqrt(share * (1 - share) / images)


def difference(first: float, first_images: int, second: float, second_images: int) -> Difference:
    """Compare two accuracies, each 0…1 on so many images.

    The errors are taken as independent. Two networks err on many of the same images, so the noise between them is
    rather less: what is called distinguishable is.
    """
    errors = math.hypot(standard_error(first, first_images), standard_error(second, second_images))
    return Difference(points=100 * (first - second), noise=200 * errors)
