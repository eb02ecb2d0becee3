"""Pictures as data: URIs, so that the report is one file."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

MOST_PIXELS = 128  # side of one image in the report
SHEET_WIDTH = 1200


def as_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) of any C as uint8 (H, W, 3): one channel is repeated, more than three are cut."""
    return np.repeat(image[..., :1], 3, -1) if image.shape[-1] < 3 else np.ascontiguousarray(image[..., :3])


def image_uri(image: np.ndarray) -> str:
    """PNG data: URI of uint8 (H, W, C), made smaller where a side is over 128 pixels."""
    return _uri(_within(Image.fromarray(as_rgb(image)), MOST_PIXELS, MOST_PIXELS), "PNG")


def sheet_uri(path: Path) -> str:
    """Data: URI of a picture file, at most 1200 pixels wide."""
    with Image.open(path) as file:
        return _uri(_within(file.convert("RGB"), SHEET_WIDTH, 10 * SHEET_WIDTH), "JPEG")


def _within(image: Image.Image, width: int, height: int) -> Image.Image:
    image.thumbnail((width, height))
    return image


def _uri(image: Image.Image, kind: str) -> str:
    data = io.BytesIO()
    image.save(data, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"


def png_uri(path: Path) -> str:
    """Data: URI of a PNG file as it is: lines and letters stay sharp."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
