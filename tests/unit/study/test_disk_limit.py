"""A home whose checkpoints and weights may take so much and no more."""

import pytest

from sweep.disk_limit import LEAST_BYTES, DiskLimit, parse_disk_limit, size_of
from sweep.errors import UsageError


@pytest.fixture
def limit(tmp_path):
    """100 bytes."""
    return DiskLimit(home=tmp_path, bytes=100)


@pytest.fixture
def write(tmp_path):
    def file(name, size):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        return path

    return file


def test_checkpoints_and_weights_of_all_studies_count_and_nothing_else(limit, write):
    write("checkpoints/isolated/0.npz", 1)
    write("checkpoints/isolated/.1.npz.123", 2)
    write("weights/isolated/0.weights.npz", 4)
    write("weights/grouped@0123abcd/0.weights.npz", 8)
    write("cache/rates.json", 16)
    write("sweep.db", 32)
    assert limit.used() == 15


def test_an_empty_home_uses_nothing(limit):
    assert limit.used() == 0
    assert limit.enforce([]) == []


def test_files_go_in_their_order_until_the_rest_is_within_the_limit(limit, write):
    first, second, third = (write(f"weights/isolated/{number}.weights.npz", 50) for number in (7, 3, 5))
    write("weights/grouped/0.weights.npz", 50)
    assert limit.enforce([first, second, third]) == [first, second]
    assert [path.exists() for path in (first, second, third)] == [False, False, True]
    assert limit.used() == 100


def test_within_the_limit_nothing_goes(limit, write):
    there = write("weights/isolated/0.weights.npz", 100)
    assert limit.enforce([there]) == []
    assert there.exists()


def test_one_byte_over_the_limit_is_over_it(limit, write):
    there = write("weights/isolated/0.weights.npz", 101)
    assert limit.enforce([there]) == [there]


def test_what_cannot_be_brought_below_the_limit_loses_only_what_may_go(limit, write):
    best, other = write("weights/isolated/0.weights.npz", 300), write("weights/isolated/1.weights.npz", 1)
    assert limit.enforce([other]) == [other]
    assert best.exists()


def test_a_file_that_went_meanwhile_frees_nothing(limit, write, tmp_path):
    write("weights/isolated/0.weights.npz", 150)
    gone, there = tmp_path / "weights" / "isolated" / "2.weights.npz", write("weights/isolated/1.weights.npz", 9)
    assert limit.enforce([gone, there]) == [gone, there]


def test_a_file_that_cannot_be_removed_stays_and_the_next_one_goes(limit, write, caplog):
    stuck = write("weights/isolated/0.weights.npz/held", 90).parent
    next_one = write("weights/isolated/1.weights.npz", 90)
    assert limit.enforce([stuck, next_one]) == [next_one]
    assert stuck.exists()
    assert not next_one.exists()
    assert "0.weights.npz" in caplog.text


def test_a_file_fits_up_to_the_last_byte_that_is_free(limit, write, tmp_path):
    write("weights/isolated/0.weights.npz", 60)
    path = tmp_path / "checkpoints" / "isolated" / "1.npz"
    limit.refuse_what_does_not_fit(path, 40, going=())
    with pytest.raises(OSError, match=r"1\.npz takes 41 B, and --max-disk 100 B leaves 40 B"):
        limit.refuse_what_does_not_fit(path, 41, going=())


def test_what_a_file_takes_the_place_of_is_free_for_it(limit, write, tmp_path):
    own, before = write("checkpoints/isolated/1.npz", 30), write("checkpoints/isolated/0.npz", 30)
    write("weights/isolated/0.weights.npz", 50)
    limit.refuse_what_does_not_fit(own, 50, going=[own, before, tmp_path / "none"])
    with pytest.raises(OSError, match="leaves 50 B"):
        limit.refuse_what_does_not_fit(own, 51, going=[before])
    with pytest.raises(OSError, match="leaves 20 B"):
        limit.refuse_what_does_not_fit(own, 21, going=[])


def test_a_home_already_over_its_limit_leaves_nothing(limit, write, tmp_path):
    write("weights/isolated/0.weights.npz", 150)
    with pytest.raises(OSError, match="leaves 0 B"):
        limit.refuse_what_does_not_fit(tmp_path / "checkpoints" / "a", 1, going=())


def test_a_file_and_a_folder_are_measured_and_what_is_not_there_is_nothing(write, tmp_path):
    path = write("a/b", 7)
    write("a/c/d", 5)
    assert (size_of(path), size_of(path.parent), size_of(tmp_path / "none")) == (7, 12, 0)


def test_a_limit_of_a_settings_file_may_be_a_number():
    assert parse_disk_limit(20_000_000) == parse_disk_limit("20MB") == 20_000_000


@pytest.mark.parametrize("text", ["0", "1", "999999", "999kB", str(LEAST_BYTES - 1)])
def test_a_limit_that_leaves_no_room_for_anything_is_refused(text):
    with pytest.raises(UsageError, match=r"at least 1\.0 MB, written as 20GB") as refused:
        parse_disk_limit(text)
    assert str(refused.value).endswith(f"Received: {text}")
