"""A picture sheet of what was dropped, to be looked at: grouped by reason, one picture a distinct image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from submission.kit.files import atomic_path
from submission.kit.image_set import ImageSet

from .kinds import KINDS, kind_of
from .table import CleanTable

TILE = 112
COLUMNS = 10
MAX_PICTURES = 60
"""Of each kind; the heading says how many more there are."""

_GAP, _LINE = 8, 16


@dataclass(frozen=True)
class _Tile:
    """A dropped image, the row of the one that stays (or None), and what is written below."""

    row: int
    twin: int | None
    title: str
    label: str


def write_sheet(path: str | Path, image_set: ImageSet, table: CleanTable) -> None:
    """Write dropped.png atomically. Beside each duplicate stands, on its left, the image that stays in its place.

    Args:
        path: the file.
        image_set: any image size; shown at 112 pixels.
        table: the verdicts on `image_set`.
    """
    sections = []
    for kind in KINDS:
        rows = [row for row in np.flatnonzero(~table.keep).tolist() if kind_of(table.reasons[row]) == kind]
        if rows:
            tiles = _tiles(image_set, table, rows)
            more = f", the first {MAX_PICTURES} shown" if len(tiles) > MAX_PICTURES else ""
            heading = f"{kind}: {len(rows)} dropped, {len(tiles)} distinct{more}"
            sections.append((heading, tiles[:MAX_PICTURES]))
    sheet = _draw(image_set, sections or [("nothing was dropped", [])])
    with atomic_path(path) as new:
        sheet.save(new)


def _tiles(image_set: ImageSet, table: CleanTable, rows: list[int]) -> list[_Tile]:
    """A tile for each distinct image among `rows`."""
    kept = {int(table.groups[row]): int(row) for row in np.flatnonzero(table.keep)}
    copies: dict[str, list[int]] = {}
    for row in rows:
        copies.setdefault(image_set.ids[row], []).append(row)
    tiles = []
    for same in copies.values():
        labels = np.unique(image_set.labels[same]).tolist()
        title = f"{same[0]}" + (f"  x {len(same)}" if len(same) > 1 else "")
        label = image_set.class_names[labels[0]][:18] if len(labels) == 1 else f"under {len(labels)} labels"
        tiles.append(_Tile(same[0], kept.get(int(table.groups[same[0]])), title, label))
    return tiles


def _draw(image_set: ImageSet, sections: list[tuple[str, list[_Tile]]]) -> Image.Image:
    """The sheet itself."""
    font = ImageFont.load_default(size=12)
    bold = ImageFont.load_default(size=16)
    step_y = TILE + 2 * _LINE + _GAP
    width = COLUMNS * (TILE + _GAP) + _GAP
    placed, headings, y = [], [], _GAP
    for heading, tiles in sections:
        headings.append((y, heading))
        y += 2 * _LINE
        x = _GAP
        for tile in tiles:
            span = TILE + _GAP if tile.twin is None else 2 * TILE + 2 * _GAP
            if x + span > width:
                x, y = _GAP, y + step_y
            placed.append((x, y, tile))
            x += span
        y += step_y if tiles else 0
    sheet = Image.new("RGB", (width, y + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for top, heading in headings:
        draw.text((_GAP, top), heading, fill="black", font=bold)
    for x, y, tile in placed:
        draw.text((x, y + TILE + 1 + _LINE), tile.label, fill="black", font=font)
        if tile.twin is not None:
            sheet.paste(_picture(image_set.images[tile.twin]), (x, y))
            draw.text((x, y + TILE + 1), f"{tile.twin} stays", fill="darkgreen", font=font)
            x += TILE + 2
        sheet.paste(_picture(image_set.images[tile.row]), (x, y))
        draw.text((x, y + TILE + 1), tile.title, fill="black", font=font)
    return sheet


def _picture(image: np.ndarray) -> Image.Image:
    """One image at TILE x TILE, in colour if it has three channels."""
    if image.shape[-1] == 3:
        picture = Image.fromarray(np.ascontiguousarray(image))
    else:
        picture = Image.fromarray(image.mean(-1).astype(np.uint8)).convert("RGB")
    return picture.resize((TILE, TILE), Image.Resampling.BICUBIC)
