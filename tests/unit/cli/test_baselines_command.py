"""`sweep baselines` shows people and scripts how far a study meets the report."""

import json
from dataclasses import asdict

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search_spaces import find_space
from storage import locate, open_store
from sweep.identity import ATTRIBUTE
from sweep.queueing import enqueue_experiments
from tests.identities import make_identity

STUDY = "isolated-quick"
METRICS = {"test_accuracy", "test_loss", "precision", "recall", "f1", "rmse"}


@pytest.fixture
def make_stored(workplace):
    """A stored study of full length on Fashion-MNIST, whose experiments reached these test accuracies."""

    def make(accuracies, *, name="isolated", family="isolated"):
        identity = make_identity(family=family, space_hash=find_space(family).hash, weights="imagenet")
        (workplace / "sweep-data").mkdir(exist_ok=True)
        with open_store(locate(None, workplace / "sweep-data"), write=True) as store, store.lock(name):
            study = store.create(name, metric="validation accuracy")
            study.set_user_attr(ATTRIBUTE, identity.to_dict())
            for baseline, accuracy in accuracies.items():
                study.add_trial(finished(baseline, accuracy))
            enqueue_experiments(study, find_space(family))

    return make


def finished(baseline, accuracy):
    measured = {"accuracy": accuracy, "loss": 12.5, "precision": 0.88, "recall": 0.89, "f1": 0.87, "rmse": 1.5}
    attributes = {f"test_{name}": value for name, value in measured.items()}
    return create_trial(
        state=TrialState.COMPLETE, value=0.9, user_attrs={"baseline": baseline, "quick_look": False, **attributes}
    )


@pytest.fixture
def some_run(make_stored):
    """Better, worse, as reported, and isolated-7 as its confusion matrix has it."""
    make_stored({"isolated-1": 0.93, "isolated-3": 0.9, "isolated-5": 0.9254, "isolated-7": 0.9042})


def as_json(outcome):
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def line_of(text, baseline):
    return next(line for line in text.splitlines() if line.split()[:1] in ([baseline], [f"{baseline}*"]))


def test_a_new_study_has_run_nothing(sweep, created, nothing_changes):
    with nothing_changes():
        rows = as_json(sweep("baselines", STUDY, "--json"))
    assert [row["id"] for row in rows] == [f"isolated-{number}" for number in range(1, 11)]
    for row, experiment in zip(rows, find_space("isolated").reported, strict=True):
        assert row["reported"] == asdict(experiment.metrics)
        assert row["configuration"] == experiment.configuration
        assert (row["reproduced"], row["difference"], row["verdict"]) == (None, None, "not run")
    table = sweep("baselines", STUDY).out
    assert "quick look, no verdict on the report" in table
    assert "10 not run" in table
    assert "images are digits" in table


def test_scripts_get_every_verdict_with_both_sets_of_metrics(sweep, some_run):
    rows = {row["id"]: row for row in as_json(sweep("baselines", "isolated", "--json"))}
    verdicts = {name: row["verdict"] for name, row in rows.items() if row["reproduced"] is not None}
    assert verdicts == {
        "isolated-1": "better",
        "isolated-3": "worse",
        "isolated-5": "reproduced",
        "isolated-7": "reproduced",
    }
    for name in verdicts:
        assert rows[name]["reported"].keys() == rows[name]["reproduced"].keys() == METRICS
    assert rows["isolated-1"]["difference"] == pytest.approx(1.1)
    assert rows["isolated-7"]["alternatives"][0]["met"] == [0.9042]
    assert rows["isolated-2"]["state"] == "WAITING"


def test_people_get_a_row_for_each_experiment_with_the_difference_signed(sweep, some_run):
    table = sweep("baselines", "isolated").out
    assert line_of(table, "isolated-1").split() == [
        "isolated-1",
        "91.90",
        "93.00",
        "+1.10",
        "0.229→12.5",
        "0.92→0.88",
        "0.92→0.89",
        "0.92→0.87",
        "1.12→1.50",
        "better",
    ]
    assert "-2.12" in line_of(table, "isolated-3")
    assert line_of(table, "isolated-2").split() == [
        *("isolated-2", "91.83", "0.267", "0.92", "0.92", "0.92", "1.10"),
        *("not", "run"),
    ]


def test_the_report_s_contradictions_stand_below_the_table(sweep, some_run):
    table = sweep("baselines", "isolated").out
    assert "isolated-7*" in table
    assert "* isolated-7: The table says 0.9188; the printed confusion matrix gives 0.9042" in table
    assert "* isolated-7: Meets 0.9042, not 0.9188, of the two reported values." in table
    assert "* isolated-10: The table says 0.983; the printed confusion matrix gives 1.0153." in table
    assert "isolated-1*" not in table


