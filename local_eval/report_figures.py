"""The report's figures, drawn by matplotlib without a display and returned as SVG data: URIs."""

import base64
import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .report_data import Run
from .report_numbers import Reliability

INK, MUTED, RULE = "#1b2430", "#5b6675", "#d9dfe6"
BLUE, TEAL, RUST = "#1f5fa8", "#1d7a6c", "#c2552a"
_RUNS = ["#1f5fa8", "#c2552a", "#1d7a6c", "#7b4fa3", "#b98a1d", "#3f8fc4", "#a23b5a", "#5f7d2e"]
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "text.parse_math": False,  # class names may hold a dollar sign
    "svg.hashsalt": "report",
}
# Nearly a phone's width, so that 10 points are 12 pixels there; a picture is never shrunk below nine tenths.
_WIDTH_IN = 4.0
_PAGE: dict[Any, Any] = {"font.size": 10, "axes.titlesize": 11, "legend.fontsize": 10, "legend.frameon": False}
_MOST_LABELLED = 8


def suite_colour(suite: str) -> str:
    """Clean is teal, every shifted suite is rust."""
    return TEAL if suite == "clean" else RUST


def style() -> AbstractContextManager[None]:
    """A context with the report's fonts and colours."""
    return matplotlib.rc_context(_STYLE)


def _figure(height_in: float) -> Figure:
    return Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")


def bare(axes: Axes) -> None:
    """Leave only the left and bottom lines and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


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
    short = [name if len(name) <= 14 else name[:12] + "…" for name in names]
    step = max(1, -(-k // 40))
    axes.set_xticks(range(0, k, step), short[::step], rotation=40, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(0, k, step), short[::step], fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def confusion_figure(suite: str, counts: np.ndarray, names: Sequence[str]) -> str:
    """Confusion matrix of one suite."""
    with style(), matplotlib.rc_context(_PAGE):
        figure = _figure(4.0)
        axes = figure.subplots()
        draw_confusion(axes, counts, names, max(5, min(10, 200 / len(names))))
        axes.set(title=suite, xlabel="predicted", ylabel="true")
        return _svg(figure)


def reliability_figure(found: Mapping[str, Reliability]) -> str:
    """Accuracy against confidence, a line a suite, the diagonal is honesty."""
    with style(), matplotlib.rc_context(_PAGE):
        figure = _figure(3.8)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for suite, bins in found.items():
            colour = suite_colour(suite)
            axes.plot(
                bins.confidence, bins.accuracy, color=colour, linewidth=1.6, label=f"{suite}, error {bins.error:.3f}"
            )
            axes.scatter(
                bins.confidence, bins.accuracy, 12 + 120 * bins.count / bins.count.sum(), color=colour, alpha=0.75
            )
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        figure.legend(loc="outside lower left", borderaxespad=0, ncols=2)
        bare(axes)
        return _svg(figure)


def curves_figure(runs: Sequence[Run], keys: Sequence[str], title: str) -> str | None:
    """One quantity against the epoch, a line a run; None where no run has it.

    Args:
        runs: at most eight are named, more are drawn in grey.
        keys: names of the quantity; the first that a run has is drawn.
        title: what it is.
    """
    curves = [(run.name, found) for run in runs if (found := _first(run, keys)) is not None]
    if not curves:
        return None
    with style(), matplotlib.rc_context(_PAGE):
        figure = _figure(2.7 + 0.2 * min(len(curves), _MOST_LABELLED))
        axes = figure.subplots()
        for number, (name, (epochs, values)) in enumerate(curves):
            named = number < _MOST_LABELLED
            colour = _RUNS[number] if named else RULE
            marker = "o" if len(epochs) == 1 else None
            axes.plot(epochs, values, color=colour, linewidth=1.4, marker=marker, label=name if named else None)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left", borderaxespad=0, labelspacing=0.25)
        bare(axes)
        return _svg(figure)


def _first(run: Run, keys: Sequence[str]) -> tuple[list[float], list[float]] | None:
    found = (run.curve(key) for key in keys)
    return next((curve for curve in found if curve[0]), None)


def _svg(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}"
