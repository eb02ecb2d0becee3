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
    the report is about; current: whether the suites were those of today."""

    zip: str
    sha256: str
    phase: str
    score: float
    forecast: float
    low: float
    high: float
    own: bool
    current: bool = True

    @property
    def inside(self) -> bool:
        """Did the interval hold the score?"""
        return self.low <= self.score <= self.high

    @property
    def score_interval(self) -> tuple[float, float]:
        """95 %, of the score's own draw of hidden images."""
        return wilson(round(self.score * HIDDEN_IMAGES), HIDDEN_IMAGES)


def ledger_points(
    records: Sequence[Mapping[str, Any]], sha256: str, prints: Mapping[str, str] | None = None
) -> tuple[list[Point], int]:
    """The scores in the order that they were added, each with the forecast of that moment.

    Args:
        records: of the ledger.
        sha256: of the zip that the report is about.
        prints: suite -> fingerprint of its images. Of a zip that was never judged on these the forecast is that of the
            images that it was judged on, and no score of a zip judged on these counts for it, nor the other way.

    Returns:
        The points, and how many scores are of zips without a judged suite to forecast from.
    """
    today, ever, scores = judged_evidence(records, prints), judged_evidence(records), leaderboard_scores(records)
    points: list[Point] = []
    known: dict[bool, list[Entry]] = {True: [], False: []}
    for one in scores:
        current = one.sha256 in today
        suites, entries = (today if current else ever).get(one.sha256), known[current]
        if not suites:
            continue
        scenarios = known_scenarios(suites)
        scenario = next((name for name in (DEFAULT, UNKNOWN) if name in scenarios), scenarios[0])
        try:
            made = forecast(suites, scenario, entries)
        except KitError:  # the suites of the moment do not stand for the scenario
            continue
        own = one.sha256 == sha256
        values = (one.score, made.accuracy, made.low, made.high, own, current)
        points.append(Point(one.zip, one.sha256, one.phase, *values))
        entries.append(Entry(one.score, one.phase, suites))
    return points, len(scores) - len(points)


def ledger_figure(points: Sequence[Point]) -> str:
    """Forecast across, leaderboard up; on the diagonal the forecast came true; hollow where the suites were others than
    those of today; as a data: URI."""
    ends = [end for point in points for end in (point.low, point.high, *point.score_interval)]
    low, high = max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)
    with page_style():
        figure = page_figure(4.1)
        axes = figure.subplots()
        axes.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="came true")
        looks = (
            (False, True, BLUE, "o", "other zips"),
            (True, True, RUST, "D", "this zip"),
            (False, False, BLUE, "o", "other zips, older suites"),
            (True, False, RUST, "D", "this zip, older suites"),
        )
        for own, current, colour, mark, label in looks:
            chosen = [point for point in points if (point.own, point.current) == (own, current)]
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
            look: dict[str, Any] = {"fmt": mark, "color": colour, "elinewidth": 1, "markersize": 6, "alpha": 0.9}
            if not current:
                look["markerfacecolor"] = "white"
            axes.errorbar(x, y, up, across, label=label, **look)
        axes.set(
            xlabel="forecast, 90 % interval", ylabel="leaderboard, 95 % interval", xlim=(low, high), ylim=(low, high)
        )
        axes.set_aspect("equal")
        labels = axes.get_legend_handles_labels()[1]
        figure.legend(loc="outside lower left", borderaxespad=0, ncols=3 if len(labels) < 4 else 2, columnspacing=1.2)
        bare(axes)
        return svg_uri(figure)
