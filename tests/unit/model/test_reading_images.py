import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from sweep.data.images import read_image
from sweep.model.predict import ImageError, find_images


@pytest.fixture
def digit(proof):
    """A digit as the network was trained on it, (28, 28)."""
    return proof["images"][0][..., 0]


def save(path, image, **options):
    image.save(path, **options)
    return path


def test_test_images_written_as_png_are_answered_as_the_arrays_are(classifier, proof, tmp_path):
    images = proof["images"][:20]
    paths = [save(tmp_path / f"{number}.png", Image.fromarray(pixels[..., 0])) for number, pixels in enumerate(images)]
    read = np.stack([classifier.read(path) for path in paths])
    np.testing.assert_array_equal(read, images)
    np.testing.assert_allclose(classifier.probabilities(read), proof["probabilities"][:20], atol=1e-6)


def grey_alpha(grey):
    return Image.merge("LA", (grey, Image.new("L", grey.size, 255)))


def palette(grey):
    image = Image.fromarray(np.asarray(grey))
    image.putpalette([level for level in range(256) for _ in range(3)])  # makes it mode P
    return image


def deep(grey):
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("mode", "convert"),
    [
        ("L", lambda grey: grey),
        ("LA", grey_alpha),
        ("P", palette),
        ("RGB", lambda grey: grey.convert("RGB")),
        ("RGBA", lambda grey: grey.convert("RGBA")),
        ("I;16", deep),
    ],
)
def test_every_lossless_mode_is_read_pixel_by_pixel(classifier, digit, tmp_path, mode, convert):
    image = convert(Image.fromarray(digit))
    assert image.mode == mode
    path = save(tmp_path / "image.png", image)
    np.testing.assert_array_equal(classifier.read(path)[..., 0], digit)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "pgm", "tiff", "webp"])
def test_every_lossless_format_is_read_pixel_by_pixel(classifier, digit, tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"image.{suffix}", Image.fromarray(digit), **options)
    np.testing.assert_array_equal(classifier.read(path)[..., 0], digit)


@pytest.mark.parametrize("order", [">u2", "<u2"])
def test_sixteen_bits_of_either_byte_order_are_divided_by_257(classifier, tmp_path, order):
    pixels = np.full((28, 28), 30 * 257, dtype="<u2")
    path = tmp_path / "deep.tiff"
    image = Image.fromarray(pixels)
    if order == ">u2":
        image = Image.frombytes("I;16B", (28, 28), pixels.astype(">u2").tobytes())
    image.save(path)
    assert np.unique(classifier.read(path)).tolist() == [30]


@pytest.mark.parametrize("largest", [255, 1023, 65535])
def test_a_pgm_s_largest_value_is_white(make_classifier, tmp_path, largest):
    path = tmp_path / "deep.pgm"
    pixels = np.full((28, 28), largest, dtype=">u2" if largest > 255 else "u1")
    path.write_bytes(b"P5 28 28 %d\n" % largest + pixels.tobytes())
    assert np.unique(make_classifier(background=None).read(path)).tolist() == [255]


