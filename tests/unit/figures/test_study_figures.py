import numpy as np
import pytest
from matplotlib.text import Text

from sweep.figures.hyperparameters import Slice, importances, slices
from sweep.figures.points import PointKind, window_of
from sweep.figures.rendering import render
from sweep.figures.studies import (
    CostPoint,
    accuracy_against_cost,
    optimisation_history,
    reported_against_reproduced,
)

NAN = float("nan")


def cost_point(name, millions, accuracy, kind=PointKind.SEARCHED):
    return CostPoint(name=name, macs=millions * 1e6, accuracy=accuracy, kind=kind)


def test_a_window_shows_all_accuracies_that_lie_together():
    window = window_of([90, 91, 92, 93])
    assert window.low < 90
    assert window.high > 93
    assert window.floor is None


def test_a_trial_at_chance_does_not_squeeze_the_others():
    window = window_of([10, 91, 92, 92.5, 93])
    assert 85 < window.low < window.floor < 91
    assert window.clip(np.array([10.0, 91.0])).tolist() == [window.floor, 91]


def test_a_window_of_nothing_is_the_whole_range():
    assert (window_of([NAN]).low, window_of([]).high) == (0, 100)


def test_accuracy_stands_over_mmacs(by_label, texts):
    points = [
        cost_point("isolated-1", 118.6, 0.919, PointKind.REPORTED),
        cost_point("isolated-1", 118.6, 0.921, PointKind.BASELINE),
        cost_point("trial 20", 60, 0.92),
        cost_point("trial 21", 80, 0.94, PointKind.BEST),
        cost_point("not measured", 80, NAN),
    ]
    figure = accuracy_against_cost(points, title="t")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    (best,) = by_label(figure, "best")
    assert best.get_xydata().tolist() == [[80, 94]]
    assert len(by_label(figure, "searched")[0].get_xydata()) == 1
    found = texts(figure)
    assert {"reported", "baseline, run here", "searched", "best", "best at that cost or less"} <= set(found)
    assert found.count("isolated-1") == 1  # reported and run here: the name stands once
    assert "trial 21" in found


def test_the_line_joins_those_that_no_cheaper_one_beats(by_label):
    points = [cost_point(f"t{i}", cost, share) for i, (cost, share) in enumerate([(10, 0.8), (20, 0.7), (30, 0.9)])]
    (line,) = by_label(accuracy_against_cost(points, title="t"), "front")
    assert line.get_xdata()[:2].tolist() == [10, 30]
    assert line.get_ydata() == pytest.approx([80, 90, 90])


def test_no_trial_is_said(texts):
    assert "No trial has finished." in texts(accuracy_against_cost([], title="t"))
    assert "No trial has finished." in texts(optimisation_history([], [], [], [], title="t"))
    assert "No trial has finished." in texts(slices([Slice(name="l2", values=[], objective=[])], title="t"))
    assert "No trial has finished." in texts(slices([], title="t"))


def test_a_history_shows_each_kind_and_the_best_so_far(by_label, texts):
    kinds = [PointKind.BASELINE, PointKind.PRUNED, PointKind.BEST]
    figure = optimisation_history([0, 1, 5], [0.9, 0.88, 0.91], kinds, [0.9, 0.9, 0.91], title="t")
    assert by_label(figure, "pruned")[0].get_xydata().tolist() == [[1, 88]]
    assert by_label(figure, "best")[0].get_xydata().tolist() == [[5, 91]]
    assert {"baseline, run here", "pruned", "best", "best so far"} <= set(texts(figure))


def test_a_history_may_begin_with_pruned_trials():
    kinds = [PointKind.PRUNED, PointKind.SEARCHED]
    assert render(optimisation_history([0, 1], [0.5, 0.9], kinds, [NAN, 0.9], title="t"))


def test_what_lies_below_the_window_is_marked_and_explained(by_label, texts):
    values = [0.1, 0.91, 0.92, 0.925, 0.93]
    figure = optimisation_history(range(5), values, ["searched"] * 5, values, title="t")
    (arrows,) = by_label(figure, "below")
    assert arrows.get_xdata().tolist() == [0]
    assert any(text.endswith("% or less") for text in texts(figure))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="Received: 2 trials, 1, 1 and 1"):
        optimisation_history([0, 1], [0.9], [PointKind.BEST], [0.9], title="t")
    with pytest.raises(ValueError, match="Received: 1 experiments, 1 and 0"):
        reported_against_reproduced(["a"], [0.9], [], 0.5, title="t")
    with pytest.raises(ValueError, match="Slice 'l2' needs an objective"):
        Slice(name="l2", values=[0.1], objective=[])


