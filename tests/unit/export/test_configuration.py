import json

import pytest
from optuna.trial import TrialState

from sweep.errors import UsageError, WorldError
from sweep.export.configuration import choose_trial, configuration_document, read_configuration
from sweep.files import write_atomically


@pytest.fixture
def finished(our_study, space):
    """Two complete trials, the better one second, and a failed one."""
    for value in (0.7, 0.9):
        trial = our_study.ask()
        trial.set_user_attr("config", space.suggest(trial).to_dict())
        trial.set_user_attr("val_accuracy", value)
        our_study.tell(trial, value)
    our_study.tell(our_study.ask(), state=TrialState.FAIL)
    return our_study


def test_the_best_trial_is_chosen_unless_one_is_named(finished):
    assert choose_trial(finished, None).number == 1
    assert choose_trial(finished, 0).number == 0


@pytest.mark.parametrize(
    ("number", "message"),
    [(2, "Trial 2 is FAIL; only complete trials can be exported: 0, 1"), (3, "no trial 3. It has 3 trials")],
)
def test_only_a_complete_trial_can_be_exported(finished, number, message):
    with pytest.raises(UsageError, match=message):
        choose_trial(finished, number)


def test_a_study_without_a_complete_trial_has_nothing_to_export(our_study):
    with pytest.raises(UsageError, match="no complete trial yet"):
        choose_trial(our_study, None)


def test_what_was_exported_can_be_enqueued_again(finished, space, tmp_path):
    trial = choose_trial(finished, None)
    path = tmp_path / "config.json"
    document = configuration_document(finished, trial)
    write_atomically(path, json.dumps(document, allow_nan=False))
    assert space.from_dict(read_configuration(path)) == space.from_params(trial.params)
    assert document["recipe"]["seed"] == 43
    assert document["metrics"] == {"val_accuracy": 0.9}
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_a_file_may_hold_the_configuration_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"conv_layers": 3}')
    assert read_configuration(tmp_path / "config.json") == {"conv_layers": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "must hold one JSON object. Received: list"),
        (b"\xff\xfe", "is not a text file"),
        (b'{"config": {}}', "schema version None. This version of sweep reads 1"),
        (b'{"config": {}, "schema_version": 2}', "schema version 2"),
        (b'{"config": 3, "schema_version": 1}', "must be an object. Received: int"),
    ],
)
def test_another_file_is_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_configuration(tmp_path / "config.json")


def test_a_file_that_cannot_be_read_or_written_is_the_world_s_fault(tmp_path):
    with pytest.raises(WorldError, match="cannot be read: No such file"):
        read_configuration(tmp_path / "missing.json")
    with pytest.raises(WorldError, match="cannot be written: No such file"):
        write_atomically(tmp_path / "missing" / "config.json", "{}")


def test_a_study_of_another_tool_cannot_be_exported(study):
    study.tell(study.ask(), 0.5)
    with pytest.raises(UsageError, match="was not made by sweep"):
        configuration_document(study, choose_trial(study, None))
