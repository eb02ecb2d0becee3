"""A picture sheet of a suite: what it makes of some images, then all that it is made of at the five severities."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import atomic_path
from submission.kit.seeds import derive_seed

from .holdout import read_holdout
from .shifts import OPERATIONS
from .shifts.grid import GridSuite
from .shifts.operation import SEVERITIES, get_operation
from .shifts.suite import Suite, get_suite, suite_names

TILE = 112  # pixels of the longer side of a drawn image
_LABEL = 40  # pixels under it: three lines of text
_GAP = 6
_PLANS = 1000  # an operation that is rarer than one in some hundred images is not shown

Cell = tuple[np.ndarray, str]  # image uint8 (H, W, C), label


def suite_cells(images: np.ndarray, ids: Sequence[str], suite: Suite, examples: int, seed: int) -> list[list[Cell]]:
    """A row an image: the original, then the suite with seeds `seed`, `seed + 1` ...

    Args:
        images: uint8 (n, H, W, C).
        ids: (n,).
        examples: altered copies a row.
    """
    rows: list[list[Cell]] = [[(image, "original")] for image in images]
    for example in range(examples):
        altered, operations = suite.apply(images, ids, "select", seed + example)
        for row, image, names in zip(rows, altered, operations, strict=True):
            row.append((image, "+".join(names) or "(nothing)"))
    return rows


def operation_cells(images: np.ndarray, names: Sequence[str], seed: int) -> list[list[Cell]]:
    """Two operations a row, each at severities 1 to 5; the images take turns.

    Args:
        images: uint8 (n, H, W, C), the originals.
        names: of the operations.
    """
    cells = []
    for number, name in enumerate(names):
        for severity in SEVERITIES:
            rng = np.random.default_rng(derive_seed(seed, "sheet", name, severity))
            operation = get_operation(name)
            altered = operation.apply(images[number % len(images)], operation.sample(rng, severity))
            cells.append((altered, f"{name} {severity}"))
    return _two_a_row(cells)


def table_cells(images: np.ndarray, ids: Sequence[str], suite: GridSuite, seed: int) -> list[list[Cell]]:
    """Two corruptions of a table a row, each at its severities; the images take turns.

    Args:
        images: uint8 (n, H, W, C), the originals.
        ids: (n,).
    """
    cells = []
    for number, (name, severity) in enumerate(suite.cells(images.shape[-1])):
        here = [number // len(SEVERITIES) % len(images)]
        altered = suite.apply_cell(images[here], [ids[here[0]]], "select", seed, (name, severity))
        cells.append((altered[0], f"{name} {severity}"))
    return _two_a_row(cells)


def _two_a_row(cells: list[Cell]) -> list[list[Cell]]:
    width = 2 * len(SEVERITIES)
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def operations_of(suite: Suite, channels: int) -> list[str]:
    """Names of the operations that a suite is made of, in the order of their register, as many plans show them."""
    plans = [suite.plan(f"plan {n}", channels, "select", 0) for n in range(_PLANS)]
    seen = {step.operation for plan in plans for step in plan}
    return [name for name in OPERATIONS if name in seen]


def draw_sheet(rows: list[list[Cell]]) -> Image.Image:
    """The cells as a table, each image above its label; rows may differ in length."""
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * (TILE + _GAP) + _GAP, len(rows) * (TILE + _LABEL + _GAP) + _GAP), color="white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    for r, row in enumerate(rows):
        for c, (image, label) in enumerate(row):
            left, top = _GAP + c * (TILE + _GAP), _GAP + r * (TILE + _LABEL + _GAP)
            sheet.paste(_tile(image), (left, top))
            pen.multiline_text((left, top + TILE + 1), _fold(label, font), fill="black", font=font, spacing=1)
    return sheet


def _tile(image: np.ndarray) -> Image.Image:
    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    picture = Image.fromarray(np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else np.ascontiguousarray(image))
    return picture.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.NEAREST)


def _fold(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Break a label after + and _ into lines that fit under an image."""
    lines = [""]
    for word in label.replace("+", "+\n").replace("_", "_\n").split("\n"):
        if lines[-1] and font.getlength(lines[-1] + word) > TILE:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw a sheet; prints one line."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.sheet",
        description="Draw some images of the part `select` before and after a suite, and its operations by severity.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--suite", default="an2dl", metavar="NAME", help=f"one of {', '.join(suite_names())}")
    parser.add_argument("--images", type=int, default=8, help="rows of the suite's table, an image each")
    parser.add_argument("--examples", type=int, default=9, help="altered copies of each image")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first copy")
    parser.add_argument(
        "--out",
        type=Path,
        default=argparse.SUPPRESS,  # it depends on the other options
        help="the picture, .png or .jpg (default: ARTIFACTS/sheets/SUITE.png)",
    )
    args = parser.parse_args(argv)
    out: Path = getattr(args, "out", args.artifacts / "sheets" / f"{args.suite}.png")
    if args.images < 1 or args.examples < 1:
        raise KitError(f"expected at least 1. Received: --images {args.images} --examples {args.examples}.")
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise KitError(f"expected a name that ends in .png or .jpg. Received: --out {out}.")
    suite = get_suite(args.suite)
    holdout = read_holdout(args.artifacts)
    rng = np.random.default_rng(derive_seed(args.seed, "sheet", "images"))
    rows = holdout.rows["select"]
    rows = np.sort(rng.choice(rows, size=min(args.images, len(rows)), replace=False))
    images, ids = holdout.data.images[rows], holdout.data.ids[rows]
    table = suite_cells(images, ids, suite, args.examples, args.seed)
    if isinstance(suite, GridSuite):
        parts, what = table_cells(images, ids, suite, args.seed), f"{len(suite.corruptions)} corruptions"
    else:
        names = operations_of(suite, images.shape[-1])
        parts, what = operation_cells(images, names, args.seed), f"{len(names)} operations"
    sheet = draw_sheet(table + parts)
    with atomic_path(out) as new:
        sheet.save(new)
    print(f"Wrote {out}: {len(rows)} images under {suite.name}, {what}.")
    return 0


if __name__ == "__main__":
    run_main(main)
