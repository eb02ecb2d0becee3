"""A heat map of how often members name other classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from submission.kit.files import atomic_path


def draw(path: Path, names: Sequence[str], differing: np.ndarray) -> None:
    """Write a PNG.

    Args:
        path: of the picture.
        names: n names.
        differing: (n, n) in [0, 1].
    """
    from matplotlib.figure import Figure

    n = len(names)
    side = max(3.2, 0.62 * n)
    longest = max(map(len, names)) * 0.085
    figure = Figure(figsize=(side + longest + 1.2, side + longest + 0.6), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(100 * differing, cmap="viridis", vmin=0)
    middle = 50 * float(differing.max(initial=0))
    for row in range(n):
        for column in range(n):
            if row != column:
                value = 100 * differing[row, column]
                colour = "black" if value > middle else "white"
                axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(n), names, rotation=90, fontsize=8)
    axes.set_yticks(range(n), names, fontsize=8)
    axes.set_title("Images for which two name other classes, %", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8)
    with atomic_path(path) as new:
        figure.savefig(new, dpi=120)
