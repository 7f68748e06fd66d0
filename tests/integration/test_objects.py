"""Objects on a real S3-compatible server: put, fetched, listed, removed; and what is said when that fails."""

import io
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storage import LocationError
from storage.address import Address
from storage.errors import DamagedObjectError, PlaceError
from storage.objects import Objects
from tests.s3_server import KEY_ID, SECRET


@pytest.fixture
def objects(bucket):
    """What lies below a prefix of a bucket."""
    return Objects(bucket.address.below("team").below("grouped-01234567"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "0.npz"
    path.write_bytes(bytes(range(256)) * 5000)  # more than one chunk
    return path


def contents(folder):
    return {path.name for path in folder.iterdir()}


def test_a_file_comes_back_as_it_was_put(objects, file, tmp_path):
    objects.put(file, "checkpoints/0.npz")
    target = tmp_path / "other home" / "checkpoints" / "0.npz"
    assert objects.get("checkpoints/0.npz", target)
    assert target.read_bytes() == file.read_bytes()
    assert contents(target.parent) == {"0.npz"}
    assert objects.read("checkpoints/0.npz") == file.read_bytes()


def test_an_empty_file_is_a_file(objects, tmp_path):
    (tmp_path / "empty").touch()
    objects.put(tmp_path / "empty", "artifacts/empty")
    assert objects.read("artifacts/empty") == b""


def test_the_newest_copy_wins(objects, file):
    objects.put(file, "checkpoints/0.npz")
    file.write_bytes(b"newer")
    objects.put(file, "checkpoints/0.npz")
    assert objects.read("checkpoints/0.npz") == b"newer"


def test_what_is_not_there_is_no_error(objects, tmp_path):
    assert not objects.get("checkpoints/0.npz", tmp_path / "home" / "0.npz")
    assert objects.read("checkpoints/0.npz") is None
    assert not objects.has("checkpoints/0.npz")
    objects.remove(["checkpoints/0.npz"])
    assert objects.sizes() == {}
    assert contents(tmp_path) == set()


def test_objects_are_listed_by_folder_with_their_sizes(objects, bucket, file, tmp_path):
    (tmp_path / "small").write_bytes(b"four")
    objects.put(file, "checkpoints/0.npz")
    objects.put(tmp_path / "small", "weights/0.weights.npz")
    bucket.put(file, "team/grouped-012345678/weights/1.weights.npz")  # its neighbour's name begins likewise
    assert objects.sizes("weights") == {"weights/0.weights.npz": 4}
    assert objects.sizes() == {"checkpoints/0.npz": file.stat().st_size, "weights/0.weights.npz": 4}
    assert objects.has("weights/0.weights.npz")


def test_more_objects_than_a_request_names_are_listed_and_removed(objects, file, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")  # the server's answers, a thousand otherwise
    monkeypatch.setattr("storage.objects.BATCH", 2)
    keys = [f"artifacts/{index}" for index in range(5)]
    for key in keys:
        objects.put(file, key)
    assert list(objects.sizes("artifacts")) == keys
    objects.remove(keys)
    assert objects.sizes() == {}


def test_removing_leaves_what_is_not_named(objects, bucket, file):
    for name in ("0", "1", "2"):
        objects.put(file, f"artifacts/{name}")
    bucket.put(file, "team/other")
    objects.remove(["artifacts/0"])
    objects.remove(["artifacts/1", "artifacts/gone"])
    assert set(bucket.sizes()) == {"team/grouped-01234567/artifacts/2", "team/other"}


def test_what_was_damaged_there_is_refused_and_leaves_no_file(objects, bucket, file, s3_server, tmp_path):
    objects.put(file, "weights/0.weights.npz")
    key = {"Bucket": bucket.address.bucket, "Key": "team/grouped-01234567/weights/0.weights.npz"}
    metadata = s3_server.client().head_object(**key)["Metadata"]
    s3_server.client().put_object(**key, Body=b"something else", Metadata=metadata)
    target = tmp_path / "home" / "0.weights.npz"
    target.parent.mkdir()
    target.write_bytes(b"what was here before")
    with pytest.raises(DamagedObjectError, match=r"s3://.*/weights/0\.weights\.npz is damaged"):
        objects.get("weights/0.weights.npz", target)
    with pytest.raises(DamagedObjectError):
        objects.read("weights/0.weights.npz")
    assert contents(target.parent) == {"0.weights.npz"}
    assert target.read_bytes() == b"what was here before"


def test_another_tool_s_copy_without_a_digest_is_taken(objects, bucket, s3_server):
    bucket_name = bucket.address.bucket
    s3_server.client().upload_fileobj(io.BytesIO(b"moved"), bucket_name, "team/grouped-01234567/artifacts/0")
    assert objects.read("artifacts/0") == b"moved"


@pytest.fixture
def cutting_server(monkeypatch, s3_server):
    """A server that announces more than it sends."""

    class Cutting(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"cut off")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Cutting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("cutting_server")
def test_a_download_that_is_cut_off_leaves_no_file(tmp_path):
    with pytest.raises(PlaceError, match=r"IncompleteRead|ResponseStreaming"):
        Objects(Address(bucket="sweeps")).get("0.npz", tmp_path / "home" / "0.npz")
    assert contents(tmp_path / "home") == set()


def test_a_place_that_can_be_used_passes_the_check_and_keeps_nothing_of_it(objects, bucket):
    objects.check()
    assert bucket.sizes() == {}


def test_a_bucket_that_does_not_exist_is_named(s3_server):
    with pytest.raises(PlaceError, match=r"no bucket 'missing' at 127\.0\.0\.1:\d+\. Create it first"):
        Objects(Address(bucket="missing", prefix="team")).check()


def test_a_server_that_is_away_is_named_and_used_again_when_it_is_back(objects, file, s3_server):
    objects.put(file, "weights/0.weights.npz")
    s3_server.stop()
    with pytest.raises(PlaceError, match=r"127\.0\.0\.1:\d+ does not answer for s3://.*AWS_ENDPOINT_URL"):
        Objects(objects.address, brief=True).check()
    with pytest.raises(PlaceError, match="does not answer"):
        objects.read("weights/0.weights.npz")
    s3_server.start()
    assert objects.read("weights/0.weights.npz") == file.read_bytes()


def test_missing_credentials_are_asked_for_by_their_variables(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PlaceError, match=r"no usable credentials .* Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        Objects(bucket.address).check()


def test_credentials_that_are_not_accepted_are_not_repeated(bucket, s3_server):
    with s3_server.checking_credentials(), pytest.raises(PlaceError, match="does not accept the credentials") as error:
        Objects(bucket.address).check()
    assert KEY_ID not in str(error.value)
    assert SECRET not in str(error.value)


def test_credentials_that_may_not_write_are_told_what_they_need(bucket, s3_server, monkeypatch):
    accounts = s3_server.client("iam")
    accounts.create_user(UserName="reader")
    key = accounts.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with s3_server.checking_credentials(), pytest.raises(PlaceError, match="must be allowed to list, read, write and"):
        Objects(bucket.address).check()


@pytest.mark.parametrize("endpoint", ["http://user:hidden@127.0.0.1:1", "hidden", "http://user:hidden@"])
def test_an_endpoint_s_own_password_is_never_shown(bucket, monkeypatch, caplog, endpoint):
    caplog.set_level(logging.INFO)  # what --verbose shows
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(PlaceError) as error:
        Objects(bucket.address, brief=True).check()
    shown = f"{error.value} {error.value.__cause__} {caplog.text}"
    assert "hidden" not in shown
    assert SECRET not in shown
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_without_boto3_it_is_said_what_to_install(bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(LocationError, match=r"needs boto3: pip install 'sweep\[s3\]'"):
        Objects(bucket.address).check()
