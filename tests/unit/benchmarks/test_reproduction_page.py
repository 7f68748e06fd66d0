"""The page that says whether the report holds, as far as its experiments were run."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from reproduction import page, reproductions

from search_spaces import find_space
from sweep.baselines import Verdict
from sweep.identity import ATTRIBUTE
from sweep.queueing import enqueue_experiments
from tests.identities import make_identity

REPORTED = {each.id: each.metrics.test_accuracy for each in find_space("isolated").reported}


@pytest.fixture
def make_study():
    def make(runs, **changes):
        """A study of `isolated` that ran (experiment, seed, test accuracy)."""
        study = optuna.create_study(direction="maximize")
        study.set_user_attr(ATTRIBUTE, make_identity(**changes).to_dict())
        enqueue_experiments(study, find_space("isolated"))
        for name, seed, accuracy in runs:
            attributes = {
                "baseline": name,
                "seed": seed,
                "test_accuracy": accuracy,
                "epochs_run": 18,
                "train_seconds": 1800.0,
                "dtype_policy": "mixed_bfloat16",
                "backend": "tensorflow",
                "device": "cpu",
                "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
            }
            study.add_trial(create_trial(state=TrialState.COMPLETE, value=0.9, user_attrs=attributes))
        return study

    return make


def found(study, confirming=None):
    return {each.reported.id: each for each in reproductions(study, confirming)}


def written(study, confirming=None, **settings):
    settings = {"machine": "2 cores", "commands": ["make reproduce"]} | settings
    return page(reproductions(study, confirming), **settings)


def test_seeds_of_both_studies_are_one_experiment(make_study):
    study = make_study([("isolated-1", 43, 0.92)])
    confirming = make_study([("isolated-1", 43, 0.92), ("isolated-1", 45, 0.926), ("isolated-1", 44, 0.923)])
    one = found(study, confirming)["isolated-1"]
    assert [(run.seed, run.test_accuracy) for run in one.runs] == [(43, 0.92), (44, 0.923), (45, 0.926)]
    assert one.accuracy == pytest.approx(0.923)
    assert one.deviation == pytest.approx(0.003)
    row = next(line for line in written(study, confirming).splitlines() if line.startswith("| isolated-1 "))
    assert "43: 92.00, 44: 92.30, 45: 92.60" in row
    assert "92.30 ± 0.30 | +0.40 | reproduced | 18, 18, 18 | 1 h 30 min |" in row


def test_the_mean_of_the_seeds_is_judged(make_study):
    reported = REPORTED["isolated-1"]
    study = make_study([("isolated-1", 43, reported + 0.012)])
    assert found(study)["isolated-1"].verdict is Verdict.BETTER
    confirming = make_study([("isolated-1", 44, reported - 0.012)])
    assert found(study, confirming)["isolated-1"].verdict is Verdict.REPRODUCED
    confirming = make_study([("isolated-1", 44, reported - 0.06)])
    assert found(study, confirming)["isolated-1"].verdict is Verdict.WORSE


def test_what_was_not_run_has_no_number(make_study):
    text = written(make_study([("isolated-1", 43, 0.92)]), left_out=["pretrained: not run."])
    assert "**1 of 10 experiments run, with up to 1 seed each: 1 reproduced.**" in text
    assert "| isolated-2 | 92.18 | | | | not run | | |" in text.replace(f"{100 * REPORTED['isolated-2']:.2f}", "92.18")
    assert "- pretrained: not run." in text
    assert " ± 0" not in text.replace("mean ± deviation", "")


def test_before_anything_is_run_the_page_says_so(make_study):
    text = written(make_study([]))
    assert "**None of 10 experiments was run yet.**" in text
    assert "Nothing was trained." in text


def test_where_the_report_has_two_values_it_says_which_was_met(make_study):
    seventh = found(make_study([("isolated-7", 43, 0.905)]))["isolated-7"]
    assert seventh.verdict is Verdict.REPRODUCED
    assert "Meets 0.9042, not 0.9188, of the two reported values." in seventh.notes
    row = next(
        line
        for line in written(make_study([("isolated-7", 43, 0.905)])).splitlines()
        if line.startswith("| isolated-7")
    )
    assert "91.88 or 90.42" in row


def test_the_order_is_held_against_the_reports(make_study):
    same = make_study([(name, 43, accuracy) for name, accuracy in REPORTED.items()])
    assert "this one: 1.00." in written(same)
    reverse = dict(zip(REPORTED, sorted(REPORTED.values()), strict=True))
    assert reverse != REPORTED
    other = make_study([(name, 43, 1 - accuracy) for name, accuracy in REPORTED.items()])
    assert "this one: -1.00." in written(other)


def test_a_quick_look_is_no_reproduction(make_study):
    assert reproductions(make_study([("isolated-1", 43, 0.92)], limit=700), None) == []


def test_other_recipes_and_images_are_no_reproduction(make_study):
    assert reproductions(make_study([("isolated-1", 43, 0.92)], dataset="digits", image_shape=(8, 8, 1)), None) == []


def test_the_machine_and_what_it_trained_in_are_told(make_study):
    text = written(make_study([("isolated-1", 43, 0.92)]))
    assert "Machine: 2 cores. Trained in mixed_bfloat16 on a CPU, keras 3.15.1, tensorflow 2.21.0." in text
    assert "Training took 30 min in all." in text
    assert "$ make reproduce" in text
