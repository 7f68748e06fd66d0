"""The page that says whether the report holds, as far as its experiments were run."""

import pytest
from reproduction import page, reproductions
from trainings import EXPERIMENTS, gathered

from sweep.baselines import Verdict

REPORTED = {name: each.metrics.test_accuracy for name, each in EXPERIMENTS.items()}


def found(*trainings):
    return {each.reported.id: each for each in reproductions(gathered([], trainings))}


def written(*trainings, **settings):
    return page(list(found(*trainings).values()), **{"commands": ["make reproduce"]} | settings)


def row_of(name, text):
    return next(line for line in text.splitlines() if line.startswith(f"| {name} |"))


def test_seeds_are_one_experiment(make_training):
    seeds = [make_training("isolated-1", seed, each) for seed, each in ((43, 0.92), (45, 0.926), (44, 0.923))]
    one = found(*seeds)["isolated-1"]
    assert [(each.seed, each.test_accuracy) for each in one.trainings] == [(43, 0.92), (44, 0.923), (45, 0.926)]
    assert one.metrics.test_accuracy == pytest.approx(0.923)
    assert one.deviation == pytest.approx(0.003)
    row = row_of("isolated-1", written(*seeds))
    assert "| 43: 92.00, 44: 92.30, 45: 92.60 | 92.30 ± 0.30 | +0.40 |" in row
    assert "| reproduced | 18, 18, 18 | 1 h 30 min |" in row


def test_other_metrics_stand_beside_the_reports_as_means(make_training):
    seeds = [make_training("isolated-1", 43, 0.92, test_loss=0.4), make_training("isolated-1", 44, 0.92, test_loss=0.2)]
    assert "| 0.229→0.300 | 0.92→0.91 | 0.92→0.91 | 0.92→0.91 | 1.12→1.05 |" in row_of("isolated-1", written(*seeds))


def test_the_mean_of_the_seeds_is_judged(make_training):
    reported = REPORTED["isolated-1"]
    first = make_training("isolated-1", 43, reported + 0.012)
    assert found(first)["isolated-1"].comparison.verdict is Verdict.BETTER
    lower = make_training("isolated-1", 44, reported - 0.012)
    assert found(first, lower)["isolated-1"].comparison.verdict is Verdict.REPRODUCED
    lowest = make_training("isolated-1", 44, reported - 0.06)
    assert found(first, lowest)["isolated-1"].comparison.verdict is Verdict.WORSE


def test_what_was_not_run_has_no_number(make_training):
    text = written(make_training("isolated-1", 43, 0.92), left_out=["pretrained: not run."])
    assert "**1 of 19 experiments run, with up to 1 seed each: 1 reproduced.**" in text
    cells = [cell.strip() for cell in row_of("isolated-2", text).split("|")][1:-1]
    assert cells[:5] == ["isolated-2", f"{100 * REPORTED['isolated-2']:.2f}", "", "", ""]
    assert "→" not in row_of("isolated-2", text)
    assert cells[-3:] == ["not run", "", ""]
    assert "- pretrained: not run." in text
    assert "92.00 ±" not in text


def test_before_anything_is_run_the_page_says_so():
    text = written()
    assert "**None of 19 experiments was run yet.**" in text
    assert "Nothing was trained." in text
    assert "patience" not in text


def test_what_was_trained_is_asked_for_the_reports_patience(make_training):
    assert "| isolated-1 | 43 | 0.229 | 1: 80.00, 0.300 |" in written(make_training("isolated-1", 43, 0.92))


def test_where_the_report_has_two_values_it_says_which_was_met(make_training):
    seventh = make_training("isolated-7", 43, 0.905)
    compared = found(seventh)["isolated-7"].comparison
    assert compared.verdict is Verdict.REPRODUCED
    assert "Meets 0.9042, not 0.9188, of the two reported values." in compared.notes
    assert "| 91.88 or 90.42 |" in row_of("isolated-7", written(seventh))


def test_the_order_is_held_against_the_reports(make_training):
    same = [make_training(name, 43, accuracy) for name, accuracy in REPORTED.items()]
    assert "this one: 1.00." in written(*same)
    other = [make_training(name, 43, 1 - accuracy) for name, accuracy in REPORTED.items()]
    assert "this one: -1.00." in written(*other)


def test_each_machine_is_told_with_what_it_trained(make_training):
    text = written(
        make_training("isolated-1", 43, 0.92, machine="2 cores"),
        make_training("isolated-1", 44, 0.92, machine="a GPU", device="gpu", dtype_policy="mixed_float16"),
        make_training("isolated-3", 43, 0.92, machine="2 cores"),
    )
    assert (
        "- 2 cores: mixed_bfloat16 on a CPU, keras 3.15.1, tensorflow 2.21.0. "
        "isolated-1 (43), isolated-3 (43): 1 h of training." in text
    )
    assert "- a GPU: mixed_float16 on a GPU, keras 3.15.1, tensorflow 2.21.0. isolated-1 (44): 30 min" in text
    assert "$ make reproduce" in text
