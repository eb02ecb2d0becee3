"""Accuracy against severity, for suites that have severities and for families of suites of rising strength."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .numbers import Share
from .style import BLUE, MUTED, TEAL, bare, page_figure, page_style, svg_uri

STRENGTHS = (("-mild", "mild"), ("", "typical"), ("-harsh", "harsh"))


@dataclass(frozen=True)
class Curve:
    """points: of the submission, named by severity; plain: of the ensemble under one view at the same severities, or
    None for a zip whose members are not known."""

    name: str
    points: list[Share]
    plain: list[Share] | None


def by_severity(right: np.ndarray, severities: np.ndarray) -> list[Share]:
    """Share of right answers at each severity, ascending.

    Args:
        right: bool (N,).
        severities: int (N,).
    """
    return [
        Share(str(one), int(right[severities == one].sum()), int((severities == one).sum()))
        for one in np.unique(severities)
    ]


def by_strength(right: Mapping[str, np.ndarray]) -> dict[str, list[Share]]:
    """Families of suites such as an2dl-mild, an2dl and an2dl-harsh -> a point each, for at least two of them.

    Args:
        right: suite -> bool (N,).
    """
    families = {suite.removesuffix("-mild").removesuffix("-harsh") for suite in right}
    found = {
        family: [
            Share(name, int(right[family + ending].sum()), len(right[family + ending]))
            for ending, name in STRENGTHS
            if family + ending in right
        ]
        for family in sorted(families)
    }
    return {family: points for family, points in found.items() if len(points) > 1}


def severity_figure(curve: Curve, clean: float | None) -> str:
    """One curve with the band of its 95 % intervals, as a data: URI. Accuracy goes from 0 to 100 % in every figure, so
    that suites can be compared.

    Args:
        curve: at least one point.
        clean: accuracy on the clean hold-out, drawn as a line; None leaves it out.
    """
    places = range(len(curve.points))
    with page_style():
        figure = page_figure(2.9)
        axes = figure.subplots()
        if clean is not None:
            axes.axhline(clean, color=TEAL, linewidth=1.2, linestyle=(0, (1, 2)), label="clean hold-out")
        if curve.plain is not None:
            style: dict[str, Any] = {
                "color": MUTED,
                "linestyle": (0, (5, 2)),
                "marker": "s",
                "markerfacecolor": "white",
            }
            axes.plot(places, _shares(curve.plain), linewidth=1.2, markersize=4.5, label="one view", **style)
        low, high = zip(*(point.interval for point in curve.points), strict=True)
        axes.fill_between(places, low, high, color=BLUE, alpha=0.22, linewidth=0, label="95 % interval")
        axes.plot(places, _shares(curve.points), color=BLUE, linewidth=1.8, marker="o", label="submission")
        axes.set_xticks(places, [point.name for point in curve.points])
        axes.set(title=curve.name, xlabel="severity", ylabel="accuracy")
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        figure.legend(loc="outside lower left", borderaxespad=0, ncols=2, columnspacing=1.2, labelspacing=0.25)
        bare(axes)
        return svg_uri(figure)


def _shares(points: Sequence[Share]) -> list[float]:
    return [point.correct / point.n for point in points]
