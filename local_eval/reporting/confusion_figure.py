"""A confusion matrix as a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from .style import INK, page_figure, page_style, short, svg_uri


def draw_confusion(axes: Axes, counts: np.ndarray, names: Sequence[str], size: float) -> None:
    """Rows as shares of the true class; counts in the cells.

    Args:
        axes: where.
        counts: int (K, K), true class in rows.
        names: K names.
        size: font size of the cells.
    """
    k = len(names)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if k <= 20:
        for row, column in np.argwhere(counts > 0):
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=size, color=colour)
    step = max(1, -(-k // 40))
    shown = [short(name, 14) for name in names[::step]]
    axes.set_xticks(range(0, k, step), shown, rotation=40, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(0, k, step), shown, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def confusion_figure(suite: str, counts: np.ndarray, names: Sequence[str]) -> str:
    """Confusion matrix of one suite, as a data: URI; arguments as of `draw_confusion`."""
    with page_style():
        figure = page_figure(4.0)
        axes = figure.subplots()
        draw_confusion(axes, counts, names, max(5, min(10, 200 / len(names))))
        axes.set(title=suite, xlabel="predicted", ylabel="true")
        return svg_uri(figure)
