"""What answers for a configuration, and what it costs."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from record import OF_TRIAL, rows
from replaying.curves import Cost, Curves, narrow, noise, read_curves, smooth
from replaying.measures import Extent, Reference, mean_crossing, median, outcome
from replaying.resuming import batches, best_tenth
from replaying.simulator import Finish


def test_a_recorded_configuration_answers_for_itself(curves):
    for curve in curves.curves:
        assert curves.nearest(curve.configuration) is curve
        assert curves.answer(curve.configuration, seed=1) is curve


def test_the_same_categories_are_nearer_than_any_numbers(make_curve):
    far = make_curve(0, 0.5, l2=0.1, dropout=0.5)
    near = make_curve(1, 0.6, l2=0.001, dropout=0.3)
    other_width = make_curve(2, 0.7, l2=0.0001, dropout=0.1, width=16)
    wider_still = make_curve(3, 0.7, l2=0.0001, dropout=0.1, width=32)
    recorded = Curves(narrow(), [wider_still, other_width, far, near], overhead_seconds=0.0)
    asked = narrow().from_dict({"conv_layers": 2, "width": 8, "l2": 0.0001, "batch_norm": False, "dropout": 0.1})
    assert recorded.nearest(asked) is near
    only_others = Curves(narrow(), [wider_still, other_width], overhead_seconds=0.0)
    assert only_others.nearest(asked) is other_width


def test_fresh_noise_is_as_large_as_the_recorded_one(make_curve):
    random = np.random.default_rng(0)
    reported = tuple((0.8 + random.normal(0, 0.01, 600)).tolist())
    assert np.std(noise(reported)) == pytest.approx(0.01, rel=0.15)
    assert np.allclose(smooth([0.1, 0.2, 0.3, 0.4]), [0.1, 0.2, 0.3, 0.4])


def test_fresh_noise_is_one_configuration_s_own(curves):
    uneven = [
        replace(curve, reported=tuple(value + 0.01 * (-1) ** epoch for epoch, value in enumerate(curve.reported)))
        for curve in curves.curves
    ]
    noisy = Curves(curves.space, uneven, overhead_seconds=0.0, fresh_noise=True)
    configuration = noisy.curves[0].configuration
    first = noisy.answer(configuration, seed=1)
    assert first == noisy.answer(configuration, seed=1)
    assert first.reported != noisy.answer(configuration, seed=2).reported
    assert first.value - max(first.reported) == pytest.approx(noisy.curves[0].value - max(noisy.curves[0].reported))


def test_what_the_recorder_writes_is_what_the_replay_reads(tmp_path):
    config = {"family": "narrow", "conv_layers": 3, "width": 16, "l2": 0.01, "batch_norm": True, "dropout": None}
    history = {"epoch": [1, 2], "val_accuracy": [0.5, 0.6123456789], "seconds": [2.0, 1.0]}
    facts = {"parameters": 7, "forward_macs": 100, "val_accuracy": 0.625, "images_per_second": 900.0}
    assert set(facts) == set(OF_TRIAL)
    table = rows([{"number": 4, "config": config, "user_attrs": facts | {"history": history}}])
    path = tmp_path / "narrow.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    about = {"batch_size": 64, "training_images": 30, "validation_images": 3, "overhead_seconds": 1.5}
    path.with_suffix(".json").write_text(json.dumps(about))
    read = read_curves(path)
    (curve,) = read.curves
    assert curve.configuration.to_dict() == config
    assert curve.reported == pytest.approx((0.5, 0.612346))
    assert curve.value == 0.625
    flops = 100 * (3 * 2 * 30 + 2 * 3)  # a step is three forward passes, and each accumulates two operations
    assert curve.costs == (
        Cost(epochs=1.0, flops=flops, seconds=2.0),
        Cost(epochs=1.0, flops=flops, seconds=1.0),
    )
    assert read.overhead == Cost(seconds=1.5)


def test_the_best_tenth_goes_on_after_one_epoch(curves, make_curve):
    slow_but_best = make_curve(20, 0.9, conv_layers=4)
    slow_but_best = replace(slow_but_best, reported=(0.1, *slow_but_best.reported[1:]))
    drawn = [*curves.curves[:9], slow_but_best]
    (finish,) = best_tenth(curves, drawn)
    first = max(curves.curves[:9], key=lambda curve: curve.reported[0])
    assert finish.value == first.value
    assert finish.spent.epochs == 10 + 5
    assert finish.spent.flops == sum(curve.costs[0].flops for curve in drawn) + 5 * first.costs[0].flops
    assert finish.spent.seconds == pytest.approx(
        sum(0.5 + curve.costs[0].seconds for curve in drawn) + 0.5 + 5 * first.costs[0].seconds
    )


def test_batches_add_up(curves):
    twice = list(batches(curves, iter(curves.curves[:12]), size=6, rungs=((1, 3), (3, 1))))
    assert [finish.spent.epochs for finish in twice] == [6 + 3 * 2 + 3, 2 * (6 + 3 * 2 + 3)]


def ends(*pairs):
    return [
        Finish(
            clock=float(epochs),
            spent=Cost(epochs=epochs, flops=10.0 * epochs, seconds=2.0 * epochs),
            begun=0.0,
            value=value,
            curve=None,
            epochs=1,
        )
        for epochs, value in pairs
    ]


REFERENCE = Reference(target=0.8, mean=0.8, cost=Cost(epochs=100.0, flops=1000.0, seconds=100.0))


def test_the_target_is_reached_where_the_best_first_comes_to_it():
    found = outcome(ends((10.0, 0.7), (20.0, None), (30.0, 0.8), (40.0, 0.9)), REFERENCE)
    assert found.to_target == {"epochs": 0.3, "flops": 0.3, "seconds": 0.6}
    assert found.clock_to_target == 30.0
    assert {worth: best for worth, best in found.best_for.items() if best == best} == (
        dict.fromkeys(range(5, 15), 0.7) | {15: 0.8, 16: 0.8, 17: 0.8, 18: 0.8, 19: 0.8, 20: 0.9}
    )


def test_a_replay_stops_once_its_figures_are_known():
    course = ends((10.0, 0.7), (20.0, 0.8), (50.0, 0.8))
    stop = Extent(compare=0.4, give_up=1.0).stop(REFERENCE)
    assert [stop(end) for end in course] == [False, False, True]
    never_reached = ends((10.0, 0.7), (90.0, 0.7), (100.0, 0.7))
    stop = Extent(compare=0.4, give_up=1.0).stop(REFERENCE)
    assert [stop(end) for end in never_reached] == [False, False, True]
    stop = Extent(finished=2).stop(REFERENCE)
    assert [stop(end) for end in course] == [False, True, True]


def test_a_median_is_infinite_where_most_never_got_there():
    assert median([0.1, 0.2, float("inf")]).value == 0.2
    assert median([0.1, float("inf"), float("inf")]).show() == "never"
    assert median([0.5] * 9).show() == "0.50 (0.50 to 0.50)"
    assert median([0.5, float("nan"), float("nan")]).show() == "-"


def test_the_mean_crosses_where_the_mean_of_all_replays_comes_to_it():
    replays = [
        outcome(ends((10.0, low), (20.0, high), (100.0, high)), REFERENCE) for low, high in ((0.6, 0.7), (0.8, 0.9))
    ]
    assert mean_crossing(replays, REFERENCE).value == 0.2  # (0.7 + 0.9) / 2 is the reference's mean
    assert mean_crossing(replays[:1], REFERENCE).show() == "never"