def test_a_lab_tiff_is_nearly_the_picture(classifier, digit, tmp_path):
    rgb = Image.fromarray(digit).convert("RGB")
    lab = ImageCms.profileToProfile(
        rgb, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    path = save(tmp_path / "image.tiff", lab)
    read = classifier.read(path)
    np.testing.assert_array_equal(read_image(path), read)
    assert np.abs(read[..., 0].astype(int) - digit).mean() < 4


def test_black_and_white_has_no_grey(classifier, digit, tmp_path):
    path = save(tmp_path / "image.png", Image.fromarray(digit > 127))
    np.testing.assert_array_equal(classifier.read(path)[..., 0], np.where(digit > 127, 255, 0))


def test_a_cmyk_jpeg_is_nearly_the_picture(classifier, digit, tmp_path):
    cmyk = Image.fromarray(digit).convert("RGB").convert("CMYK")
    read = classifier.read(save(tmp_path / "image.jpg", cmyk, quality=100))
    assert np.abs(read[..., 0].astype(int) - digit).mean() < 4


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_without_a_known_white_are_refused_by_name(classifier, digit, tmp_path, mode):
    path = save(tmp_path / "deep.tiff", Image.fromarray(digit).convert(mode))
    with pytest.raises(ImageError, match=rf"deep\.tiff .*mode {mode}\).*Convert it to 8 bits"):
        classifier.read(path)


def rgba(grey, alpha):
    """A black picture whose shape is in its transparency alone, as icons are drawn."""
    return Image.merge("RGBA", (*[Image.new("L", grey.size, 0)] * 3, alpha))


def test_transparent_pixels_are_white_and_then_the_background_is_inverted(classifier, digit, tmp_path):
    path = save(tmp_path / "icon.png", rgba(Image.fromarray(digit), Image.fromarray(digit)))
    # Black where the digit is, white around it: inverted, that is the digit.
    np.testing.assert_array_equal(classifier.read(path)[..., 0], digit)


@pytest.fixture(params=["RGBA", "LA", "P"])
def see_through(request, tmp_path):
    """A light square on transparent black, in a file."""
    grey, alpha = (Image.new("L", (28, 28), 0) for _ in range(2))
    for image, value in ((grey, 200), (alpha, 255)):
        image.paste(value, (8, 8, 20, 20))
    if request.param == "P":
        image = grey.convert("P")
        return save(tmp_path / "icon.png", image, transparency=image.getpixel((0, 0)))
    image = Image.merge("LA", (grey, alpha)) if request.param == "LA" else rgba(grey, alpha)
    return save(tmp_path / "icon.png", image)


def test_what_is_transparent_is_white_where_folders_are_read_for_training_too(make_classifier, see_through):
    trained_on = read_image(see_through)
    assert trained_on[0, 0] == 255
    np.testing.assert_array_equal(make_classifier(background=None).read(see_through), trained_on)


def test_a_transparent_palette_entry_is_white(make_classifier, digit, tmp_path):
    indices = Image.fromarray((digit > 127).astype(np.uint8))
    indices.putpalette([255, 0, 0] + [0, 0, 0] * 255)
    path = save(tmp_path / "image.png", indices, transparency=0)
    read = make_classifier(background=None).read(path)[..., 0]
    np.testing.assert_array_equal(read, np.where(digit > 127, 0, 255))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_is_white(make_classifier, tmp_path, mode):
    colour = 10 if mode == "L" else (10, 10, 10)
    path = save(tmp_path / "image.png", Image.new(mode, (28, 28), colour), transparency=colour)
    assert np.unique(make_classifier(background=None).read(path)).tolist() == [255]


def test_a_dark_digit_on_paper_is_read_as_the_network_knows_it(classifier, digit, tmp_path):
    path = save(tmp_path / "paper.png", ImageOps.invert(Image.fromarray(digit)))
    np.testing.assert_array_equal(classifier.read(path)[..., 0], digit)


@pytest.mark.parametrize(
    ("background", "border", "inverted"),
    [("dark", 127, False), ("dark", 128, True), ("light", 128, False), ("light", 127, True), (None, 255, False)],
)
def test_the_border_decides_about_inverting(make_classifier, tmp_path, background, border, inverted):
    pixels = np.full((28, 28), border, np.uint8)
    pixels[1:-1, 1:-1] = 7
    read = make_classifier(background=background).read(save(tmp_path / "image.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(read[..., 0], 255 - pixels if inverted else pixels)


def test_a_wide_image_keeps_its_proportions_and_is_padded_with_its_border(make_classifier, tmp_path):
    pixels = np.full((56, 112), 40, np.uint8)
    pixels[20:36, 40:72] = 200
    read = make_classifier(background="dark").read(save(tmp_path / "wide.png", Image.fromarray(pixels)))[..., 0]
    assert np.unique(read[:7]).tolist() == [40]
    assert np.unique(read[-7:]).tolist() == [40]
    expected = np.asarray(Image.fromarray(pixels).resize((28, 14), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read[7:21], expected)


def test_padding_is_the_median_of_the_inverted_border(make_classifier, tmp_path):
    pixels = np.full((10, 40), 250, np.uint8)
    pixels[0, :5] = 0
    read = make_classifier(background="dark").read(save(tmp_path / "wide.png", Image.fromarray(pixels)))[..., 0]
    assert np.unique(read[:8]).tolist() == [5]


def test_stretching_scales_both_sides(make_classifier, tmp_path):
    image = Image.fromarray(np.arange(56 * 14, dtype=np.uint8).reshape(56, 14))
    read = make_classifier(fit="stretch", background=None).read(save(tmp_path / "tall.png", image))[..., 0]
    np.testing.assert_array_equal(read, np.asarray(image.resize((28, 28), Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (3, 10_000)])
@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_the_oddest_sizes_are_read(make_classifier, tmp_path, size, fit):
    path = save(tmp_path / "odd.png", Image.new("L", size, 30))
    assert np.unique(make_classifier(fit=fit).read(path)).tolist() == [30]


def test_a_camera_s_rotation_is_obeyed(make_classifier, digit, tmp_path):
    rotated = Image.Exif()
    rotated[0x0112] = 6  # turn clockwise by a quarter to see it upright
    turned = Image.fromarray(digit).transpose(Image.Transpose.ROTATE_90)
    path = save(tmp_path / "camera.jpg", turned, quality=100, exif=rotated)
    read = make_classifier(background=None).read(path)[..., 0].astype(int)
    assert np.abs(read - digit).mean() < 3
    assert np.abs(read - np.asarray(turned)).mean() > 10


def test_of_an_animation_the_first_frame_is_read(classifier, digit, tmp_path):
    frames = [Image.fromarray(digit), Image.new("L", (28, 28), 0)]
    path = save(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(classifier.read(path)[..., 0], digit)


def test_an_open_file_is_read_and_called_as_told(classifier, digit):
    stream = io.BytesIO()
    Image.fromarray(digit).save(stream, "PNG")
    np.testing.assert_array_equal(classifier.read(stream)[..., 0], digit)
    with pytest.raises(ImageError, match=r"^photo is not an image"):
        classifier.read(io.BytesIO(b"text"), "photo")


def truncated(path):
    Image.effect_noise((60, 60), 80).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def zero(path):
    Image.new("L", (1, 1)).save(path)
    content = path.read_bytes()
    header = b"IHDR" + bytes(8) + content[24:29]  # width and height are 0
    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:])


def huge(path):
    path.write_bytes(b"P5 20000 20000 255\n" + bytes(100))


BAD = {
    "text.png": (lambda path: path.write_text("text"), "is not an image"),
    "empty.png": (lambda path: path.touch(), "is not an image"),
    "none.png": (lambda path: None, "No such file"),
    "truncated.png": (truncated, "truncated.png cannot be read"),
    "zero.png": (zero, "is not an image|has no pixels"),
    "zero.pgm": (lambda path: path.write_bytes(b"P5 0 0 255\n"), "is not an image|has no pixels"),
    "wide.png": (lambda path: Image.new("1", (20_000, 1)).save(path), "20,000 x 1"),
    "large.png": (lambda path: Image.new("1", (8000, 8000)).save(path), "8,000 x 8,000"),
    "bomb.pgm": (huge, "too large"),
    "picture.eps": (lambda path: Image.new("L", (9, 9)).save(path), "is not an image"),
    "folder.png": (lambda path: path.mkdir(), "Is a directory"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_named_with_the_reason(classifier, tmp_path, name):
    make, message = BAD[name]
    path = tmp_path / name
    make(path)
    with pytest.raises(ImageError, match=message) as raised:
        classifier.read(path)
    assert str(path) in str(raised.value)


def test_folders_are_searched_for_images_in_order(tmp_path):
    for name in ("b/2.PNG", "b/1.jpg", "a.webp", "b/notes.txt", ".hidden/3.png", "b/.4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in find_images([tmp_path, tmp_path / "b" / "notes.txt"])]
    assert names == ["a.webp", "b/1.jpg", "b/2.PNG", "b/notes.txt"]
