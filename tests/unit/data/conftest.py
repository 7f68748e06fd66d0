"""Real files and a real web server for the tests of the data modules."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from sweep.data.fashion_mnist import Sources
from sweep.data.idx import IdxFile


@dataclass
class Host:
    """A download host on this machine: what it serves by path, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    announced_bytes: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def host() -> Iterator[Host]:
    served = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            served.requests.append(name)
            if name not in served.files:
                self.send_error(404)
                return
            content = served.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(served.announced_bytes.get(name, len(content))))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def refused_url() -> str:
    """An address at which nobody listens."""
    return "http://127.0.0.1:9/"  # the discard port


@dataclass(frozen=True, kw_only=True)
class TinyFashionMnist:
    """Four small IDX files that stand in for the real ones."""

    contents: dict[str, bytes]
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]

    def write(self, folder: Path, *, compressed: bool = True) -> Path:
        folder.mkdir(parents=True)
        for name, content in self.contents.items():
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return folder


@pytest.fixture
def tiny() -> TinyFashionMnist:
    random = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": random.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.arange(40, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte": random.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.arange(20, dtype=np.uint8) % 10,
    }
    contents, files = {}, []
    for name, array in arrays.items():
        header = b"".join(size.to_bytes(4, "big") for size in (0x800 + array.ndim, *array.shape))
        contents[name] = header + array.tobytes()
        sha256 = hashlib.sha256(contents[name]).hexdigest()
        files.append(IdxFile(name=name, shape=array.shape, sha256=sha256))
    return TinyFashionMnist(contents=contents, files=tuple(files))


@pytest.fixture
def make_sources(tmp_path: Path, tiny: TinyFashionMnist, refused_url: str) -> Callable[..., Sources]:
    """Sources that are all empty, but for those given."""

    def make(**given: object) -> Sources:
        empty = {
            "system_dir": tmp_path / "system",
            "keras_dir": tmp_path / "keras",
            "url": refused_url,
            "apt_get": None,
            "dpkg_deb": None,
            "files": tiny.files,
        }
        return Sources(**(empty | given))

    return make
