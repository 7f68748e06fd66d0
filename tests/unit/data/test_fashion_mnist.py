import gzip
import logging
import shutil
import sys
from pathlib import Path

import pytest

from sweep.data.fashion_mnist import FILES, Sources, read_fashion_mnist
from sweep.data.source import DataError

TRAIN_IMAGES = "train-images-idx3-ubyte"


def test_the_first_local_place_that_has_it_is_read(tmp_path, tiny, make_sources, host):
    places = {
        "system": tmp_path / "system",
        "cache": tmp_path / "cache" / "fashion-mnist",
        "keras": tmp_path / "keras",
    }
    for folder in places.values():
        tiny.write(folder)
    for folder in places.values():
        found = read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources(url=host.url))
        assert found.found == str(folder)
        shutil.rmtree(folder)
    assert host.requests == []


@pytest.mark.parametrize("compressed", [True, False])
def test_files_may_be_compressed_or_plain(tmp_path, tiny, make_sources, compressed):
    folder = tiny.write(tmp_path / "mine", compressed=compressed)
    found = read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())
    assert found.x_train.shape == (40, 28, 28, 1)
    assert found.x_train.tobytes() == tiny.contents[TRAIN_IMAGES][16:]
    assert found.y_test.tolist() == [*range(10), *range(10)]
    assert found.y_test.dtype == "int64"
    assert found.labels[9] == "Ankle boot"


def test_a_file_that_a_browser_decompressed_but_did_not_rename_is_read(tmp_path, tiny, make_sources):
    folder = tiny.write(tmp_path / "mine")
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(tiny.contents[TRAIN_IMAGES])
    found = read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())
    assert len(found.x_train) == 40


def test_a_data_dir_alone_is_searched(tmp_path, tiny, make_sources, host):
    tiny.write(tmp_path / "system")
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match=r"not in --data-dir .*mine: has no train-images.*leave the option out"):
        read_fashion_mnist(data_dir=tmp_path / "mine", cache_dir=tmp_path / "cache", sources=make_sources(url=host.url))
    assert host.requests == []


def test_a_missing_data_dir_is_an_error(tmp_path, make_sources):
    with pytest.raises(DataError, match=r"--data-dir .*nowhere: no such folder"):
        read_fashion_mnist(data_dir=tmp_path / "nowhere", cache_dir=tmp_path, sources=make_sources())


def test_an_altered_file_in_the_data_dir_is_named_with_both_hashes(tmp_path, tiny, make_sources):
    folder = tiny.write(tmp_path / "mine")
    altered = bytearray(tiny.contents[TRAIN_IMAGES])
    altered[100] ^= 1
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(bytes(altered)))
    with pytest.raises(DataError) as caught:
        read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())
    assert f"{TRAIN_IMAGES}.gz is truncated or altered" in str(caught.value)
    assert f"Expected SHA-256 {tiny.files[0].sha256}" in str(caught.value)
    assert "Received: " in str(caught.value)


@pytest.mark.parametrize("kept", [0, 5, 1000])
def test_a_truncated_file_in_the_data_dir_is_named(tmp_path, tiny, make_sources, kept):
    folder = tiny.write(tmp_path / "mine")
    file = folder / f"{TRAIN_IMAGES}.gz"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=rf"{TRAIN_IMAGES}.gz .*Expected SHA-256 {tiny.files[0].sha256}"):
        read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())


def test_damage_inside_a_compressed_file_is_told(tmp_path, tiny, make_sources):
    folder = tiny.write(tmp_path / "mine")
    file = folder / f"{TRAIN_IMAGES}.gz"
    content = bytearray(file.read_bytes())
    content[40:80] = bytes(40)
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read or decompressed|truncated or altered"):
        read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())


def test_a_damaged_copy_does_not_hide_a_sound_one_beside_it(tmp_path, tiny, make_sources, caplog):
    folder = tiny.write(tmp_path / "mine", compressed=False)
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(b"nonsense")
    found = read_fashion_mnist(data_dir=folder, cache_dir=tmp_path, sources=make_sources())
    assert len(found.x_train) == 40
    assert "passed over" in caplog.text


def test_an_altered_system_file_is_passed_over_with_a_warning(tmp_path, tiny, make_sources, caplog):
    (tiny.write(tmp_path / "system") / f"{TRAIN_IMAGES}.gz").write_bytes(b"nonsense")
    tiny.write(tmp_path / "keras")
    with caplog.at_level(logging.WARNING):
        found = read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources())
    assert found.found == str(tmp_path / "keras")
    assert "system" in caplog.text
    assert "passed over" in caplog.text


def test_the_download_fills_our_cache_once(tmp_path, tiny, make_sources, host):
    host.files = {f"{name}.gz": gzip.compress(content) for name, content in tiny.contents.items()}
    for _ in range(2):
        found = read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources(url=host.url))
        assert found.found == str(tmp_path / "cache" / "fashion-mnist")
    assert len(host.requests) == 4


