import re

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta

from storage.artifacts import Artifacts, record, record_of_study, records_of, records_of_study, unrecorded


@pytest.fixture
def study():
    return optuna.create_study(study_name="isolated")


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts", "isolated")


def frozen(study, trial):
    return study.get_trials()[trial.number]


def test_a_recorded_file_is_what_optuna_s_own_tools_find(study, artifacts):
    trial = study.ask()
    record(trial, [artifacts.write(trial.number, 0, "curves.png", "image/png", b"a picture")])
    (meta,) = get_all_artifact_meta(trial)
    assert (meta.filename, meta.mimetype, meta.encoding) == ("curves.png", "image/png", None)
    assert artifacts.path(meta.artifact_id).read_bytes() == b"a picture"


def test_bytes_are_there_before_any_record_names_them(study, artifacts):
    trial = study.ask()
    written = artifacts.write(trial.number, 0, "curves.png", "image/png", b"a picture")
    assert records_of(frozen(study, trial)) == []
    assert artifacts.path(written.artifact_id).is_file()


def test_ids_are_in_order_and_such_as_the_dashboard_takes(study, artifacts):
    trial = study.ask()
    written = [artifacts.write(trial.number, order, f"{order}.png", "image/png", b"") for order in (10, 2, 0)]
    record(trial, written)
    found = records_of(frozen(study, trial))
    assert [each.filename for each in found] == ["0.png", "2.png", "10.png"]
    assert all(re.fullmatch("[0-9a-f-]+", each.artifact_id) for each in found)


def test_what_a_person_removed_in_the_dashboard_is_no_artifact(study, artifacts):
    trial = study.ask()
    kept, removed = (artifacts.write(trial.number, order, f"{order}.png", "image/png", b"") for order in (0, 1))
    record(trial, [kept, removed])
    # As the dashboard does it: a record cannot be deleted.
    study._storage.set_trial_system_attr(trial._trial_id, f"artifacts:{removed.artifact_id}", "null")
    assert records_of(frozen(study, trial)) == [kept]


def test_a_deleted_file_is_missed(study, artifacts):
    trial = study.ask()
    kept, lost = (artifacts.write(trial.number, order, f"{order}.png", "image/png", b"") for order in (0, 1))
    record(trial, [kept, lost])
    artifacts.path(lost.artifact_id).unlink()
    assert artifacts.missing(frozen(study, trial)) == [lost]


def test_a_file_without_a_record_is_an_orphan_once_its_trial_ended(study, artifacts):
    dead, alive = study.ask(), study.ask()
    record(dead, [artifacts.write(dead.number, 0, "curves.png", "image/png", b"")])
    orphan = artifacts.write(dead.number, 1, "matrix.png", "image/png", b"")
    artifacts.write(alive.number, 0, "curves.png", "image/png", b"")
    study.tell(dead, state=optuna.trial.TrialState.FAIL)
    assert artifacts.orphans(study) == [artifacts.path(orphan.artifact_id)]


def test_a_study_has_artifacts_of_its_own_that_optuna_s_tools_find(study, artifacts):
    trial = study.ask()
    written = [
        artifacts.write_of_study(study, order, f"{order}.npz", "application/octet-stream", b"w") for order in (1, 0)
    ]
    for each in written:
        record_of_study(study, each)
    assert [each.filename for each in records_of_study(study)] == ["0.npz", "1.npz"]
    assert {meta.artifact_id for meta in get_all_artifact_meta(study)} == {each.artifact_id for each in written}
    assert all(re.fullmatch("[0-9a-f-]+", each.artifact_id) for each in written)
    assert records_of(frozen(study, trial)) == []


def test_an_artifact_of_a_study_is_no_orphan_while_it_is_on_its_way(study, artifacts):
    study.ask()  # a running trial's files are no orphans; these are no trial's
    written = artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"w")
    assert records_of_study(study) == []
    assert artifacts.orphans(study) == []
    record_of_study(study, written)
    assert artifacts.orphans(study) == []
    artifacts.delete()
    assert not artifacts.path(written.artifact_id).exists()


def test_an_artifact_of_a_study_that_was_given_up_is_an_orphan_once_another_one_is_on_its_way(study, artifacts):
    given_up, recorded = (
        artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"w") for _ in range(2)
    )
    assert artifacts.orphans(study) == [artifacts.path(given_up.artifact_id)]
    record_of_study(study, recorded)
    assert artifacts.orphans(study) == [artifacts.path(given_up.artifact_id)]


def test_a_study_knows_of_its_artifact_before_there_is_a_file(study, artifacts, tmp_path):
    """Who lists files and then asks the study finds none that it does not know."""
    (tmp_path / "artifacts").write_text("in the way")
    with pytest.raises(OSError, match="artifacts"):
        artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"w")
    known = study._storage.get_study_system_attrs(study._study_id)["artifact_under_way"]
    assert not artifacts.path(known).exists()
    assert unrecorded(study, [known]) == set()


def test_each_study_measures_and_deletes_its_own_files_only(tmp_path, artifacts):
    other = Artifacts(tmp_path / "artifacts", "grouped")
    assert artifacts.size() == 0
    artifacts.write(0, 0, "curves.png", "image/png", b"four")
    other.write(0, 0, "curves.png", "image/png", b"sixsix")
    assert (artifacts.size(), other.size()) == (4, 6)
    artifacts.delete()
    assert (artifacts.size(), other.size()) == (0, 6)
