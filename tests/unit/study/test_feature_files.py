"""Features on disk, without any network: what is found again, what is refused, what may be removed."""

import multiprocessing
import os

import numpy as np
import pytest

from storage import locate
from sweep.disk_limit import DiskLimit
from sweep.feature_files import (
    FEATURES,
    FeatureFiles,
    Table,
    digests_of,
    drafts_left,
    features_folder,
    network_of,
    remove_unused,
    rows,
    unused,
)

NETWORK = "vgg16-0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / FEATURES


@pytest.fixture
def files(folder):
    opened = FeatureFiles(folder, NETWORK)
    yield opened
    opened.close()


@pytest.fixture
def write(folder):
    """Write the features of some images, as a process does that ends then; returns the file."""

    def table_of(count, first=0, network=NETWORK, dtype=np.float32):
        before = set(folder.glob("*.npy"))
        writer = FeatureFiles(folder, network)
        writer.write(table(count, first, dtype), make_room=lambda size: None)
        (path,) = set(folder.glob("*.npy")) - before
        return path

    return table_of


def images(count, first=0):
    pixels = np.arange(first, first + count, dtype=np.uint8)
    return np.broadcast_to(pixels[:, None, None, None], (count, 4, 4, 1))


def table(count, first=0, dtype=np.float32):
    values = np.arange(first, first + count, dtype=np.float32)[:, None].repeat(3, axis=1)
    if dtype == np.uint16:
        values = (values.view(np.uint32) >> 16).astype(np.uint16)
    return Table(digests=digests_of(images(count, first)), values=values)


def no_wait():
    raise AssertionError("nobody else holds the lock")


def test_equal_images_have_equal_digests_and_others_have_others():
    first, again = digests_of(images(3)), digests_of(images(3).copy())
    assert first.shape == (3, 16)
    np.testing.assert_array_equal(first, again)
    assert len({digest for digest, _ in rows(digests_of(images(200)))}) == 200


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_what_was_written_is_found_by_its_images(files, write, dtype):
    write(5, dtype=dtype)
    (found,) = files.open()
    assert [digest for digest, _ in rows(found.digests)] == [digest for digest, _ in rows(digests_of(images(5)))]
    assert isinstance(found.values, np.memmap)
    gathered = found.gather(np.array([4, 0, 4]))
    assert gathered.dtype == np.float32
    assert gathered.tolist() == [[4, 4, 4], [0, 0, 0], [4, 4, 4]]


def test_files_that_others_wrote_meanwhile_are_found_and_those_of_other_networks_are_not(files, write):
    write(2)
    assert len(files.open()) == 1
    write(2, first=2)
    write(2, network="vgg16-ffffffffffffffff")
    assert len(files.open()) == 2


def test_nothing_but_a_lock_lies_beside_what_was_written(folder, files, write):
    path = write(2)
    with files.exclusive(no_wait):
        pass
    assert {each.name for each in folder.iterdir()} == {path.name, f".{NETWORK}.lock"}
    assert network_of(path) == network_of(folder / f".{NETWORK}.lock") == NETWORK


@pytest.mark.parametrize("damage", ["cut", "altered", "emptied", "another file"])
def test_a_damaged_file_is_recognised_and_removed(files, write, damage):
    path, sound = write(50), write(2, first=60)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "altered": whole[:-1] + bytes([whole[-1] ^ 1]),
            "emptied": b"",
            "another file": sound.read_bytes(),
        }[damage]
    )
    (found,) = files.open()
    assert len(found.digests) == 2
    assert not path.exists()


def test_a_file_that_cannot_be_written_leaves_nothing(folder, files, monkeypatch):
    def full_disk(file, _array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        files.write(table(2), make_room=lambda size: None)
    assert list(folder.iterdir()) == []


def test_room_is_asked_for_before_a_byte_is_written(folder, files):
    def refuse(size):
        assert size >= table(9).values.nbytes
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        files.write(table(9), make_room=refuse)
    assert not folder.exists()


def test_a_file_takes_no_more_than_was_asked_for(files, folder):
    asked = []
    files.write(table(9), make_room=asked.append)
    (path,) = folder.glob("*.npy")
    assert path.stat().st_size <= asked[0] <= path.stat().st_size + 256


def _hold(folder, held, release):
    with FeatureFiles(folder, NETWORK).exclusive(no_wait):
        held.set()
        release.wait()


def test_a_second_process_waits_for_the_first_and_obeys_a_stop_meanwhile(folder, files):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(folder, held, release))
    first.start()
    held.wait()

    class StopError(Exception):
        pass

    def stop():
        raise StopError

    with pytest.raises(StopError), files.exclusive(stop):
        raise AssertionError("two hold it")
    waits = []

    def wait():
        waits.append(None)
        release.set()

    with files.exclusive(wait):
        assert waits
    first.join()