def test_the_summary_counts_verdicts_and_compares_the_orders(sweep, some_run):
    table = sweep("baselines", "isolated").out
    assert "10 experiments: 2 reproduced, 1 better, 1 worse, 6 not run; tolerance 0.5 points." in table
    # By rank, reported 2 3 4 1 and reproduced 4 1 3 2: 1 - 6 * (4 + 4 + 1 + 1) / (4 * 15).
    assert "Rank correlation (Spearman) between reported and reproduced test accuracy: 0.00 over 4" in table
    assert "First in the report: isolated-5; here: isolated-1." in table


def test_two_experiments_are_too_few_for_an_order(sweep, make_stored):
    make_stored({"isolated-1": 0.93, "isolated-3": 0.9})
    assert "Rank correlation: none yet, 2 of at least 3 experiments were run." in sweep("baselines", "isolated").out


def test_equal_accuracies_have_no_order(sweep, make_stored):
    make_stored(dict.fromkeys(("isolated-1", "isolated-2", "isolated-3"), 0.1))
    assert "Rank correlation: none, all 3 experiments have the same" in sweep("baselines", "isolated").out


def test_a_quick_look_gets_no_verdict_and_its_order_is_called_that_of_a_quick_look(sweep, created):
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{created / 'sweep.db'}")
    for number, accuracy in enumerate((0.93, 0.92, 0.921), start=1):
        study.add_trial(finished(f"isolated-{number}", accuracy))
    rows = as_json(sweep("baselines", STUDY, "--json"))
    assert [row["verdict"] for row in rows] == ["quick look"] * 3 + ["not run"] * 7
    table = sweep("baselines", STUDY).out
    assert "3 quick look, 7 not run" in table
    assert "Rank correlation of a quick look (Spearman)" in table


def test_the_tolerance_is_an_option(sweep, some_run):
    rows = as_json(sweep("baselines", "isolated", "--tolerance", 3, "--json"))
    assert {row["verdict"] for row in rows} == {"reproduced", "not run"}
    assert "tolerance 3 points" in sweep("baselines", "isolated", "--tolerance", 3).out


def test_a_flag_wins_over_the_variable_and_the_variable_over_the_settings_file(sweep, some_run, workplace, monkeypatch):
    (workplace / "sweep.toml").write_text("tolerance = 1\n")
    assert "tolerance 1 points" in sweep("baselines", "isolated").out
    monkeypatch.setenv("SWEEP_TOLERANCE", "2")
    assert "tolerance 2 points" in sweep("baselines", "isolated").out
    assert "tolerance 3 points" in sweep("baselines", "isolated", "--tolerance", 3).out


@pytest.mark.parametrize("tolerance", ["-1", "nan", "101", "inf"])
def test_a_tolerance_that_makes_no_sense_is_a_usage_error(sweep, created, tolerance):
    outcome = sweep("baselines", STUDY, "--tolerance", tolerance, "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "tolerance" in outcome.err
    assert tolerance in outcome.err


def test_a_tolerance_that_is_no_number_is_a_usage_error(sweep, created):
    outcome = sweep("baselines", STUDY, "--tolerance", "half")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--tolerance" in outcome.err


def test_a_study_that_does_not_exist_is_a_usage_error(sweep, created):
    outcome = sweep("baselines", "isolated-quik", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Did you mean 'isolated-quick'?" in outcome.err


def test_a_study_of_another_tool_has_nothing_to_compare(sweep, created):
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{created / 'sweep.db'}")
    outcome = sweep("baselines", "theirs", "--json")
    assert as_json(outcome) == []
    assert "not made by sweep" in outcome.err
    outcome = sweep("baselines", "theirs")
    assert (outcome.code, outcome.out) == (0, "")
    assert "not made by sweep" in outcome.err


@pytest.mark.parametrize(("columns", "shown"), [(160, True), (100, True), (80, False)])
def test_all_nineteen_fit_a_terminal_of_a_hundred_columns(columns, shown, sweep, make_stored, monkeypatch):
    make_stored({each.id: each.metrics.test_accuracy for each in find_space("all").reported}, name="all", family="all")
    monkeypatch.setattr("sweep.cli.streams.out.width", columns)
    table = sweep("baselines", "all").out
    assert max(map(len, table.splitlines())) <= columns
    assert ("precision" in table.partition("on test images")[0]) == shown
    assert all(line_of(table, each.id).endswith("reproduced") for each in find_space("all").reported)
    assert "19 experiments: 19 reproduced" in table
