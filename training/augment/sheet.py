"""Draw a picture of every operation at five magnitudes and of each policy."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import matplotlib
import numpy as np

from submission.kit.console import run_main
from submission.kit.files import atomic_path
from submission.kit.image_set import open_image_set

from .engine import Augmenter, Policy
from .operation import OPERATIONS
from .policies import POLICIES

COLUMNS = 12


def draw_rows(rows: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Write a PNG of named rows of images, each float or uint8 (n, H, W, C) in [0, 255]."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = max(len(images) for _, images in rows)
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.0 * columns + 2.2, 1.04 * len(rows)), squeeze=False)
    for row_axes, (name, images) in zip(axes, rows, strict=True):
        for axis in row_axes:
            axis.set_axis_off()
        for axis, image in zip(row_axes, images, strict=False):
            axis.imshow(np.clip(image, 0, 255).astype(np.uint8).squeeze(), cmap="gray", vmin=0, vmax=255)
        row_axes[0].text(-0.1, 0.5, name, transform=row_axes[0].transAxes, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(left=2.1 / (columns + 2.2), right=0.995, top=0.995, bottom=0.005, wspace=0.03, hspace=0.03)
    with atomic_path(path) as new:
        figure.savefig(new, dpi=80)
    plt.close(figure)


def sheet_rows(images: np.ndarray, seed: int) -> list[tuple[str, np.ndarray]]:
    """Rows of the sheet: each operation at magnitudes 0.2 to 1, then each policy, drawn on `images` (n, H, W, C)."""
    rows = [("original", images)]
    for name in sorted(OPERATIONS):
        changed = []
        for step, magnitude in enumerate((0.2, 0.4, 0.6, 0.8, 1.0)):
            # the same draws show the strength; where there is none, other draws show the choices
            generator = keras.random.SeedGenerator(seed if OPERATIONS[name].has_strength else seed + step)
            batch = keras.ops.cast(images[:2], "float32")
            changed.append(keras.ops.convert_to_numpy(OPERATIONS[name](magnitude)(batch, generator)))
        rows.append((name, np.concatenate(changed)))
    for policy in POLICIES.values():
        rows += [(f"policy {policy.name}", row) for row in _policy_rows(images, policy, seed)]
    return rows


def _policy_rows(images: np.ndarray, policy: Policy, seed: int) -> list[np.ndarray]:
    batch = np.resize(images, (2 * len(images), *images.shape[1:]))
    targets = np.zeros((len(batch), 1), np.float32)
    changed = keras.ops.convert_to_numpy(Augmenter(policy, len(batch), seed)(batch, targets)[0])
    return [changed[: len(images)], changed[len(images) :]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.augment.sheet",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--out", type=Path, help="the PNG; by default ARTIFACTS/augment.png")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    data = open_image_set(args.artifacts / "data", f"make data ARTIFACTS={args.artifacts}")
    chosen = np.linspace(0, len(data) - 1, COLUMNS).astype(int)
    out = args.out or args.artifacts / "augment.png"
    draw_rows(sheet_rows(np.asarray(data.images[chosen]), args.seed), out)
    print(f"sheet: {out}: {len(OPERATIONS)} operations, {len(POLICIES)} policies")
    return 0


if __name__ == "__main__":
    run_main(main)
