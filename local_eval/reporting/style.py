"""Fonts and colours of the report's figures, drawn by matplotlib without a display and returned as SVG data: URIs.

Colours are told apart by their lightness as well; what matters is never told by colour alone.
"""

import base64
import io
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1b2430", "#5b6675", "#d9dfe6"
BLUE, TEAL, RUST = "#1f5fa8", "#1d7a6c", "#c2552a"
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


def suite_colour(suite: str) -> str:
    """Clean is teal, every shifted suite is rust."""
    return TEAL if suite == "clean" else RUST


def short(name: str, most: int = 16) -> str:
    """At most so many characters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def style() -> AbstractContextManager[None]:
    """A context with the report's fonts and colours."""
    return matplotlib.rc_context(_STYLE)


def page_style() -> AbstractContextManager[None]:
    """The same in the sizes of the page's figures."""
    return matplotlib.rc_context(_STYLE | _PAGE)


def page_figure(height_in: float) -> Figure:
    """An empty figure as wide as a phone."""
    return Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")


def bare(axes: Axes) -> None:
    """Leave only the left and bottom lines and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def svg_uri(figure: Figure) -> str:
    """The figure as a data: URI; the same figure gives the same text."""
    data = io.BytesIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}"
