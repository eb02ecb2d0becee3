"""Where test-time augmentation and the ensemble help or hurt: paired differences on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..judged import Judged
from ..pairs import Paired, compare_pairs, holm
from .style import BLUE, INK, MUTED, RUST, bare, page_figure, page_style, short, svg_uri

LEVEL = 0.95


@dataclass(frozen=True)
class Gain:
    """One suite: paired.difference is what is gained; p_holm: raised for the number of suites."""

    suite: str
    paired: Paired
    p_holm: float

    @property
    def verdict(self) -> str:
        """helps, hurts, or unclear."""
        if self.p_holm >= 1 - LEVEL:
            return "unclear"
        return "helps" if self.paired.difference > 0 else "hurts"


Answers = Mapping[tuple[str, str], np.ndarray]
"""Of one suite, see `score_table.answers_of`."""


def tta_gains(judged: Mapping[str, Judged], answers: Mapping[str, Answers]) -> list[Gain]:
    """The submission against the same ensemble under one view; empty without a members' table or with one view.

    Args:
        judged: suite -> run.
        answers: suite -> what every part of the submission answers.
    """
    runs = {suite: run for suite, run in judged.items() if run.table is not None and len(run.table.views) > 1}
    return _gains(runs, answers, "ensemble", "submission")


def ensemble_gains(judged: Mapping[str, Judged], answers: Mapping[str, Answers]) -> list[Gain]:
    """All members against the one of most weight, both under one view; empty without a table or with one member.

    Of most weight and not the best one here: that one would be partly lucky, and the weights saw no judge image.
    Arguments as of `tta_gains`.
    """
    runs = {suite: run for suite, run in judged.items() if run.table is not None and len(run.table.members) > 1}
    return _gains(runs, answers, "member", "ensemble")


def main_member(judged: Mapping[str, Judged]) -> str | None:
    """Name of the member of most weight; None without a members' table."""
    tables = [run.table for run in judged.values() if run.table is not None]
    return tables[0].members[int(tables[0].weights_mv.sum(1).argmax())] if tables else None


def gain_figure(gains: Sequence[Gain], title: str) -> str:
    """A row a suite: the difference in points with its interval, right of the line is better; as a data: URI."""
    marks = {"helps": ("^", BLUE, BLUE), "hurts": ("v", RUST, RUST), "unclear": ("o", MUTED, "white")}
    with page_style():
        figure = page_figure(1.2 + 0.27 * len(gains))
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=1)
        for y, gain in enumerate(gains):
            mark, colour, face = marks[gain.verdict]
            paired = gain.paired
            axes.plot([100 * paired.low, 100 * paired.high], [y, y], color=colour, linewidth=1.8)
            point: dict[str, Any] = {"marker": mark, "markersize": 7, "color": colour, "markerfacecolor": face}
            axes.plot(100 * paired.difference, y, linestyle="none", **point)
        axes.set_yticks(range(len(gains)), [short(gain.suite) for gain in gains])
        axes.set(title=title, xlabel="points of accuracy gained", ylim=(len(gains) - 0.5, -0.5))
        bare(axes)
        return svg_uri(figure)


def _gains(runs: Mapping[str, Judged], answers: Mapping[str, Answers], before: str, after: str) -> list[Gain]:
    made = {
        suite: compare_pairs(_right(run, answers[suite], before), _right(run, answers[suite], after), LEVEL)
        for suite, run in runs.items()
    }
    raised = holm([one.p_value for one in made.values()])
    return [Gain(suite, one, p) for (suite, one), p in zip(made.items(), raised, strict=True)]


def _right(run: Judged, answers: Answers, kind: str) -> np.ndarray:
    """bool (N,): of the submission, of the ensemble under one view, or of the member of most weight."""
    found = [labels for (one, _), labels in answers.items() if one == kind]
    number = int(run.table.weights_mv.sum(1).argmax()) if kind == "member" and run.table is not None else 0
    return found[number] == run.images.labels
