"""A quantity of the training runs against the epoch."""

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from .data import Run
from .style import RULE, bare, page_figure, page_style, svg_uri

# Of different lightness where they are next to each other, and each line has a dash pattern of its own.
_COLOURS = ["#1f5fa8", "#c2552a", "#12303f", "#b98a1d", "#7b4fa3", "#3f8fc4", "#5c1f2e", "#5f9d2e"]
_DASHES = ["-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2))]
_MOST_NAMED = 8


def training_figure(runs: Sequence[Run], keys: Sequence[str], title: str) -> str | None:
    """A line a run; None where no run has the quantity.

    Args:
        runs: at most eight are named, more are drawn in grey.
        keys: names of the quantity; the first that a run has is drawn.
        title: what it is.
    """
    curves = [(run.name, found) for run in runs if (found := _first(run, keys)) is not None]
    if not curves:
        return None
    with page_style():
        figure = page_figure(2.7 + 0.2 * min(len(curves), _MOST_NAMED))
        axes = figure.subplots()
        for number, (name, (epochs, values)) in enumerate(curves):
            named = number < _MOST_NAMED
            axes.plot(
                epochs,
                values,
                color=_COLOURS[number] if named else RULE,
                linestyle=_DASHES[number % len(_DASHES)] if named else "-",
                linewidth=1.6,
                marker="o" if len(epochs) == 1 else None,
                label=name if named else None,
            )
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left", borderaxespad=0, labelspacing=0.25)
        bare(axes)
        return svg_uri(figure)


def _first(run: Run, keys: Sequence[str]) -> tuple[list[float], list[float]] | None:
    found = (run.curve(key) for key in keys)
    return next((curve for curve in found if curve[0]), None)
