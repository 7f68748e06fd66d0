import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import optuna

from search_spaces import space_names

STUDY = "isolated-quick"
COUNTS = {"complete", "pruned", "running", "waiting", "failed"}


def test_without_a_store_there_are_no_studies_and_none_is_made(sweep, nothing_changes):
    with nothing_changes():
        outcome = sweep("studies", "--json")
        assert (outcome.code, json.loads(outcome.out)) == (0, [])
        assert sweep("studies").code == 0


def test_families_are_listed_with_their_parameters(sweep):
    rows = json.loads(sweep("families", "--json").out)
    assert [row["family"] for row in rows] == list(space_names())
    isolated = rows[0]
    assert list(isolated["parameters"]) == ["conv_layers", "l2", "batch_norm", "dropout"]
    assert isolated["reported"][0] == "isolated-1"
    assert (isolated["first_trials"], isolated["recipe"]) == ([], "report")


def test_families_are_listed_with_what_the_recipe_tuned_adds(sweep):
    rows = {row["family"]: row for row in json.loads(sweep("families", "--json").out)}
    assert rows["residual"]["recipe"] == "tuned"
    assert rows["residual"]["first_trials"] == ["residual-resnet20", "residual-wide"]
    added = rows["residual"]["tuned"]
    assert added == rows["isolated"]["tuned"]
    assert added["schedule"] == "constant, cosine or one-cycle"
    assert added.keys() - rows["pretrained"]["tuned"].keys() == {"augmentation", "flip_averaging"}
    shown = sweep("families").out
    assert "2 published" in shown
    assert f"learning_rate: {added['learning_rate']}" in shown


def test_a_stored_study_is_listed_with_its_counts(sweep, created):
    (row,) = json.loads(sweep("studies", "--json").out)
    assert row.keys() == {"study", "family"} | COUNTS
    assert row == {
        "study": STUDY,
        "family": "isolated",
        "complete": 0,
        "pruned": 0,
        "running": 0,
        "waiting": 10,
        "failed": 0,
    }


def test_the_status_of_a_new_study_has_no_best_trial_and_no_end(sweep, created):
    document = json.loads(sweep("status", STUDY, "--json").out)
    assert document.keys() >= {"study", "trials_wanted", "best", "ended"} | COUNTS
    assert (document["trials_wanted"], document["best"], document["ended"]) == (20, None, None)


def test_the_status_names_the_best_trial(sweep, one_complete):
    document = json.loads(sweep("status", STUDY, "--json").out)
    assert document["best"] == {"number": 0, "value": 0.5}
    assert (document["complete"], document["waiting"]) == (1, 9)


def test_trials_are_documents_ordered_by_number(sweep, one_complete):
    rows = json.loads(sweep("trials", STUDY, "--json").out)
    assert [row["number"] for row in rows] == list(range(10))
    assert [row["state"] for row in rows] == ["COMPLETE"] + ["WAITING"] * 9
    assert [row["baseline"] for row in rows] == [f"isolated-{number}" for number in range(1, 11)]
    for row in rows:
        assert row.keys() >= {"params", "config", "attempt", "retry_of", "user_attrs", "value"}
        assert row["config"].keys() == {"family", "conv_layers", "l2", "batch_norm", "dropout"}
    first, second = rows[:2]
    assert (first["value"], second["value"]) == (0.5, None)
    assert first["config"]["dropout"] is None
    assert second["config"]["l2"] == 0.001


def test_one_trial_is_shown_as_the_list_has_it(sweep, one_complete):
    rows = json.loads(sweep("trials", STUDY, "--json").out)
    assert json.loads(sweep("show", STUDY, 3, "--json").out) == rows[3] | {"artifacts": []}
    assert "isolated-1" in sweep("show", STUDY, 0).out


def test_the_table_has_a_row_for_each_trial(sweep, one_complete):
    table = sweep("trials", STUDY).out
    for number in range(1, 11):
        assert f"isolated-{number}" in table
    assert "50.0" in table


def test_trials_as_comma_separated_values_are_the_same_trials(sweep, one_complete):
    rows = list(csv.DictReader(io.StringIO(sweep("trials", STUDY, "--csv").out)))
    documents = json.loads(sweep("trials", STUDY, "--json").out)
    assert [int(row["number"]) for row in rows] == [document["number"] for document in documents]
    assert [row["state"] for row in rows] == [document["state"] for document in documents]
    assert float(rows[0]["value"]) == 0.5
    assert float(rows[1]["config_l2"]) == 0.001
    assert (rows[0]["config_l2"], rows[1]["value"]) == ("", "")


def test_json_and_csv_exclude_each_other(sweep, created):
    outcome = sweep("trials", STUDY, "--json", "--csv")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--json" in outcome.err


def test_a_measure_that_is_no_number_is_null_in_json(sweep, created):
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{created / 'sweep.db'}")
    trial = study.ask()
    trial.set_user_attr("history", {"epoch": [1], "val_loss": [float("nan")]})
    rows = json.loads(sweep("trials", STUDY, "--json").out)
    assert rows[0]["user_attrs"]["history"]["val_loss"] == [None]


def test_the_data_is_described(sweep, nothing_changes):
    with nothing_changes():
        document = json.loads(sweep("data", "--dataset", "digits", "--json").out)
    assert document.keys() == {"dataset", "source", "train", "test", "image_shape", "labels", "sha256"}
    assert document["image_shape"] == [28, 28, 1]
    assert document["train"] + document["test"] == 1797


def test_reading_leaves_the_store_as_it_is(sweep, one_complete, nothing_changes):
    with nothing_changes():
        for command in (["studies"], ["status", STUDY], ["trials", STUDY], ["show", STUDY, 0]):
            assert sweep(*command).code == 0
            assert sweep(*command, "--json").code == 0


def test_a_reader_that_stops_listening_sees_no_traceback(created):
    reading, writing = os.pipe()
    os.close(reading)
    command = Path(sys.executable).parent / "sweep"
    answer = subprocess.run(
        [command, "trials", STUDY, "--json"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert answer.stderr == ""


def test_a_table_in_a_file_is_not_folded(created):
    command = Path(sys.executable).parent / "sweep"
    answer = subprocess.run([command, "trials", STUDY], capture_output=True, text=True, check=True)
    rows = [line for line in answer.stdout.splitlines() if "isolated-1 " in line]
    assert len(rows) == 1
    assert "waiting" in rows[0]