def test_reproductions_are_sorted_by_the_tolerance(by_label, texts):
    figure = reported_against_reproduced(
        ["a", "b", "c", "d", "e"], [0.9] * 5, [0.905, 0.895, 0.9051, 0.8949, None], 0.5, title="t"
    )
    assert [len(by_label(figure, name)[0].get_xydata()) for name in ("better", "the same", "worse")] == [1, 2, 1]
    found = texts(figure)
    assert {"better: 1", "the same: 2", "worse: 1"} <= set(found)
    assert "4 of 5 experiments have run; the band is ±0.5 points" in found
    assert "e" not in found


def test_nothing_reproduced_is_said(texts):
    assert "No reported experiment has run." in texts(reported_against_reproduced(["a"], [0.9], [None], 0.5, title="t"))


def test_experiments_names_do_not_stand_upon_each_other(random):
    reported = 0.92 + 0.01 * random.random(19)
    names = [f"isolated-{index}" for index in range(19)]
    figure = reported_against_reproduced(names, reported, reported + 0.005 * random.normal(size=19), 0.5, title="t")
    render(figure)
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert len(boxes) > 10
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])


def ticks(axes):
    return [label.get_text().strip() for label in axes.get_xticklabels()]


def test_what_is_off_has_a_lane_of_its_own(by_label):
    l2 = Slice(name="l2", values=[None, 0.0001, 0.001, 0.01, None], objective=[0.9, 0.91, 0.92, 0.93, 0.94], log=True)
    figure = slices([l2], title="t")
    (axes,) = figure.axes
    x, y = by_label(figure, "trials")[0].get_data()
    assert ticks(axes) == ["off", "0.0001", "0.001", "0.01"]
    assert max(x[0], x[4]) < -0.5 < min(x[1:4])
    assert np.diff(x[1:4])[0] == pytest.approx(np.diff(x[1:4])[1])  # logarithmic
    assert y == pytest.approx([90, 91, 92, 93, 94])
    assert axes.get_xlabel() == "l2"


def test_numbers_that_are_never_off_have_no_lane():
    dropout = Slice(name="dropout", values=[0.1, 0.3, 0.5], objective=[0.9, 0.91, 0.92])
    (axes,) = slices([dropout], title="t").axes
    assert ticks(axes) == ["0.1", "0.2", "0.3", "0.4", "0.5"]


@pytest.mark.parametrize(
    ("values", "lanes"),
    [
        ([True, False, True], ["off", "on"]),
        ([4, 3, 4], ["3", "4"]),
        (["vgg19", "vgg16", "vgg16"], ["vgg16", "vgg19"]),
        (["vgg16", None, "off"], ["off", "vgg16"]),
        ([None, None, None], ["off"]),
    ],
)
def test_choices_have_a_lane_each(by_label, values, lanes):
    figure = slices([Slice(name="x", values=values, objective=[0.9, 0.91, 0.92])], title="t")
    assert ticks(figure.axes[0]) == lanes
    x = by_label(figure, "trials")[0].get_xdata()
    names = ["off" if value in (None, False) else "on" if value is True else str(value) for value in values]
    assert [lanes[round(place)] for place in x] == names


@pytest.mark.parametrize(
    ("values", "log"),
    [([0.1, 0.1, 0.1], True), ([0.011, 0.012, None], True), ([0.0, 0.5, 1.0], True), ([NAN, 1.5, 2.5], False),
     (list(range(3)), True), ([1.0, float("inf"), None], True)],
)  # fmt: skip
def test_odd_values_can_be_drawn(values, log):
    assert render(slices([Slice(name="$x", values=values, objective=[0.9, NAN, 0.92], log=log)], title="t"))


def test_each_hyperparameter_has_a_panel():
    panels = [Slice(name=f"p{index}", values=[0.1, 0.2], objective=[0.9, 0.91]) for index in range(5)]
    assert [axes.get_xlabel() for axes in slices(panels, title="t").axes] == ["p0", "p1", "p2", "p3", "p4"]


def test_importances_are_sorted_bars(texts):
    figure = importances({"dropout": 0.2, "l2": 0.7, "batch_norm": 0.1, "lost": NAN}, title="t")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.7, 0.2, 0.1]
    assert [text for text in texts(figure) if text in ("dropout", "l2", "batch_norm")] == [
        "l2",
        "dropout",
        "batch_norm",
    ]
    assert {"70.0 %", "20.0 %", "10.0 %"} <= set(texts(figure))
    assert "lost" not in texts(figure)


@pytest.mark.parametrize("shares", [{"l2": 0.0}, {"l2": 0.0, "dropout": 0.0}])
def test_importances_of_zero_are_drawn(shares):
    assert render(importances(shares, title="t"))


def test_unknown_importances_are_said(texts):
    assert "Not known yet: it takes more finished trials." in texts(importances({}, title="t"))
