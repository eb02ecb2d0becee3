"""A picture of the data: one row a class, with its name."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from submission.kit.files import atomic_path
from submission.kit.image_set import ImageSet

COLUMNS = 10
MAX_ROWS = 40
"""Classes beyond these are left out: nobody looks at a sheet of a thousand rows."""

_TILE = 96
_GAP = 2
_NAME_WIDTH = 130


def write_sample_sheet(path: Path, data: ImageSet, seed: int = 0) -> None:
    """Write a PNG with up to 10 random images of each class, read one by one.

    Args:
        path: where.
        data: any image set with 1 or 3 channels.
        seed: draws the images.
    """
    rng = np.random.default_rng(seed)
    names = data.class_names[:MAX_ROWS]
    step = _TILE + _GAP
    sheet = Image.new("RGB", (_NAME_WIDTH + COLUMNS * step, len(names) * step), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default()
    for label, name in enumerate(names):
        rows = np.flatnonzero(data.labels == label)
        top = label * step
        plain = name.encode("ascii", "replace").decode()  # what Pillow's built-in font is sure to have
        draw.text((6, top + 34), f"{label}  {_folded(plain)}\n{len(rows)} images", fill="black", font=font)
        for column, row in enumerate(rng.permutation(rows)[:COLUMNS]):
            sheet.paste(_tile(data.images[row]), (_NAME_WIDTH + column * step, top))
    with atomic_path(path) as new:
        sheet.save(new, "PNG")


def _folded(name: str) -> str:
    """A long name on two lines."""
    if len(name) <= 18:
        return name
    cut = name.rfind(" ", 0, 19)
    return f"{name[:cut]}\n{name[cut + 1 : cut + 20]}" if cut > 0 else f"{name[:17]}."


def _tile(image: np.ndarray) -> Image.Image:
    """An image fitted into a tile, its proportions kept."""
    picture = Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)).convert("RGB")
    scale = _TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
