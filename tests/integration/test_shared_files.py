"""A study's files at the place that homes share: by the same names, under the same rules."""

import optuna
import pytest

from storage import locate
from storage.address import Address
from storage.artifacts import record, record_of_study
from storage.errors import PlaceError
from sweep.trial_files import TrialFiles
from tests.leavings import ask_and_end, write

NAME = "isolated"


@pytest.fixture
def study():
    return optuna.create_study(study_name=NAME, direction="maximize")


@pytest.fixture
def address(bucket):
    return bucket.address.below("team").below(f"{NAME}-01234567")


@pytest.fixture
def homes(tmp_path, address):
    """The study's files in two homes that share a place."""
    return [TrialFiles(tmp_path / home, NAME, locate(None, tmp_path / home), address) for home in ("first", "second")]


@pytest.fixture
def run_trial(study):
    """A trial with these attributes: running, or ended with a value or a state; it leaves files in a home."""

    def run(files, ending=None, **attributes):
        number = ask_and_end(study, ending, **attributes)
        for path in (files.checkpoint(number), files.weights(number)):
            files.shared.copy(write(path))
        return number

    return run


def test_what_one_home_copies_another_one_fetches(homes, address):
    first, second = homes
    for path, copy in (
        (first.checkpoint(3), second.checkpoint(3)),
        (first.weights(3), second.weights(3)),
        (first.artifacts.path("00-ab"), second.artifacts.path("00-ab")),
    ):
        assert not second.shared.fetch(copy)
        first.shared.copy(write(path, path.name.encode()))
        assert second.shared.has(copy)
        assert second.shared.fetch(copy)
        assert copy.read_bytes() == path.name.encode()
    assert first.shared.url(first.weights(3)) == f"{address}/weights/3.weights.npz"


def test_what_is_here_is_neither_fetched_nor_read_from_elsewhere(homes, s3_server):
    first, second = homes
    first.shared.copy(write(first.weights(0)))
    write(second.weights(0), b"its own")
    s3_server.stop()
    assert second.shared.fetch(second.weights(0))
    assert second.read(second.weights(0)) == b"its own"


def test_what_is_not_here_is_read_without_being_kept_here(homes):
    first, second = homes
    first.shared.copy(write(first.artifacts.path("00-ab"), b"a picture"))
    assert second.read(second.artifacts.path("00-ab")) == b"a picture"
    assert second.read(second.artifacts.path("00-cd")) is None
    assert not second.artifacts.path("00-ab").exists()


def test_a_store_of_another_key_in_a_home_has_the_same_names_there(tmp_path, address):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    files = TrialFiles(tmp_path / "home", NAME, locate(url, tmp_path / "home"), address)
    assert files.shared.url(files.checkpoint(0)) == f"{address}/checkpoints/0.npz"


@pytest.mark.parametrize("name", ["../../checkpoints/0.npz", "/etc/passwd", "..", "a/b"])
def test_a_name_that_leads_elsewhere_is_neither_fetched_nor_copied(homes, name):
    files = homes[0]
    for call in (files.shared.copy, files.shared.url, files.shared.has):
        with pytest.raises(ValueError, match="none of the study's files"):
            call(files.artifacts.path(name))


def test_the_rules_of_a_home_hold_there_too(homes, study, run_trial):
    first, second = homes
    running = run_trial(first)
    lost = run_trial(first, "FAIL")
    run_trial(second, retry_of=lost)
    reported = run_trial(first, 0.1, baseline="isolated-1")
    worse, best = run_trial(first, 0.2), run_trial(second, 0.9)
    failed = run_trial(first, "FAIL")
    surplus = second.shared.surplus(study, keep=1)
    assert surplus == dict.fromkeys(
        [
            *(f"checkpoints/{number}.npz" for number in (reported, worse, best, failed)),
            *(f"weights/{number}.weights.npz" for number in (lost, worse, failed)),
        ],
        10,
    )
    second.shared.remove_keys(surplus)
    assert second.shared.surplus(study, keep=1) == {}
    assert first.shared.has(first.checkpoint(running))
    assert first.shared.has(first.checkpoint(lost))


def test_artifacts_that_no_finished_trial_has_are_orphans_there_too(homes, study):
    first, second = homes
    ended, running = study.ask(), study.ask()
    recorded, orphan = (first.artifacts.write(ended.number, order, "a.png", "image/png", b"four") for order in (0, 1))
    coming = first.artifacts.write(running.number, 0, "a.png", "image/png", b"four")
    own = first.artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"four")
    record(ended, [recorded])
    record_of_study(study, own)
    under_way = first.artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"four")
    study.tell(ended, 0.5)
    for each in (recorded, orphan, coming, own, under_way):
        first.shared.copy(first.artifacts.path(each.artifact_id))
    first.shared.copy(write(first.artifacts.path("a picture that somebody put there")))
    assert second.shared.orphans(study) == {f"artifacts/{orphan.artifact_id}": 4}


def test_what_lasts_in_a_home_is_what_the_rules_keep_of_ended_trials(homes, study, run_trial):
    first = homes[0]
    run_trial(first)
    reported, worse, best = run_trial(first, 0.1, baseline="a"), run_trial(first, 0.2), run_trial(first, 0.9)
    write(first.weights(best).with_name(f".{best}.weights.npz.123"))
    trial = study.ask()
    recorded, orphan = (first.artifacts.write(trial.number, order, "a.png", "image/png", b"") for order in (0, 1))
    record(trial, [recorded])
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    lasting = {path.name for path in first.lasting(study, keep=1)}
    assert lasting == {f"{reported}.weights.npz", f"{best}.weights.npz", recorded.artifact_id}
    assert orphan.artifact_id not in lasting
    assert worse not in (reported, best)


def test_deleting_a_study_there_leaves_its_neighbours(homes, bucket, tmp_path):
    first = homes[0]
    for path in (first.checkpoint(0), first.weights(0), first.artifacts.path("00-ab")):
        first.shared.copy(write(path))
    neighbours = {f"team/{NAME}-0123456/weights/0.weights.npz", f"team/{NAME}-012345678/a", "team/notes"}
    for key in neighbours:
        bucket.put(write(tmp_path / "file"), key)
    assert first.shared.delete() == 3
    assert bucket.sizes().keys() == neighbours


def test_a_place_that_is_away_is_an_error_with_its_name(tmp_path, s3_server):
    files = TrialFiles(tmp_path, NAME, locate(None, tmp_path), Address(bucket="missing", prefix=f"{NAME}-01234567"))
    with pytest.raises(PlaceError, match="no bucket 'missing'"):
        files.shared.copy(write(files.weights(0)))
