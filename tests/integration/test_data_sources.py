import gzip
import multiprocessing
import shutil
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from sweep.data.dataset import DataReference, Sources, load_dataset
from sweep.data.debian import PackageError, unpack_package
from sweep.data.fashion_mnist import FILES, PACKAGE
from sweep.data.split import split_dataset
from sweep.download import download


def test_fashion_mnist_is_what_the_report_trained_on(fashion_mnist_cache, tmp_path):
    nowhere = Sources(system_dir=tmp_path, keras_dir=tmp_path)
    dataset = load_dataset(DataReference(cache_dir=fashion_mnist_cache), download=False, sources=nowhere)
    assert dataset.image_shape == (28, 28, 1)
    assert np.bincount(dataset.y_train).tolist() == [6000] * 10
    assert np.bincount(dataset.y_test).tolist() == [1000] * 10
    assert dataset.labels[dataset.y_train[0]] == "Ankle boot"
    split = split_dataset(dataset, seed=43, limit=None)
    assert np.bincount(split.y_train).tolist() == [5400] * 10
    assert np.bincount(split.y_validation).tolist() == [600] * 10


def test_decompressed_files_in_a_data_dir_are_the_same_images(fashion_mnist_cache, tmp_path):
    for file in FILES:
        compressed = (fashion_mnist_cache / "fashion-mnist" / f"{file.name}.gz").read_bytes()
        (tmp_path / file.name).write_bytes(gzip.decompress(compressed))
    plain = load_dataset(DataReference(data_dir=tmp_path, cache_dir=tmp_path))
    cached = load_dataset(DataReference(data_dir=fashion_mnist_cache / "fashion-mnist", cache_dir=tmp_path))
    assert plain.sha256 == cached.sha256
    assert plain.source == str(tmp_path)


def _is_whole(path: Path) -> str | None:
    return None if path.read_bytes() == b"x" * 100_000 else "not whole"


def _download_after(start, url: str, path: Path) -> None:
    start.wait()
    download(url, path, check=_is_whole)


def test_of_two_processes_one_downloads_and_the_other_takes_its_file(tmp_path):
    requests = []
    came_twice = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            if len(requests) > 1:
                came_twice.set()
            came_twice.wait(timeout=0.5)  # seconds in which the other process would ask, too, without the lock
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(2)
        target = partial(_download_after, start, f"http://127.0.0.1:{server.server_port}/a.bin", tmp_path / "a.bin")
        processes = [context.Process(target=target) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [process.exitcode for process in processes] == [0, 0]
    assert requests == ["/a.bin"]
    assert _is_whole(tmp_path / "a.bin") is None


@pytest.mark.long
def test_debians_package_is_unpacked_without_installing_anything(tmp_path):
    apt_get, dpkg_deb = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt_get is None or dpkg_deb is None:
        pytest.skip("not a Debian host")  # the path exists on Debian and Ubuntu only; others use the download
    try:
        unpack_package(PACKAGE, tmp_path, apt_get=apt_get, dpkg_deb=dpkg_deb)
    except PackageError as error:
        # Whether a mirror answers is not ours to prove; failures of the code are covered without a network.
        pytest.skip(f"this host's package sources do not answer: {error}")
    folder = tmp_path / "usr" / "share" / "datasets" / "fashion-mnist"
    dataset = load_dataset(DataReference(data_dir=folder, cache_dir=tmp_path))
    assert dataset.x_train.shape == (60_000, 28, 28, 1)
