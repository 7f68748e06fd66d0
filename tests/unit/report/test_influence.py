"""Importances are computed from what was trained, not from what the database keeps for it."""

import pytest

from search_spaces import find_space
from sweep.report.influence import FEWEST_TRIALS, OFF, _encoded, influence_of
from sweep.report.searching import hyperparameters

NAMES = ("conv_layers", "l2", "batch_norm", "dropout")
SPACE = find_space("isolated")


@pytest.fixture
def ranked_of(make_study, told):
    def make(*configs_and_hits):
        return make_study([told(config=config, hits=hits) for config, hits in configs_and_hits])

    return make


def test_the_hyperparameter_that_decides_gets_nearly_all(ranked_of):
    study = ranked_of(*(({"batch_norm": index % 2 == 0, "l2": 0.001 * (index + 1)}, 5600 - 900 * (index % 2) + index)
                        for index in range(12)))  # fmt: skip
    found = influence_of(study.ranked, NAMES, SPACE)
    assert found.problem is None
    assert found.shares["batch_norm"] > 0.8
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.constant == ("conv_layers", "dropout")
    assert influence_of(study.ranked, NAMES, SPACE) == found


def test_a_regulariser_matters_by_being_off_though_the_database_keeps_a_value_for_it(ranked_of):
    study = ranked_of(
        *(
            ({"dropout": None if index % 2 else 0.3, "l2": 0.001 * (index % 5 + 1)}, 5600 - 700 * (index % 2))
            for index in range(12)
        )
    )
    assert influence_of(study.ranked, NAMES, SPACE).shares["dropout"] > 0.8


def test_off_stands_apart_from_every_number_on_the_scale_of_the_search():
    values, _ = _encoded("l2", [None, 1e-4, 1e-2, 1e-1], SPACE)
    assert values == pytest.approx([OFF, 0.5, 0.5 + 0.5 * 2 / 3, 1.0])
    values, _ = _encoded("dropout", [0.1, 0.5], SPACE)
    assert values == pytest.approx([0.0, 1.0])
    values, _ = _encoded("unknown", [2.0, None, 4.0], None)
    assert values == pytest.approx([0.5, OFF, 1.0])


def test_few_trials_say_nothing(ranked_of):
    found = influence_of(
        ranked_of(*(({"l2": 0.01 * n}, 5000 + n) for n in range(1, FEWEST_TRIALS))).ranked, NAMES, SPACE
    )
    assert found.shares == {}
    assert f"fewer than {FEWEST_TRIALS}" in found.problem


@pytest.mark.parametrize(
    ("configs_and_hits", "said"),
    [
        ([({"l2": 0.001 * n}, 5000) for n in range(1, 10)], "same validation accuracy"),
        ([({}, 5000 + n) for n in range(1, 10)], "No hyperparameter differs"),
    ],
    ids=["equal accuracies", "equal configurations"],
)
def test_what_never_varies_explains_nothing(ranked_of, configs_and_hits, said):
    study = ranked_of(*configs_and_hits)
    assert said in influence_of(study.ranked, NAMES, SPACE).problem
    assert any(said in getattr(block, "text", "") for block in hyperparameters(study).blocks)


def test_what_only_some_families_have_is_left_out_by_name(ranked_of):
    study = ranked_of(*(({"backbone": "vgg16", "l2": 0.01} if n % 2 else {"l2": None}, 5000 + n) for n in range(9)))
    assert influence_of(study.ranked, ("l2", "backbone"), None).partial == ("backbone",)


def test_slices_show_what_is_off_as_off(whole_study):
    pictures = {block.name: block for block in hyperparameters(whole_study).blocks if block.kind == "picture"}
    panels = {panel.name: panel for panel in pictures["s1-slices"].draw.args[0]}
    assert panels["dropout"].values.count(None) == 4
    assert panels["l2"].log
    assert not panels["dropout"].log
