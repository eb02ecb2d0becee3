"""One picture of the result, 1600 x 900 pixels, for a README."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from submission.kit.files import atomic_path

from ..score import SHIFTED
from .confusion_figure import draw_confusion
from .data import ReportData
from .numbers import confusion
from .pictures import as_rgb
from .style import BLUE, INK, MUTED, RULE, RUST, TEAL, short, style, suite_colour

SAMPLES = 10
_DPI = 100


def write_picture(data: ReportData, path: Path) -> None:
    """Write a PNG: the forecast, the table, the confusion matrix and sample images with predictions.

    Args:
        data: what the report shows.
        path: the picture's file.
    """
    suite = SHIFTED if SHIFTED in data.judged else list(data.judged)[-1]
    with style():
        figure = Figure(figsize=(16, 9), dpi=_DPI, facecolor="white")
        grid = figure.add_gridspec(2, 2, height_ratios=[6.3, 2.7], width_ratios=[9, 7])
        left, right = figure.add_subfigure(grid[0, 0]), figure.add_subfigure(grid[0, 1])
        bottom = figure.add_subfigure(grid[1, :])
        _forecast(left.add_axes((0.07, 0.53, 0.87, 0.28)), data)
        left.text(0.07, 0.93, _headline(data), fontsize=21, weight="bold", va="center")
        left.text(0.07, 0.86, _subline(data), fontsize=12, color=MUTED, va="center")
        _table(left.add_axes((0.07, 0.03, 0.87, 0.41)), data)
        _confusion(right, data, suite)
        _samples(bottom, data, suite)
        with atomic_path(path) as new:
            figure.savefig(new, format="png", metadata={"Software": None})


def _headline(data: ReportData) -> str:
    made = data.score["forecast"]
    if made is None:
        return "Accuracy of the submission"
    return f"Forecast of the hidden accuracy: {made['accuracy']:.3f}"


def _subline(data: ReportData) -> str:
    made = data.score["forecast"]
    if made is None:
        return "no shifted suite was judged, so there is no forecast"
    return f"{made['level']:.0%} interval {made['low']:.3f} to {made['high']:.3f}, hidden images {made['scenario']}"


def _forecast(axes: Axes, data: ReportData) -> None:
    made = data.score["forecast"]
    cells = next(row for row in data.score["rows"] if row["kind"] == "submission")["suites"]
    bars = [] if made is None else [("forecast", made, BLUE)]
    names = {suite: _title(suite, data) for suite in data.judged}
    bars += [(name, cells[suite], suite_colour(suite)) for suite, name in names.items()]
    size = min(12, 108 / len(bars))
    for y, (name, cell, colour) in enumerate(bars):
        axes.plot(
            [cell["low"], cell["high"]], [y, y], color=colour, linewidth=1.1 * size, alpha=0.28, solid_capstyle="butt"
        )
        axes.plot(cell["accuracy"], y, "o", color=colour, markersize=0.85 * size, clip_on=False)
        axes.text(-0.012, y, name, ha="right", va="center", fontsize=size)
        axes.text(
            1.02, y, f"{cell['accuracy']:.3f}", ha="left", va="center", fontsize=size, weight="bold", color=colour
        )
    axes.set(xlim=(0, 1), ylim=(len(bars) - 0.5, -0.5))
    axes.set_yticks([])
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11)
    axes.grid(axis="x", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    box = axes.get_position()  # the names stand left of the axes, whatever their length
    axes.set_position((box.x0 + 0.25, box.y0, box.width - 0.33, box.height))


def _title(suite: str, data: ReportData) -> str:
    """Short where there are many."""
    if len(data.judged) > 2:
        return suite
    return "clean hold-out" if suite == "clean" else f"shifted hold-out ({suite})"


def _table(axes: Axes, data: ReportData) -> None:
    axes.axis("off")
    suites = list(data.judged)
    if len(suites) > 2:  # the bars above show them all
        suites = [suite for suite in suites if suite in ("clean", SHIFTED)] or suites[:2]
    rows = data.score["rows"]
    shown = rows if len(rows) <= 7 else [*rows[:4], *rows[-2:]]
    left_out = len(rows) - len(shown)
    height = 1 / (len(shown) + 2)
    columns = [0.50 + 0.5 * (n + 1) / len(suites) for n in range(len(suites))]
    y = 1 - height / 2
    for x, suite in zip(columns, suites, strict=True):
        title = suite if suite == "clean" else f"shifted ({suite})"
        axes.text(x, y, title, ha="right", va="center", fontsize=12, color=MUTED)
    axes.axhline(1 - height, color=INK, linewidth=1)
    for row in shown:
        y -= height
        last = row["kind"] == "submission"
        weight, colour = ("bold", BLUE) if last else ("normal", INK)
        axes.text(0, y, row["name"], va="center", fontsize=12, weight=weight, color=colour)
        for x, suite in zip(columns, suites, strict=True):
            cell = row["suites"][suite]
            text = f"{cell['accuracy']:.3f}  ± {(cell['high'] - cell['low']) / 2:.3f}"
            axes.text(x, y, text, ha="right", va="center", fontsize=12, weight=weight, color=colour)
        axes.axhline(y - height / 2, color=RULE, linewidth=0.8)
    images = ", ".join(f"{suite} {len(data.judged[suite].images)}" for suite in suites)
    note = f"± half of the 95 % interval; images no net has seen: {images}"
    note += f"; {left_out} more members not shown" if left_out else ""
    axes.text(0, y - height, note, va="center", fontsize=10, color=MUTED)
    axes.set(xlim=(0, 1), ylim=(0, 1))


def _confusion(panel: SubFigure, data: ReportData, suite: str) -> None:
    axes = panel.add_axes((0.2, 0.2, 0.74, 0.68))
    draw_confusion(axes, confusion(data.judged[suite]), data.class_names, 10)
    axes.set_title(f"Predicted (across) and true (down), {suite} hold-out", fontsize=12, pad=10)


def _samples(panel: SubFigure, data: ReportData, suite: str) -> None:
    run = data.judged[suite]
    rows = np.unique(np.linspace(0, len(run.images) - 1, SAMPLES).astype(int))  # not chosen by how they look
    panel.text(0.04, 0.95, f"{suite} hold-out: what the submission answered", fontsize=13, va="center")
    for n, axes in enumerate(
        panel.subplots(1, SAMPLES, gridspec_kw={"left": 0.04, "right": 0.96, "top": 0.86, "bottom": 0.22})
    ):
        axes.axis("off")
        axes.set_anchor("N")
        if n >= len(rows):
            continue
        row = rows[n]
        true, predicted = run.images.labels[row], run.predictions[row]
        axes.imshow(as_rgb(np.asarray(run.images.images[row])))
        colour = TEAL if true == predicted else RUST
        names = run.images.class_names
        text = short(names[predicted]) if true == predicted else f"{short(names[predicted])}\nis {short(names[true])}"
        axes.text(0.5, -0.06, text, transform=axes.transAxes, ha="center", va="top", fontsize=10.5, color=colour)
