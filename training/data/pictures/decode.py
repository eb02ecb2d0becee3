"""One picture file to pixels: whatever its colours, bits and rotation."""

from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from ..resize import fitted

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF")
"""What Pillow is asked to try; the JPEG of many telephones comes back as "MPO"."""

MAX_PIXELS = 50_000_000
"""A picture of more pixels would take hundreds of megabytes in memory."""

_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


class UnfitError(Exception):
    """A file that gives no picture: `kind` of `problems.KINDS`, `detail` for people."""

    def __init__(self, kind: str, detail: str = ""):
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True)
class Look:
    """What a file's header says: (height, width) when upright, and whether it has colours."""

    size: tuple[int, int]
    coloured: bool


def look(file: IO[bytes]) -> Look:
    """Read a file's header; `UnfitError` where that shows already that it is no picture."""
    with _told_faults():
        picture = _opened(file)
        height, width = picture.height, picture.width
        if picture.getexif().get(_ORIENTATION) in _SIDEWAYS and picture.format != "TIFF":  # Pillow turns those itself
            height, width = width, height
        return Look((height, width), _is_coloured(picture))


def decode(
    file: IO[bytes], channels: int, size: tuple[int, int], crop: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Read a picture.

    Args:
        file: JPEG, PNG, BMP or TIFF.
        channels: 1 or 3.
        size: (H, W) wanted.
        crop: side of the square in the middle to take first.

    Returns:
        uint8 (H, W, channels), and the kinds of problems that were mended.

    Raises:
        UnfitError: no such picture, cut off, or too large.
    """
    with _told_faults():
        picture = _opened(file)
        kinds = []
        if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
            kinds.append("frames")
        coloured = _is_coloured(picture)
        deep = _has_16_bits(picture)
        rotated = picture.getexif().get(_ORIENTATION, 1) in range(2, 9)
        picture.load()
        if rotated:
            kinds.append("rotated")
            picture = ImageOps.exif_transpose(picture)
        if deep:
            kinds.append("16 bit")
        if picture.mode == "I" or picture.mode.startswith("I;16"):
            picture = _to_8_bits(picture)
        if picture.mode == "CMYK":
            kinds.append("cmyk")
        elif picture.mode in ("P", "PA"):
            kinds.append("palette")
        if picture.mode in _ALPHA_MODES or "transparency" in picture.info:
            kinds.append("alpha")
            picture = _on_white(picture)
        if coloured and channels == 1:
            kinds.append("coloured")
        elif not coloured and channels == 3:
            kinds.append("grey")
        picture = picture.convert("L" if channels == 1 else "RGB")
        array = np.asarray(fitted(picture, size, crop), np.uint8)
        return array.reshape(*size, channels), kinds


class _told_faults:  # noqa: N801 - reads as a function
    """Turns whatever Pillow raises on a damaged file into `UnfitError`.

    Its readers of formats raise nearly every exception there is on damaged bytes (struct.error, SyntaxError, KeyError,
    ZeroDivisionError ... were met), so all are taken; a user's break is not among them.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, UnfitError) or not isinstance(error, Exception):
            return
        text = str(error) or type(error).__name__
        if isinstance(error, Image.DecompressionBombError) or "decompressed data too large" in text.lower():
            raise UnfitError("bomb", text) from None
        early = isinstance(error, EOFError) or any(
            words in text.lower() for words in ("truncated", "broken data stream", "unexpected end", "not enough image")
        )
        if isinstance(error, Image.UnidentifiedImageError):
            text = "content of another kind"
        raise UnfitError("truncated" if early else "unreadable", text) from None


def _opened(file: IO[bytes]) -> Image.Image:
    if not file.read(1):
        raise UnfitError("empty")
    file.seek(0)
    picture = Image.open(file, formats=FORMATS)
    if picture.width * picture.height > MAX_PIXELS:
        raise UnfitError("bomb", f"{picture.width} x {picture.height} pixels")
    if picture.mode == "F":
        raise UnfitError("unreadable", "floating-point pixels, whose range nobody knows")
    return picture


def _is_coloured(picture: Image.Image) -> bool:
    if picture.mode == "P":
        palette = picture.getpalette("RGB") or []
        return palette[::3] != palette[1::3] or palette[::3] != palette[2::3]
    return not (picture.mode in _GREY_MODES or picture.mode.startswith("I;16"))


def _has_16_bits(picture: Image.Image) -> bool:
    """Also of colours, which Pillow reduces to 8 bits while it reads: how they lie in the file says so."""
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return True
    layouts = [str(tile[3]) for tile in getattr(picture, "tile", [])]
    return any(";16" in layout for layout in layouts)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture).astype(np.int32)  # all that Pillow's mode I holds
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise UnfitError("unreadable", f"values from {low} to {high}, not of 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    grey = picture.mode in ("LA", "La", "L", "1")
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layer).convert("L" if grey else "RGB")
