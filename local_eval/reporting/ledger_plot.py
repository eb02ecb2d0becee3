"""How good the forecasts were: what the local judge says of each zip against its score on the leaderboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from submission.kit.errors import KitError

from ..entries import judged_evidence, leaderboard_scores
from ..forecasting.forecast import forecast
from ..forecasting.posterior import Entry
from ..forecasting.scenarios import DEFAULT, UNKNOWN, known_scenarios
from ..intervals import wilson
from .style import BLUE, MUTED, RUST, bare, page_figure, page_style, svg_uri

HIDDEN_IMAGES = 1000  # taken for the size of a hidden set, which no leaderboard tells


@dataclass(frozen=True)
class Point:
    """One leaderboard score; forecast, low, high: what the suites and the scores before it said; "own" is the zip that
    the report is about."""

    zip: str
    sha256: str
    phase: str
    score: float
    forecast: float
    low: float
    high: float
    own: bool

    @property
    def inside(self) -> bool:
        """Did the interval hold the score?"""
        return self.low <= self.score <= self.high

    @property
    def score_interval(self) -> tuple[float, float]:
        """95 %, of the score's own draw of hidden images."""
        return wilson(round(self.score * HIDDEN_IMAGES), HIDDEN_IMAGES)


def ledger_points(records: Sequence[Mapping[str, Any]], sha256: str) -> tuple[list[Point], int]:
    """The scores in the order that they were added, each with the forecast of that moment.

    Args:
        records: of the ledger.
        sha256: of the zip that the report is about.

    Returns:
        The points, and how many scores are of zips without a judged suite to forecast from.
    """
    evidence, scores = judged_evidence(records), leaderboard_scores(records)
    points, entries = [], []  # type: list[Point], list[Entry]
    for one in scores:
        suites = evidence.get(one.sha256)
        if not suites:
            continue
        scenarios = known_scenarios(suites)
        scenario = next((name for name in (DEFAULT, UNKNOWN) if name in scenarios), scenarios[0])
        try:
            made = forecast(suites, scenario, entries)
        except KitError:  # the suites of the moment do not stand for the scenario
            continue
        own = one.sha256 == sha256
        points.append(Point(one.zip, one.sha256, one.phase, one.score, made.accuracy, made.low, made.high, own))
        entries.append(Entry(one.score, one.phase, suites))
    return points, len(scores) - len(points)


def ledger_figure(points: Sequence[Point]) -> str:
    """Forecast across, leaderboard up; on the diagonal the forecast came true; as a data: URI."""
    ends = [end for point in points for end in (point.low, point.high, *point.score_interval)]
    low, high = max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)
    with page_style():
        figure = page_figure(4.1)
        axes = figure.subplots()
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="came true")
        for own, colour, mark, label in ((False, BLUE, "o", "other zips"), (True, RUST, "D", "this zip")):
            chosen = [point for point in points if point.own == own]
            if not chosen:
                continue
            x, y = [point.forecast for point in chosen], [point.score for point in chosen]
            across = [
                [point.forecast - point.low for point in chosen],
                [point.high - point.forecast for point in chosen],
            ]
            up = [
                [max(0.0, point.score - point.score_interval[0]) for point in chosen],
                [max(0.0, point.score_interval[1] - point.score) for point in chosen],
            ]
            axes.errorbar(x, y, up, across, fmt=mark, color=colour, elinewidth=1, markersize=6, alpha=0.9, label=label)
        axes.set(
            xlabel="forecast, 90 % interval", ylabel="leaderboard, 95 % interval", xlim=(low, high), ylim=(low, high)
        )
        axes.set_aspect("equal")
        figure.legend(loc="outside lower left", borderaxespad=0, ncols=3, columnspacing=1.2)
        bare(axes)
        return svg_uri(figure)
