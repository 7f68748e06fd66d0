"""Bring images to the size and colour a study asks for."""

import os
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from sweep.data.source import DataError, Images

SMALLEST_SIDE: Final = 28  # pixels; four 2 x 2 poolings still leave one pixel of it
SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Named, since Pillow also opens formats that start other programs (EPS).
_FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_DEEP_MODES: Final = ("F", "I")  # Pillow clips these to white instead of scaling them to 8 bits


def read_image(path: Path, *, size: tuple[int, int] | None = None, color: bool = False) -> Images:
    """Read one image file the way image folders are read; of an animation, the first frame.

    Args:
        path: An image of any size in one of `SUFFIXES`. A camera's rotation mark is obeyed; what is transparent is
            laid on white.
        size: Height and width in pixels to resize to (bilinear); None: as it is.
        color: Three channels instead of one.

    Returns:
        uint8, shape (height, width, 3 if color else 1).

    Raises:
        DataError: If the file cannot be read as an image, has more than 8 bits a channel, or has so many
            pixels that Pillow takes it for a decompression bomb.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks about odd metadata, which is not used
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=_FORMATS) as opened:
                if opened.mode.startswith(_DEEP_MODES):
                    raise DataError(
                        f"{path} has more than 8 bits a channel. Expected 8-bit images. "
                        f"Received: mode {opened.mode}. Convert it to 8 bits first."
                    )
                image = _opaque(ImageOps.exif_transpose(opened)).convert("RGB" if color else "L")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(
                f"{path} is refused: {error} Expected at most {Image.MAX_IMAGE_PIXELS} pixels. Make it smaller first."
            ) from error
        except DataError:
            raise
        except Exception as error:  # a damaged file raises whatever its decoder happens to meet
            reason = str(error) or type(error).__name__
            raise DataError(
                f"{path} cannot be read as an image: {reason}. Remove the file or replace it by a sound one."
            ) from error
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels if color else pixels[..., None]


def _opaque(image: Image.Image) -> Image.Image:
    """The picture as an exported model's `predict.py` sees it: nothing transparent, of a mode that Pillow converts."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB") if image.mode == "LAB" else image


def target_size(height: int, width: int, image_size: int | None) -> tuple[int, int]:
    """Return the height and width that images of one size get.

    Args:
        height: Of the images as they are, in pixels.
        width: Likewise.
        image_size: Side of the square wanted; None: as they are, each side at least `SMALLEST_SIDE`.
    """
    if image_size is not None:
        return image_size, image_size
    return max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE)


def convert_images(images: Images, *, size: tuple[int, int], color: bool) -> Images:
    """Resize images (bilinear, as Pillow does it) and give them one or three channels.

    Args:
        images: uint8, shape (n, height, width, 1 or 3).
        size: Height and width wanted.
        color: Three channels instead of one. Grey is repeated; colour becomes grey by Pillow's L
            conversion (ITU-R 601-2 luma).

    Returns:
        uint8, shape (n, *size, 3 if color else 1); `images` itself if nothing has to change.

    Raises:
        DataError: If the result would not fit this machine.
    """
    count, height, width, channels = images.shape
    wanted = 3 if color else 1
    if (height, width) == size and channels == wanted:
        return images
    require_memory(count * size[0] * size[1] * wanted)
    if (height, width) == size and color:
        return images.repeat(3, axis=3)
    converted = np.empty((count, *size, wanted), dtype=np.uint8)
    for index, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        if channels == 3 and not color:
            image = image.convert("L")
        if (height, width) != size:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)
        converted[index] = np.asarray(image).reshape(*size, -1)  # one channel spreads over three
    return converted


def require_memory(size_bytes: int) -> None:
    """Refuse images that would take more than half of this machine's memory.

    Half, because a trainer holds them a second time once they are split.

    Raises:
        DataError: If `size_bytes` is more than that.
    """
    machine_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size_bytes > machine_bytes // 2:
        raise DataError(
            "The images do not fit this machine. "
            f"Expected at most {machine_bytes / 2**31:.1f} GiB, half of its memory. "
            f"Received: {size_bytes / 2**30:.1f} GiB. Pass a smaller --image-size, or use fewer images."
        )
