"""Answer with the model in this folder: which label an image has, and how sure that is.

On the command line, in an environment that has what requirements.txt names:

    python predict.py IMAGE... [--json]

In a program:

    from pathlib import Path
    from predict import Classifier

    classifier = Classifier(Path("model"))
    pixels = classifier.read(Path("photo.png"))
    print(classifier.answers(["photo.png"], classifier.probabilities(pixels[None])))

How an image becomes what the model takes:

1. A camera's rotation mark is obeyed; of an animation the first frame is taken.
2. Transparent pixels are laid on white. Palettes and CMYK are converted, 16-bit grey is divided by 257.
3. Colour becomes grey, or grey is repeated, as the model wants it.
4. Where the training images have a dark background ("background" in config.json) and the image's outermost pixels
   are brighter than 127.5 on average, the image is inverted; likewise the other way round.
5. "fit" in config.json says how the size is reached: "pad" keeps the proportions and fills the rest with the median
   of the outermost pixels; "stretch" scales both sides. Both are bilinear.

An image that has the model's size, mode and background already is taken pixel by pixel.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

BATCH_SIZE = 256  # images the model sees at once
LONGEST_SIDE = 10_000  # pixels; a small file may unpack to any size
MOST_PIXELS = 50_000_000
RUNNERS_UP = 2
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow opens others by starting programs

Image.preinit()  # the usual formats' readers; else the first image has all forty loaded

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


class ImageError(Exception):
    """An image that cannot be answered; the message names it and says what to do."""


class FolderError(Exception):
    """The folder cannot be used as a model; the message says why."""


class Classifier:
    """A model folder, loaded.

    Args:
        folder: The folder with model.keras, labels.json and config.json.

    Attributes:
        labels: The classes' names; the model's outputs have their order.
        image_shape: Height, width and channels (1 or 3) of what the model takes.
        model: The Keras model.

    Raises:
        FolderError: If a file is missing, damaged, or does not fit the others.
    """

    def __init__(self, folder: Path) -> None:
        labels, config = _document(folder, "labels.json"), _document(folder, "config.json")
        try:
            self.labels = [str(label) for label in labels]
            preprocessing = config["preprocessing"]
            height, width, channels = (int(size) for size in preprocessing["image_shape"])
            self._background, self._fit = preprocessing["background"], preprocessing["fit"]
        except (KeyError, TypeError, ValueError) as error:
            raise FolderError(f"config.json or labels.json in {folder} is not as exported: {error!r}") from error
        self.image_shape = (height, width, channels)
        if channels not in (1, 3) or self._background not in ("dark", "light", None):
            raise FolderError(f"config.json in {folder} asks for a preprocessing that is not known: {preprocessing}")
        if self._fit not in ("pad", "stretch"):
            raise FolderError(f"config.json in {folder} asks for a fit that is not known: {self._fit!r}")
        self.model = _load(folder / "model.keras")
        takes, gives = self.model.input_shape, self.model.output_shape
        if tuple(takes) != (None, *self.image_shape):
            raise FolderError(f"model.keras in {folder} takes {takes}, but config.json says {self.image_shape}")
        if tuple(gives) != (None, len(self.labels)):
            raise FolderError(f"model.keras in {folder} gives {gives}, but labels.json has {len(self.labels)} labels")

    def read(self, source: Path | BinaryIO, name: str | None = None) -> Pixels:
        """Read an image of any size and mode as the model takes it.

        Args:
            source: The file, or an open binary file.
            name: What messages call it. Default: the path.

        Returns:
            uint8, shape `image_shape`.

        Raises:
            ImageError: If it is no image, damaged, too large, or of a mode that has no 8-bit meaning.
        """
        name = name or (str(source) if isinstance(source, Path) else "The image")
        try:
            with Image.open(source, formats=FORMATS) as opened:
                _require_size(opened.size, name)
                upright = ImageOps.exif_transpose(opened)
                if (opened.format, opened.mode) == ("PPM", "I"):
                    upright = upright.convert("I;16")  # whatever its largest value, Pillow spreads it over 16 bits
                image = _flatten(upright, name).convert("L" if self.image_shape[2] == 1 else "RGB")
        except ImageError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large(name, "more") from error
        except UnidentifiedImageError as error:
            formats = ", ".join(FORMATS)
            raise ImageError(f"{name} is not an image. Expected one of {formats}, of at least one pixel.") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ImageError(f"{name} cannot be read: {reason}. Replace it by a sound image.") from error
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise ImageError(f"{name} cannot be read as an image: {reason}. Replace it by a sound one.") from error
        return self._fitted(self._on_background(image))

    def probabilities(self, images: Pixels) -> Probabilities:
        """Run the model.

        Args:
            images: uint8, shape (n, *image_shape); `read` makes one of them.

        Returns:
            float32, shape (n, number of labels).
        """
        pieces = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
        found = [np.asarray(self.model.predict_on_batch(piece), dtype=np.float32) for piece in pieces]
        return np.concatenate([np.empty((0, len(self.labels)), np.float32), *found])

    def answers(self, names: Sequence[str], probabilities: Probabilities) -> list[dict[str, Any]]:
        """What the probabilities say, for people and programs.

        Args:
            names: The images' names.
            probabilities: A row for each of them.

        Returns:
            For each image `{"image", "label", "confidence", "runners_up": [{"label", "confidence"}, …]}`.
        """
        answers = []
        for name, row in zip(names, probabilities, strict=True):
            best = np.argsort(-row, kind="stable")[: 1 + RUNNERS_UP]
            ranked = [{"label": self.labels[index], "confidence": float(row[index])} for index in best]
            answers.append({"image": name, **ranked[0], "runners_up": ranked[1:]})
        return answers

    def _on_background(self, image: Image.Image) -> Image.Image:
        if self._background is None:
            return image
        brightness = float(_border(np.asarray(image)).mean())
        inverted = brightness > 127.5 if self._background == "dark" else brightness < 127.5
        return ImageOps.invert(image) if inverted else image

    def _fitted(self, image: Image.Image) -> Pixels:
        height, width, _ = self.image_shape
        size = (width, height)
        if image.size != size and self._fit == "stretch":
            image = image.resize(size, Image.Resampling.BILINEAR)
        elif image.size != size:
            scale = min(width / image.width, height / image.height)
            inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            median = np.rint(np.median(_border(np.asarray(image)), axis=0)).astype(int).tolist()
            canvas = Image.new(image.mode, size, median[0] if image.mode == "L" else tuple(median))
            scaled = image.resize(inner, Image.Resampling.BILINEAR)
            canvas.paste(scaled, ((width - inner[0]) // 2, (height - inner[1]) // 2))
            image = canvas
        return np.array(image, dtype=np.uint8).reshape(self.image_shape)


def find_images(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, and of folders every image below them, sorted; hidden ones are passed over."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        for folder, inner, files in os.walk(path):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            names = (name for name in sorted(files) if not name.startswith("."))
            found += [Path(folder, name) for name in names if name.lower().endswith(SUFFIXES)]
    return found


def answer_files(
    classifier: Classifier, paths: Sequence[Path]
) -> Iterator[tuple[list[dict[str, Any]], list[ImageError]]]:
    """Answer any number of files, a batch at a time: the answers, and what could not be answered."""
    for start in range(0, len(paths), BATCH_SIZE):
        names, images, refused = [], [], []
        for path in paths[start : start + BATCH_SIZE]:
            try:
                images.append(classifier.read(path))
                names.append(str(path))
            except ImageError as error:
                refused.append(error)
        answers = classifier.answers(names, classifier.probabilities(np.stack(images))) if images else []
        yield answers, refused


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's libraries print while they are loaded off the terminal; errors are raised as ever."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of anybody's
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _load(path: Path) -> Any:
    try:
        import keras  # here: it takes seconds, and reading images does without
    except ImportError as error:
        raise FolderError(f"Keras cannot be imported: {error}. Install it: pip install -r requirements.txt") from error
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)  # safe: code in the file is not run
    except Exception as error:
        raise FolderError(f"{path} cannot be loaded: {error}") from error
    if not isinstance(model, keras.Model):
        raise FolderError(f"{path} holds no model, but a {type(model).__name__}")
    if keras.backend.backend() == "tensorflow":
        model.jit_compile = False  # one graph for every batch size, not one for each
    return model


def _document(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(f"{folder / name} cannot be read: {error.strerror}. Is {folder} a model's folder?") from error
    except ValueError as error:
        raise FolderError(f"{folder / name} is damaged: {error}. Copy the folder again.") from error


def _require_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels: it is {width} x {height}. Expected at least 1 x 1.")
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise _too_large(name, f"{width:,} x {height:,}")


def _too_large(name: str, received: str) -> ImageError:
    return ImageError(
        f"{name} is refused: it is too large. Expected at most {LONGEST_SIDE:,} pixels a side and {MOST_PIXELS:,} "
        f"in all. Received: {received}. Make it smaller first."
    )


def _flatten(image: Image.Image, name: str) -> Image.Image:
    """The same picture with at most 8 bits a channel and nothing transparent."""
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8))  # 65,535 becomes 255
    if image.mode in ("I", "F"):
        kind = "32-bit integers" if image.mode == "I" else "floating-point numbers"
        raise ImageError(
            f"{name} has {kind} as pixels (mode {image.mode}), whose white nobody knows. Convert it to 8 bits first."
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB") if image.mode == "LAB" else image  # which Pillow turns into RGB alone


def _border(pixels: Pixels) -> Pixels:
    """The outermost pixels, one a row: shape (n, 1 or 3)."""
    rows = pixels.reshape(*pixels.shape[:2], -1)
    return np.concatenate((rows[0], rows[-1], rows[1:-1, 0], rows[1:-1, -1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the images named on the command line; 1 if one of them could not be answered."""
    parser = argparse.ArgumentParser(description="Say which label images have, with the model in this folder.")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files, or folders of them")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    paths = find_images(options.images)
    if not paths:
        parser.error(f"no image there; known endings: {', '.join(SUFFIXES)}")
    warnings.simplefilter("ignore")  # remarks about odd metadata, which is not used
    try:
        with quiet():
            classifier = Classifier(Path(__file__).resolve().parent)
    except FolderError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - a command line's place for it
        return 1
    answers: list[dict[str, Any]] = []
    refused: list[ImageError] = []
    for answered, others in answer_files(classifier, paths):
        answers += answered
        refused += others
    if options.json:
        print(json.dumps(answers, indent=2))  # noqa: T201
    for answer in [] if options.json else answers:
        then = ", ".join(f"{each['label']} {each['confidence']:.1%}" for each in answer["runners_up"])
        print(f"{answer['image']}: {answer['label']} {answer['confidence']:.1%} (then {then})")  # noqa: T201
    for complaint in refused:
        print(f"Error: {complaint}", file=sys.stderr)  # noqa: T201
    return 1 if refused else 0


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before Keras is imported: no chatter
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # what requirements.txt installs
    sys.exit(main())
