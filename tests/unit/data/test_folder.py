import numpy as np
import pytest
from PIL import Image

from sweep.data.dataset import DataReference, load_dataset
from sweep.data.source import DataError

LABELS = ("cat", "dog")


def save(path, *, size=(28, 28), mode="RGB", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    fill = (value, 0, 0) if mode == "RGB" else value
    Image.new(mode, size, fill).save(path)


@pytest.fixture
def flat(tmp_path):
    """A folder of two classes of 20 images each."""
    for label in LABELS:
        for number in range(20):
            save(tmp_path / "images" / label / f"{number:02}.png", value=number)
    return tmp_path / "images"


@pytest.fixture
def halves(tmp_path):
    """A folder with train/ and test/, two classes each."""
    for half, count in (("train", 4), ("test", 2)):
        for label in LABELS:
            for number in range(count):
                save(tmp_path / "images" / half / label / f"{number}.png", value=10 * number)
    return tmp_path / "images"


def load(path, **options):
    return load_dataset(DataReference(name=str(path), cache_dir=path, **options))


def test_classes_are_the_sorted_folder_names_and_a_tenth_is_for_testing(flat):
    dataset = load(flat)
    assert dataset.labels == LABELS
    assert dataset.image_shape == (28, 28, 1)
    assert np.bincount(dataset.y_train).tolist() == [18, 18]
    assert np.bincount(dataset.y_test).tolist() == [2, 2]


def test_the_test_images_are_the_same_every_time(flat):
    assert load(flat).sha256 == load(flat).sha256


def test_train_and_test_folders_are_taken_as_they_are(halves):
    dataset = load(halves)
    assert dataset.y_train.tolist() == [0] * 4 + [1] * 4
    assert dataset.y_test.tolist() == [0] * 2 + [1] * 2


def test_a_folder_beside_train_and_test_is_not_read_and_is_told(halves):
    save(halves / "val" / "cat" / "0.png")
    assert "not read: val" in load(halves).source


def test_grey_is_the_default_and_colour_is_asked_for(flat):
    grey, color = load(flat), load(flat, color=True)
    assert grey.x_train.max() == round(19 * 0.299)  # the share of red in luma
    assert color.image_shape == (28, 28, 3)
    assert color.x_train[..., 0].max() == 19
    assert color.x_train[..., 1].max() == 0


def test_hidden_files_and_litter_are_passed_over(flat):
    (flat / ".git").mkdir()
    (flat / "README.md").write_text("About these images")
    (flat / "cat" / ".DS_Store").write_bytes(b"\0")
    (flat / "cat" / "Thumbs.db").write_bytes(b"\0")
    assert len(load(flat).x_train) == 36


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "bmp", "gif", "webp", "tif", "ppm"])
def test_other_image_formats_are_read(flat, suffix):
    save(flat / "dog" / f"more.{suffix}")
    assert load(flat).image_shape == (28, 28, 1)


def test_images_of_different_sizes_ask_for_an_image_size(flat):
    save(flat / "dog" / "wide.png", size=(40, 30))
    with pytest.raises(DataError, match=r"28 x 28, .*wide\.png is 40 x 30 pixels.*Pass --image-size"):
        load(flat)
    assert load(flat, image_size=32).image_shape == (32, 32, 1)


def test_a_cameras_rotation_mark_is_obeyed(tmp_path):
    rotated = Image.Exif()
    rotated[0x0112] = 6  # turn by 90 degrees
    for label in LABELS:
        for number in range(6):
            save(tmp_path / "images" / label / f"{number}.jpg", size=(40, 30))
        Image.new("RGB", (30, 40)).save(tmp_path / "images" / label / "turned.jpg", exif=rotated)
    assert load(tmp_path / "images").image_shape == (30, 40, 1)


def test_every_unreadable_image_is_named(flat):
    (flat / "cat" / "05.png").write_bytes(b"no image")
    truncated = flat / "dog" / "07.png"
    truncated.write_bytes(truncated.read_bytes()[:40])
    (flat / "dog" / "08.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load(flat)
    for name in ("cat/05.png", "dog/07.png", "dog/08.png"):
        assert f"{flat / name} cannot be read as an image" in str(caught.value)


def test_of_many_unreadable_images_ten_are_named(flat):
    for path in flat.glob("*/*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="and 30 more files like these"):
        load(flat)


def test_a_decompression_bomb_is_refused(flat, monkeypatch):
    save(flat / "cat" / "bomb.png", size=(1000, 30))
    for most_pixels in (20_000, 1_000):  # Pillow warns above its limit and raises above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most_pixels)
        with pytest.raises(DataError, match=rf"bomb\.png is refused.*Expected at most {most_pixels} pixels"):
            load(flat, image_size=28)


def test_images_deeper_than_8_bits_are_refused(flat):
    Image.fromarray(np.full((28, 28), 40_000, dtype=np.uint16)).save(flat / "cat" / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png has more than 8 bits a channel"):
        load(flat)


def test_a_document_with_an_images_name_is_not_opened_by_another_program(flat):
    (flat / "cat" / "page.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n")
    with pytest.raises(DataError, match=r"page\.png cannot be read as an image: cannot identify"):
        load(flat)


def test_a_file_that_is_no_image_is_named(flat):
    (flat / "cat" / "labels.csv").write_text("0")
    with pytest.raises(DataError, match=r"labels\.csv is not an image.*Received: \.csv"):
        load(flat)


def test_a_folder_inside_a_class_folder_is_named(flat):
    save(flat / "cat" / "more" / "0.png")
    with pytest.raises(DataError, match=r"more is not an image.*Received: a folder"):
        load(flat)


def test_images_beside_the_class_folders_are_an_error(flat):
    save(flat / "stray.png")
    with pytest.raises(DataError, match=r"stray\.png stands beside the class folders"):
        load(flat)


def test_a_single_class_is_an_error(tmp_path):
    save(tmp_path / "images" / "cat" / "0.png")
    with pytest.raises(DataError, match=r"too few classes.*Received: cat"):
        load(tmp_path / "images")


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"too few classes.*Received: none"):
        load(tmp_path)


def test_an_empty_class_folder_is_named(flat):
    (flat / "emu").mkdir()
    (flat / "emu" / ".DS_Store").write_bytes(b"\0")
    with pytest.raises(DataError, match=r"class folder .*emu is empty"):
        load(flat)


def test_different_classes_in_train_and_test_are_named(halves):
    save(halves / "test" / "emu" / "0.png")
    with pytest.raises(DataError, match=r"different classes.*Received: emu in only one"):
        load(halves)


@pytest.mark.parametrize("only", ["train", "test"])
def test_one_half_alone_is_an_error(halves, only):
    (halves / ("test" if only == "train" else "train")).rename(halves / ".elsewhere")
    with pytest.raises(DataError, match=rf"only one of train/ and test/.*Received: {only}/"):
        load(halves)


def test_too_few_images_to_test_on_tell_how_many_are_needed(tmp_path):
    for label in ("ant", *LABELS):
        for number in range(3):
            save(tmp_path / "images" / label / f"{number}.png")
    with pytest.raises(DataError, match=r"10% aside for test\. Expected at least 21 images.*Received: 9"):
        load(tmp_path / "images")


def test_a_class_with_one_image_is_told(flat):
    save(flat / "emu" / "0.png")
    with pytest.raises(DataError, match=r"Expected at least 2 images of each class.*class 2"):
        load(flat)