def test_a_killed_process_leaves_the_lock_to_the_next_one_and_a_draft_that_is_found(folder, files):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(folder, held, release))
    first.start()
    held.wait()
    draft = folder / f".{NETWORK}.{first.pid}.draft"
    draft.write_bytes(b"half")
    assert drafts_left(folder) == []
    first.kill()
    first.join()
    assert drafts_left(folder) == [draft]
    with files.exclusive(no_wait):
        assert drafts_left(folder) == []


def test_where_nothing_can_be_written_everybody_computes(tmp_path):
    (tmp_path / "file").write_text("no folder")
    files = FeatureFiles(tmp_path / "file" / "features", NETWORK)
    assert files.open() == []
    with files.exclusive(no_wait):
        pass


def test_what_is_used_stays_and_the_least_recently_used_goes_first(folder, files, write):
    of_others = [write(2, first, network="vgg19-0123456789abcdef") for first in (0, 10, 20)]
    for age, path in zip((3, 9, 6), of_others, strict=True):
        os.utime(path, ns=(10**18 - age, path.stat().st_mtime_ns))
    mine = write(2)
    files.open()
    assert unused(folder) == [of_others[1], of_others[2], of_others[0]]
    assert remove_unused([mine]) == 0
    size = mine.stat().st_size
    assert remove_unused(unused(folder), enough=size + 1) == 2 * size
    assert unused(folder) == [of_others[0]]
    files.close()
    assert unused(folder) == [of_others[0], mine]
    assert remove_unused([mine, mine, *of_others]) == 2 * size


def test_another_store_of_a_home_has_features_of_its_own(tmp_path):
    own, other = locate(None, tmp_path), locate(f"sqlite:///{tmp_path}/other.db", tmp_path)
    assert features_folder(tmp_path, own) == tmp_path / "cache" / "features"
    assert features_folder(tmp_path, other).parent == features_folder(tmp_path, own)
    assert features_folder(tmp_path, other).name.startswith("@")


# --max-disk


@pytest.fixture
def limit(tmp_path, write):
    """A home in which features may take as much as three files of ten images do."""
    path = write(10, first=100)
    size = path.stat().st_size
    path.unlink()
    return DiskLimit(home=tmp_path, bytes=6 * size), size


def test_features_count_and_get_half_of_the_limit(limit, write):
    of_home, size = limit
    paths = [write(10, first) for first in (0, 10, 20)]
    assert of_home.used() == 3 * size
    of_home.make_room(0)
    assert all(path.exists() for path in paths)
    with pytest.raises(OSError, match="leaves them at most"):
        of_home.make_room(4 * size)
    assert all(path.exists() for path in paths)  # what would not help is not removed


def test_new_features_take_the_place_of_those_that_were_used_longest_ago(limit, write):
    of_home, size = limit
    paths = [write(10, first) for first in (0, 10, 20)]
    for age, path in zip((3, 9, 6), paths, strict=True):
        os.utime(path, ns=(10**18 - age, path.stat().st_mtime_ns))
    of_home.make_room(size)
    assert [path.exists() for path in paths] == [True, False, True]


def test_features_in_use_make_no_room(limit, write, files):
    of_home, size = limit
    paths = [write(10, first) for first in (0, 10, 20)]
    files.open()
    with pytest.raises(OSError, match="those in use stay"):
        of_home.make_room(size)
    checkpoint = of_home.home / "checkpoints" / "pretrained" / "0.npz"
    with pytest.raises(OSError, match="leaves"):
        of_home.refuse_what_does_not_fit(checkpoint, 4 * size, going=())
    assert all(path.exists() for path in paths)


def test_features_go_before_a_checkpoint_or_weights_are_refused(limit, write):
    of_home, size = limit
    paths = [write(10, first) for first in (0, 10, 20)]
    weights = of_home.home / "weights" / "pretrained" / "0.weights.npz"
    of_home.refuse_what_does_not_fit(weights, 4 * size, going=())
    assert sum(path.exists() for path in paths) == 2
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(5 * size))
    kept = weights.with_name("1.weights.npz")
    kept.write_bytes(b"kept")
    assert of_home.enforce([weights]) == []
    assert (weights.exists(), kept.exists()) == (True, True)
    assert sum(path.exists() for path in paths) == 0
