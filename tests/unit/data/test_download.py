import socket
import threading

import pytest

from sweep.download import DownloadError, download, exclusive


def sound(_path):
    return None


def unless_it_says_good(path):
    return None if path.read_bytes() == b"good" else "it does not say good"


def visible(folder):
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_a_file_is_fetched_into_a_new_folder(tmp_path, host):
    host.files["a.bin"] = b"content"
    path = download(f"{host.url}a.bin", tmp_path / "new" / "a.bin", check=sound)
    assert path.read_bytes() == b"content"
    assert visible(path.parent) == {"a.bin"}


def test_a_sound_file_is_not_fetched_again(tmp_path, host):
    (tmp_path / "a.bin").write_bytes(b"good")
    download(f"{host.url}a.bin", tmp_path / "a.bin", check=unless_it_says_good)
    assert host.requests == []


def test_an_unsound_file_is_replaced(tmp_path, host):
    host.files["a.bin"] = b"good"
    (tmp_path / "a.bin").write_bytes(b"bad")
    download(f"{host.url}a.bin", tmp_path / "a.bin", check=unless_it_says_good)
    assert (tmp_path / "a.bin").read_bytes() == b"good"


def test_an_unsound_download_leaves_what_was_there(tmp_path, host):
    host.files["a.bin"] = b"worse"
    (tmp_path / "a.bin").write_bytes(b"bad")
    with pytest.raises(DownloadError, match=r"a\.bin is not the file expected: it does not say good"):
        download(f"{host.url}a.bin", tmp_path / "a.bin", check=unless_it_says_good)
    assert (tmp_path / "a.bin").read_bytes() == b"bad"
    assert visible(tmp_path) == {"a.bin"}


def test_a_body_that_ends_early_is_an_error_and_leaves_no_file(tmp_path, host):
    host.files["a.bin"] = b"half"
    host.announced_bytes["a.bin"] = 8
    with pytest.raises(DownloadError, match=r"came incomplete: 4 of 8 bytes"):
        download(f"{host.url}a.bin", tmp_path / "a.bin", check=sound)
    assert visible(tmp_path) == set()


def test_a_missing_file_is_told_with_its_status(tmp_path, host):
    with pytest.raises(DownloadError, match=r"none\.bin cannot be fetched: HTTP 404"):
        download(f"{host.url}none.bin", tmp_path / "none.bin", check=sound)


def test_a_refused_connection_is_told(tmp_path, refused_url):
    with pytest.raises(DownloadError, match="refused"):
        download(f"{refused_url}a.bin", tmp_path / "a.bin", check=sound)


def test_a_host_that_never_answers_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.bin"
        with pytest.raises(DownloadError, match=r"no answer within 0\.05 seconds|timed out"):
            download(url, tmp_path / "a.bin", check=sound, timeout_seconds=0.05)


def test_something_that_is_no_web_server_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def chatter():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 smtp ready\r\n\r\n")

        thread = threading.Thread(target=chatter)
        thread.start()
        with pytest.raises(DownloadError, match="cannot be fetched"):
            download(f"http://127.0.0.1:{server.getsockname()[1]}/a.bin", tmp_path / "a.bin", check=sound)
        thread.join()


def test_only_web_addresses_are_fetched(tmp_path):
    (tmp_path / "secret").write_text("x")
    with pytest.raises(DownloadError, match="Expected an http or https address"):
        download(f"file://{tmp_path}/secret", tmp_path / "a.bin", check=sound)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, host):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be written to"):
        download(f"{host.url}a.bin", tmp_path / "file" / "a.bin", check=sound)


def test_who_comes_second_waits_and_takes_the_firsts_file(tmp_path, host):
    host.files["a.bin"] = b"good"
    path = tmp_path / "a.bin"
    second = threading.Thread(target=download, args=(f"{host.url}a.bin", path), kwargs={"check": unless_it_says_good})
    with exclusive(path):
        second.start()
        path.write_bytes(b"good")  # the first one's
    second.join()
    assert host.requests == []
