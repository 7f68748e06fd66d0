"""The dashboard's artifacts: from this host where they are here, else from the place of their study."""

import io
from wsgiref.util import setup_testing_defaults

import pytest

from storage import locate, open_store
from storage.artifact_store import READ_SECONDS, ArtifactNotFound, SharedArtifactStore
from storage.artifacts import artifacts_folder, record
from storage.engines import without_optuna_warnings
from storage.plain import open_plain_storage
from sweep.dashboard import Dashboard
from sweep.places import ATTRIBUTE
from sweep.trial_files import TrialFiles


@pytest.fixture
def address(bucket):
    return bucket.address.below("team")


@pytest.fixture
def far(tmp_path, address):
    """The files of a study in another home, which shares a place with this one."""
    return TrialFiles(tmp_path / "far", "isolated", locate(None, tmp_path / "far"), address.below("isolated-01234567"))


@pytest.fixture
def write(far):
    """Write an artifact in the other home, and copy it; its id."""

    def make(content, *, number=0, copy=True):
        artifact_id = far.artifacts.write(number, 0, "a.png", "image/png", content).artifact_id
        if copy:
            far.shared.copy(far.artifacts.path(artifact_id))
        return artifact_id

    return make


class Places:
    """The places that a store knows of; counts how often it is asked, and has a clock."""

    def __init__(self, **known):
        self.known, self.asked, self.now = known, 0, 0.0

    def __call__(self):
        self.asked += 1
        return dict(self.known)


@pytest.fixture
def places(address):
    return Places(isolated=address.below("isolated-01234567"), grouped=address.below("grouped-01234567"))


@pytest.fixture
def artifacts(tmp_path, places):
    (tmp_path / "here").mkdir()
    return SharedArtifactStore(tmp_path / "here", places, clock=lambda: places.now)


def test_what_is_here_is_read_here(artifacts, write, tmp_path, s3_server):
    artifact_id = write(b"there", copy=False)
    (tmp_path / "here" / artifact_id).write_bytes(b"here")
    s3_server.stop()
    with artifacts.open_reader(artifact_id) as opened:
        assert opened.read() == b"here"


def test_what_is_not_here_comes_from_its_study_s_place_and_the_places_are_read_once(artifacts, write, places):
    contents = [b"a picture", b"another one"]
    assert [artifacts.open_reader(write(content)).read() for content in contents] == contents
    assert places.asked == 1


def test_what_is_nowhere_is_not_found(artifacts, write):
    for artifact_id in (write(b"", copy=False), "0b5e3c1e-8a54-4c6b-9d0f-0a1b2c3d4e5f"):
        with pytest.raises(ArtifactNotFound):
            artifacts.open_reader(artifact_id)


def test_a_place_that_changed_is_read_again_but_not_for_every_missing_picture(artifacts, write, places, address):
    moved, places.known["isolated"] = places.known["isolated"], address.below("isolated-76543210")
    artifact_id = write(b"a picture")
    for _ in range(3):
        with pytest.raises(ArtifactNotFound):
            artifacts.open_reader(artifact_id)
    assert places.asked == 1
    places.known["isolated"], places.now = moved, READ_SECONDS
    assert artifacts.open_reader(artifact_id).read() == b"a picture"
    assert places.asked == 2


def test_removing_removes_both_copies(artifacts, write, far, tmp_path):
    artifact_id = write(b"a picture")
    (tmp_path / "here" / artifact_id).write_bytes(b"a picture")
    artifacts.remove(artifact_id)
    assert not (tmp_path / "here" / artifact_id).exists()
    assert not far.shared.has(far.artifacts.path(artifact_id))
    artifacts.remove(artifact_id)  # a study whose pictures are gone can be deleted all the same


def test_what_a_person_attaches_is_kept_here(artifacts, tmp_path):
    artifacts.write("0b5e3c1e-8a54-4c6b-9d0f-0a1b2c3d4e5f", io.BytesIO(b"notes"))
    assert [path.read_bytes() for path in (tmp_path / "here").iterdir()] == [b"notes"]


@pytest.fixture
def shown(tmp_path, address, far, write):
    """A dashboard of a home without files, on a store that the other home shares; and the path of a picture in it."""
    location = locate(f"sqlite:///{tmp_path / 'shared.db'}", tmp_path / "near")
    with open_store(location, write=True) as store, without_optuna_warnings():
        study = store.create("isolated", metric="validation accuracy")
        study.set_user_attr(ATTRIBUTE, str(address.below("isolated-01234567")))
        store.create("theirs", metric="value").set_user_attr(ATTRIBUTE, ["another tool's"])
        trial = study.ask()
        written = far.artifacts.write(trial.number, 0, "a.png", "image/png", b"a picture")
        far.shared.copy(far.artifacts.path(written.artifact_id))
        record(trial, [written])
        study.tell(trial, 0.5)
        path = f"/artifacts/{study._study_id}/{trial._trial_id}/{written.artifact_id}"
    with open_plain_storage(location) as storage:
        yield Dashboard(storage, artifacts_folder(tmp_path / "near", location)), path


def get(application, path):
    """Status and body of a page."""
    environ, answers = {}, []
    setup_testing_defaults(environ)
    body = application(environ | {"PATH_INFO": path}, lambda status, headers, *_: answers.append(status))
    return answers[0], b"".join(body)


def test_a_dashboard_shows_a_figure_that_another_home_made(shown):
    application, path = shown
    assert get(application, path) == ("200 OK", b"a picture")


def test_a_dashboard_says_that_a_place_is_away_and_goes_on(shown, s3_server, caplog):
    application, path = shown
    s3_server.stop()
    status, body = get(application, path)
    assert status == "502 Bad Gateway"
    assert b"not on this host" in body
    assert "does not answer for s3://" in caplog.text
    s3_server.start()
    assert get(application, path) == ("200 OK", b"a picture")
