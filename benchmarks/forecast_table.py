"""Every net and set of bench_forecast.py as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.forecast_cases import Case, ForeignSet
from submission.kit.files import write_text

_METHODS = (
    ("named, 0 scores", "named scenario, no score"),
    ("named, 1 scores", "named, 1 score"),
    ("named, 5 scores", "named, 5 scores"),
    ("unlabelled, classes as trained", "unlabelled"),
    ("unlabelled, classes shifted", "unlabelled, other class frequencies"),
)
_COMMAND = "python -m benchmarks.bench_forecast --artifacts A --foreign FOLDER --probs FOLDER --table FILE"


def write_table(path: Path, lines: Sequence[str], cases: Sequence[Case], sets: Sequence[ForeignSet]) -> None:
    """Write the means and a row a net and set.

    Args:
        path: the Markdown file.
        lines: the means as text.
        cases: of all nets and sets; of several draws of leaderboard scores the first is shown.
        sets: in the order wanted.
    """
    by_key = {(case.net, case.set, case.method): case for case in reversed(cases)}
    told = {one.name: one.suite + (f", {one.strength}" if one.strength else "") for one in sets}
    nets = list(dict.fromkeys(case.net for case in cases))
    text = [
        "# The forecast against the truth, every net and set",
        "",
        f"Written by `{_COMMAND}`. In percent; forecasts with their 90 % intervals, **bold** where the truth lies "
        "outside. A net's name is what it was trained with, and the epoch after @. No training and no set was used to "
        "choose anything of the forecast. What `mild`, `typical` and `harsh` mean was estimated on other makers' sets; "
        "of `an2dl` they are suites.",
        "",
        "```",
        *lines,
        "```",
    ]
    for name in told:
        text += ["", f"## {name} ({told[name]})", "", *_rows(name, nets, by_key)]
    write_text(path, "\n".join(text) + "\n")


def _rows(name: str, nets: Sequence[str], by_key: dict[tuple[str, str, str], Case]) -> list[str]:
    shown = [(method, title) for method, title in _METHODS if any((net, name, method) in by_key for net in nets)]
    titles = ["net", "truth", *(title for _, title in shown)]
    found = ["| " + " | ".join(titles) + " |", "|---" + "|---:" * (len(titles) - 1) + "|"]
    for net in nets:
        here = [by_key[net, name, method] for method, _ in shown]
        cells = [net, f"{100 * by_key[net, name, 'unknown, 0 scores'].truth:.1f}", *(_cell(case) for case in here)]
        found.append("| " + " | ".join(cells) + " |")
    return found


def _cell(case: Case) -> str:
    mark = "" if case.low <= case.truth <= case.high else "**"
    value = f"{mark}{100 * case.accuracy:.1f} [{100 * case.low:.0f}, {100 * case.high:.0f}]{mark}"
    return f"{value} of {100 * case.truth:.1f}" if case.method.endswith("shifted") else value
