"""The README's figure, and the arithmetic behind it."""

import csv
from io import BytesIO

import numpy as np
import pytest
import results
from PIL import Image
from results import Point, confirmed, draw, flops_of_search, reported, training_flops

from search_spaces import find_space
from search_spaces.plan import LayerPlan
from search_spaces.residual import Residual
from sweep.figures.rendering import render

NETWORK = {"config_stem_filters": "16", "config_stem_kernel": "3", "config_stages": "3x16"}
PLAN = Residual(stem_filters=16, stem_kernel=3, stages="3x16").plan((28, 28, 1), 10)


def row(**changes):
    return NETWORK | {"state": "COMPLETE", "confirms": "0", "test_accuracy": "0.94", "epochs": "20"} | changes


def test_a_step_is_three_passes_of_two_operations_each():
    assert training_flops(PLAN, 20) == 6 * 20 * 54_000 * PLAN.cost.forward_macs


def test_frozen_layers_are_passed_once():
    space = find_space("pretrained")
    plan: LayerPlan = space.from_dict(space.reported[0].configuration).plan((28, 28, 1), 10)
    assert training_flops(plan, 20) - training_flops(plan, 0) == 6 * 20 * 54_000 * plan.head_macs
    assert training_flops(plan, 0) == 2 * 54_000 * plan.frozen_macs > 0


def test_a_search_costs_what_all_its_trials_did_however_they_ended():
    whole = training_flops(PLAN, 20)
    trials = [row(), row(state="PRUNED", epochs="10"), row(state="FAIL", epochs="5"), row(state="WAITING", epochs="0")]
    assert flops_of_search(trials) == pytest.approx(1.75 * whole)


def test_seeds_of_a_network_are_one_point():
    trials = [row(seed="43"), row(seed="44", test_accuracy="0.95"), row(seed="45", state="FAIL", test_accuracy="")]
    trials += [row(confirms="1", test_accuracy="0.951")]
    best, second = confirmed(trials)
    assert (best.accuracy, best.deviation) == (pytest.approx(0.951), None)
    assert (second.accuracy, second.deviation) == (pytest.approx(0.945), pytest.approx(0.00707, abs=1e-5))
    assert best.flops == second.flops == training_flops(PLAN, 20)


def test_the_figure_has_every_reported_experiment():
    points = reported()
    assert {family: len(each) for family, each in points.items()} == {"isolated": 10, "grouped": 5, "pretrained": 4}
    ours = [Point(flops=6e13, accuracy=0.945, deviation=0.001), Point(flops=2e14, accuracy=0.943)]
    picture = render(draw(points, ours, search=9e14))
    assert picture.startswith(b"\x89PNG")
    assert picture == render(draw(points, ours, search=9e14)), "the same files give the same picture"


def test_the_published_figure_is_drawn_from_the_published_files():
    with (results.RESULTS / "residual" / "trials.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["config_family"] == "residual"
    drawn = draw(
        reported(), confirmed(results.rows_of("confirmed.csv")), flops_of_search(results.rows_of("trials.csv"))
    )
    published, ours = (
        np.asarray(Image.open(BytesIO(each)), float) for each in (results.FIGURE.read_bytes(), render(drawn))
    )
    assert published.shape == ours.shape
    assert np.abs(published - ours).mean() < 1, "edges may be smoothed otherwise, nothing else"