def test_a_damaged_file_in_our_cache_is_replaced_by_a_download(tmp_path, tiny, make_sources, host):
    host.files = {f"{name}.gz": gzip.compress(content) for name, content in tiny.contents.items()}
    cached = tiny.write(tmp_path / "cache" / "fashion-mnist")
    (cached / f"{TRAIN_IMAGES}.gz").write_bytes(b"nonsense")
    found = read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources(url=host.url))
    assert len(found.x_train) == 40
    assert host.requests == [f"{TRAIN_IMAGES}.gz"]


def test_a_host_that_serves_something_else_is_not_believed(tmp_path, tiny, make_sources, host):
    host.files = {f"{file.name}.gz": b"<html>Please log in</html>" for file in tiny.files}
    with pytest.raises(DataError, match="is not the file expected"):
        read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources(url=host.url))
    assert not list((tmp_path / "cache" / "fashion-mnist").glob("[!.]*"))


def test_one_error_lists_every_place_and_every_way(tmp_path, tiny, make_sources, refused_url):
    (tiny.write(tmp_path / "keras") / f"{TRAIN_IMAGES}.gz").write_bytes(b"nonsense")
    with pytest.raises(DataError) as caught:
        read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources())
    message = str(caught.value)
    assert f"{tmp_path / 'system'}: no such folder" in message
    assert f"{tmp_path / 'cache' / 'fashion-mnist'}: no such folder" in message
    assert f"{tmp_path / 'keras' / TRAIN_IMAGES}.gz is truncated or altered" in message
    assert f"{refused_url}{TRAIN_IMAGES}.gz cannot be fetched" in message
    assert "refused" in message
    assert "this host has no apt-get" in message
    for way in ("apt-get install dataset-fashion-mnist", "--data-dir", "~/.keras", "--dataset digits"):
        assert way in message


def test_without_download_only_local_places_are_searched(tmp_path, make_sources, host):
    with pytest.raises(DataError, match="the network: not asked"):
        read_fashion_mnist(
            data_dir=None, cache_dir=tmp_path / "cache", download=False, sources=make_sources(url=host.url)
        )
    assert host.requests == []
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_made_is_told(tmp_path, make_sources):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"cache cannot be written to: File exists"):
        read_fashion_mnist(data_dir=None, cache_dir=tmp_path / "cache", sources=make_sources())


def _tool(path: Path, body: str) -> str:
    path.write_text(f"#!{sys.executable}\nimport pathlib, shutil, sys\n{body}")
    path.chmod(0o755)
    return str(path)


def test_where_the_download_is_refused_the_package_is_unpacked_into_our_cache(tmp_path, tiny, make_sources):
    tiny.write(tmp_path / "content")
    apt_get = _tool(
        tmp_path / "apt-get",
        "lists = [a for a in sys.argv if a.startswith('Dir::State::Lists=')][0].partition('=')[2]\n"
        "index = pathlib.Path(lists, 'index')\n"
        "if 'update' in sys.argv: index.touch()\n"
        "elif index.exists(): pathlib.Path('dataset.deb').touch()\n"
        "else: sys.exit('E: no lists')\n",
    )
    dpkg_deb = _tool(
        tmp_path / "dpkg-deb",
        "target = pathlib.Path(sys.argv[3], 'usr/share/datasets/fashion-mnist')\n"
        f"shutil.copytree({str(tmp_path / 'content')!r}, target)\n",
    )
    found = read_fashion_mnist(
        data_dir=None,
        cache_dir=tmp_path / "cache",
        sources=make_sources(apt_get=apt_get, dpkg_deb=dpkg_deb),
    )
    cached = tmp_path / "cache" / "fashion-mnist"
    assert found.found == str(cached)
    visible = {path.name for path in cached.iterdir() if not path.name.endswith(".lock")}
    assert visible == {f"{file.name}.gz" for file in tiny.files}


def test_what_apt_get_says_stands_in_the_error(tmp_path, make_sources):
    apt_get = _tool(tmp_path / "apt-get", "print('E: Unable to locate package'); sys.exit(100)")
    with pytest.raises(DataError, match=r"apt-get failed with exit code 100: E: Unable to locate package"):
        read_fashion_mnist(
            data_dir=None,
            cache_dir=tmp_path / "cache",
            sources=make_sources(apt_get=apt_get, dpkg_deb="/nowhere/dpkg-deb"),
        )


def test_the_usual_places_are_debians_folder_and_kerass(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    sources = Sources()
    assert sources.system_dir == Path("/usr/share/datasets/fashion-mnist")
    assert sources.keras_dir == tmp_path / "datasets" / "fashion-mnist"
    assert sources.files == FILES
