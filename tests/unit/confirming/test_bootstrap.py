"""The difference of two networks and its interval."""

import numpy as np
import pytest

from sweep.confirming.bootstrap import Difference, bootstrap_difference


def made_up(seeds, images, *, share, seed):
    """Made-up hits: each image is recognised with this probability."""
    return np.random.default_rng(seed).random((seeds, images)) < share


def plain_bootstrap(one, other, *, resamples, seed):
    """The same in the plainest words: draw images for both and seeds for each, take the two means, thousands of times.

    Returns:
        The interval's ends and the standard deviation, in percentage points.
    """
    random = np.random.default_rng(seed)
    differences = []
    for _ in range(resamples):
        images = random.choice(one.shape[1], size=one.shape[1])
        accuracies = []
        for hits in (one, other):
            seeds = random.choice(len(hits), size=len(hits))
            accuracies.append(np.mean([np.mean([hits[each][image] for image in images]) for each in seeds]))
        differences.append(100 * (accuracies[0] - accuracies[1]))
    low, high = np.percentile(differences, [2.5, 97.5])
    return low, high, np.std(differences)


@pytest.mark.parametrize(
    ("shapes", "shares"), [((3, 3), (0.7, 0.6)), ((1, 4), (0.9, 0.5)), ((5, 1), (0.5, 0.5))], ids=str
)
def test_the_interval_is_that_of_a_plain_bootstrap(shapes, shares):
    one, other = (
        made_up(seeds, 30, share=share, seed=order)
        for order, (seeds, share) in enumerate(zip(shapes, shares, strict=True))
    )
    found = bootstrap_difference(one, other)
    low, high, deviation = plain_bootstrap(one, other, resamples=2000, seed=7)
    assert found.points == pytest.approx(100 * (one.mean() - other.mean()))
    assert found.low == pytest.approx(low, abs=0.25 * deviation)
    assert found.high == pytest.approx(high, abs=0.25 * deviation)


def test_the_plain_bootstrap_sees_images_drawn_apart():
    """Drawn for each on its own, hard images would widen what is narrow here: both fail on the same ones."""
    hard = np.arange(200) < 100
    one = np.stack([hard, hard])
    other = one.copy()
    other[:, :10] = False
    found = bootstrap_difference(one, other)
    assert found.points == pytest.approx(5)
    assert 1 < found.low < found.high < 9  # apart: 5 ± 10 points


def test_a_network_is_not_distinguishable_from_itself():
    hits = np.tile(made_up(1, 100, share=0.8, seed=1), (3, 1))
    assert bootstrap_difference(hits, hits) == Difference(points=0, low=0, high=0)
    assert not bootstrap_difference(hits, hits).distinguishable


def test_seeds_that_differ_keep_a_network_from_being_distinguished_from_itself():
    hits = np.stack([made_up(1, 100, share=share, seed=1)[0] for share in (0.6, 0.7, 0.8)])
    found = bootstrap_difference(hits, hits)
    assert found.points == 0
    assert found.low < -5
    assert found.high > 5


def test_the_other_way_round_it_is_the_other_way_round():
    one, other = made_up(1, 150, share=0.8, seed=1), made_up(1, 150, share=0.6, seed=2)
    found, mirrored = bootstrap_difference(one, other), bootstrap_difference(other, one)
    assert mirrored.points == pytest.approx(-found.points)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    several = made_up(4, 150, share=0.8, seed=3), made_up(3, 150, share=0.6, seed=4)
    found, mirrored = bootstrap_difference(*several), bootstrap_difference(*reversed(several))
    assert mirrored.low == pytest.approx(-found.high, abs=0.5)  # their seeds are drawn in another order
    assert mirrored.high == pytest.approx(-found.low, abs=0.5)


def test_the_same_networks_give_the_same_interval():
    one, other = made_up(3, 50, share=0.8, seed=1), made_up(3, 50, share=0.6, seed=2)
    assert bootstrap_difference(one, other) == bootstrap_difference(one, other)
    assert bootstrap_difference(one, other) != bootstrap_difference(one, other, seed=44)


def test_a_number_of_resamples_that_is_no_multiple_of_a_piece_is_kept():
    one, other = made_up(2, 50, share=0.8, seed=1), made_up(2, 50, share=0.6, seed=2)
    exact = bootstrap_difference(one, other, resamples=1)
    assert exact.low == exact.high
    assert bootstrap_difference(one, other, resamples=101) != bootstrap_difference(one, other, resamples=100)


def test_ninety_five_of_a_hundred_intervals_hold_the_true_difference():
    random = np.random.default_rng(43)
    repetitions, images, seeds, truth = 200, 200, 25, 0.08

    def train(easiness):
        """Hits of so many seeds, some of them luckier than others."""
        luck = random.normal(0, 0.02, (seeds, 1))
        return random.random((seeds, images)) < easiness + luck

    held, told_apart = 0, 0
    for _ in range(repetitions):
        easiness = random.uniform(0.4, 0.6, images)
        found = bootstrap_difference(
            train(easiness + random.normal(truth, 0.1, images)), train(easiness), resamples=300
        )
        held += found.low <= 100 * truth <= found.high
        told_apart += found.distinguishable
    assert 0.91 <= held / repetitions <= 0.99
    assert told_apart / repetitions > 0.95  # nor does it hold everything else


@pytest.mark.parametrize(
    ("distinguishable", "low", "high"),
    [(True, 0.1, 3), (True, -3, -0.1), (False, -1, 2), (False, 0, 2), (False, -2, 0)],
)
def test_networks_are_distinguishable_where_zero_is_not_in_the_interval(distinguishable, low, high):
    assert Difference(points=1, low=low, high=high).distinguishable is distinguishable


@pytest.mark.parametrize(
    ("one", "other"), [((3, 10), (3, 11)), ((10,), (10,)), ((0, 10), (3, 10)), ((3, 0), (3, 0))], ids=str
)
def test_networks_tested_on_different_images_are_refused(one, other):
    with pytest.raises(ValueError, match="Expected the same images for both") as refused:
        bootstrap_difference(np.zeros(one, dtype=bool), np.zeros(other, dtype=bool))
    assert str(one) in str(refused.value)
    assert str(other) in str(refused.value)
