"""gallery.html: every finding with its picture, by reason; one file that loads nothing."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from submission.kit.files import write_text
from submission.kit.image_set import ImageSet

from .findings import Finding
from .kinds import KINDS, Kind
from .table import CleanTable

MAX_PICTURES = 60
"""Of each kind; the heading says how many more there are."""

SIDE = 112
"""Pixels at which a picture is stored: a thousand of them make a page of some 5 MB."""


@dataclass(frozen=True)
class _Card:
    """A finding, and how often the very same image is among those of its kind."""

    finding: Finding
    times: int
    label: str
    kept: bool


def write_gallery(
    path: Path, image_set: ImageSet, table: CleanTable, findings: list[Finding], remark: str = ""
) -> None:
    """Write the page atomically. Equal images of a kind are shown once; beside a copy stands what it repeats.

    Args:
        path: the file.
        image_set: any image size.
        table: what is kept, edits by hand included.
        findings: of the rules.
        remark: a sentence for the head of the page.
    """
    sections = [section for kind in KINDS.values() if (section := _section(kind, image_set, table, findings))]
    by_hand = int((~table.keep).sum()) - len({one.row for one in findings if not table.keep[one.row]})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("gallery.html.j2").render(
        images=len(table), kept=int(table.keep.sum()), by_hand=by_hand, sections=sections, remark=remark,
        picture=lambda row: picture_uri(image_set.images[row]), side=SIDE,
    )  # fmt: skip
    write_text(path, page)


def _section(kind: Kind, image_set: ImageSet, table: CleanTable, findings: list[Finding]) -> dict | None:
    """What the template shows of a kind, or None where nothing was found."""
    found = [one for one in findings if one.kind == kind.name]
    if not found:
        return None
    same: dict[tuple[str, int | None], list[Finding]] = {}
    for one in found:
        same.setdefault((str(image_set.ids[one.row]), one.twin), []).append(one)
    cards = [_card(image_set, table, group) for group in same.values()]
    if kind.name in ("off topic", "look-alike"):
        cards.sort(key=lambda card: -card.finding.score)
    elif kind.name in ("label error", "blurry", "near duplicate"):  # the least sure copies first
        cards.sort(key=lambda card: card.finding.score)
    dropped = sum(not table.keep[one.row] for one in found)
    more = len(cards) - MAX_PICTURES
    return {
        "kind": kind, "anchor": kind.option, "count": len(found), "dropped": dropped, "more": max(0, more),
        "cards": cards[:MAX_PICTURES],
    }  # fmt: skip


def _card(image_set: ImageSet, table: CleanTable, group: list[Finding]) -> _Card:
    labels = np.unique(image_set.labels[[one.row for one in group]])
    label = image_set.class_names[labels[0]] if len(labels) == 1 else f"under {len(labels)} labels"
    return _Card(group[0], len(group), label, bool(table.keep[group[0].row]))


def picture_uri(image: np.ndarray) -> str:
    """An image uint8 (H, W, C) as a data URI: a JPEG of at most `SIDE` pixels, a small one as it is."""
    if image.shape[-1] == 3:
        picture = Image.fromarray(np.ascontiguousarray(image))
    else:
        picture = Image.fromarray(image.mean(-1).astype(np.uint8))
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    form = "PNG" if max(picture.size) <= 48 else "JPEG"
    picture.save(file, form, **({"quality": 88} if form == "JPEG" else {}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
