"""What the sections on the judged suites show; the rest is in `files_section`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..forecasting.scenarios import UNKNOWN
from ..score import SHIFTED
from .adaptation_section import adaptation_section
from .calibration import calibration, reliability_figure
from .confusion_figure import confusion_figure
from .data import ReportData
from .files_section import files_section
from .gains import Gain, ensemble_gains, gain_figure, main_member, tta_gains
from .heat import Scale
from .ledger_plot import ledger_figure, ledger_points
from .numbers import Share, confusion, worst_confusions
from .overlap import overlap, policies_of
from .recall import RecallRow, operation_recall, suite_recall
from .severity import Curve, by_severity, by_strength, severity_figure
from .style import suite_colour
from .sweeps import sweeps_section
from .worst import worst_images

WORST, WORST_OF_OTHERS = 12, 6  # images shown of the clean and the main suite, and of each other one


def all_sections(data: ReportData) -> dict[str, Any]:
    """The page's variables."""
    submission = next(row for row in data.score["rows"] if row["kind"] == "submission")
    suites = list(data.judged)
    main_suite = SHIFTED if SHIFTED in suites else suites[-1]
    return {
        "score": data.score,
        "artifacts": data.artifacts,
        "submission": submission,
        "suites": suites,
        "main_suite": main_suite,
        "class_names": data.class_names,
        "kept": any(run.table is not None for run in data.judged.values()),
        "colours": {suite: suite_colour(suite) for suite in suites},
        **_forecast(data),
        **_ledger(data),
        **_suites(data),
        **_gains(data),
        **adaptation_section(data.adaptation),
        **_classes(data, main_suite),
        **_operations(data),
        "calibration": _calibration(data, main_suite),
        "worst": _worst(data, main_suite),
        "sweeps": sweeps_section(data.sweeps),
        **files_section(data),
    }


def _forecast(data: ReportData) -> dict[str, Any]:
    made: dict[str, dict[str, Any]] = data.score.get("forecasts") or {}
    unknown = made.get(UNKNOWN) or next(iter(made.values()), {})
    return {
        "scenarios": [one for name, one in made.items() if ":" not in name] if data.score["forecast"] else [],
        "graded_scenarios": [one for name, one in made.items() if ":" in name],
        "reasons": unknown.get("reasons", []),
    }


def _ledger(data: ReportData) -> dict[str, Any]:
    prints = {suite: str(one["fingerprint"]) for suite, one in data.score["suites"].items()}
    points, not_judged = ledger_points(data.ledger, data.score["sha256"], prints)
    told = "; ".join(f"{one.zip or one.sha256[:8]}: {one.forecast:.3f} and {one.score:.3f}" for one in points[:20])
    alt = f"Forecast and leaderboard score of {len(points)} submissions: {told}."
    return {
        "points": points,
        "not_judged": not_judged,
        "ledger_error": float(np.mean([abs(one.score - one.forecast) for one in points])) if points else None,
        "ledger": {"name": "ledger", "uri": ledger_figure(points), "alt": alt, "caption": ""} if points else None,
    }


def _suites(data: ReportData) -> dict[str, Any]:
    cells = [cell["accuracy"] for row in data.score["rows"] for cell in row["suites"].values()]
    clean = data.judged.get("clean")
    level = None if clean is None else float((clean.predictions == clean.images.labels).mean())
    curves = _curves(data)
    shares = [point.correct / point.n for curve in curves for point in curve.points]
    severities = []
    for curve in curves:
        told = ", ".join(f"severity {one.name} {one.correct / one.n:.3f} of {one.n}" for one in curve.points)
        alt = f"Accuracy on {curve.name} against severity: {told}."
        uri = severity_figure(curve, level)
        severities.append({"name": curve.name, "curve": curve, "uri": uri, "alt": alt, "caption": ""})
    return {
        "suite_scale": Scale(min(cells), max(cells)),
        "severity_scale": Scale(min(shares, default=0.0), max(shares, default=1.0)),
        "severities": severities,
    }


def _curves(data: ReportData) -> list[Curve]:
    right, plain = {}, {}
    for suite, run in data.judged.items():
        right[suite] = run.predictions == run.images.labels
        one_view = [labels for (kind, _), labels in data.answers[suite].items() if kind == "ensemble"]
        if one_view and run.table is not None and len(run.table.views) > 1:
            plain[suite] = one_view[0] == run.images.labels
    weaker = by_strength(plain)
    curves = [
        Curve(family, points, found if len(found := weaker.get(family, [])) == len(points) else None)
        for family, points in by_strength(right).items()
    ]
    for suite, severities in data.severities.items():
        below = by_severity(plain[suite], severities) if suite in plain else None
        curves.append(Curve(suite, by_severity(right[suite], severities), below))
    return curves


def _gains(data: ReportData) -> dict[str, Any]:
    items, missing = [], []
    tta, ensemble = tta_gains(data.judged, data.answers), ensemble_gains(data.judged, data.answers)
    if tta:
        items.append(_gain("TTA, against one view", tta))
    else:
        missing.append("The zip predicts under one view: there is no test-time augmentation to measure.")
    if ensemble:
        item = _gain("Ensemble, against its main member", ensemble)
        items.append(
            item
            | {"caption": f"Both under one view. The main member, that of most weight: {main_member(data.judged)}."}
        )
    else:
        missing.append("The zip has one member: there is no ensemble to measure.")
    return {"gains": items, "gains_absent": missing}


def _gain(name: str, gains: list[Gain]) -> dict[str, Any]:
    told = ", ".join(f"{one.suite} {100 * one.paired.difference:+.1f} ({one.verdict})" for one in gains)
    return {
        "name": name,
        "gains": gains,
        "uri": gain_figure(gains, name),
        "alt": f"{name}, points gained: {told}.",
        "caption": "",
    }


def _classes(data: ReportData, main_suite: str) -> dict[str, Any]:
    rows = [suite_recall(suite, run) for suite, run in data.judged.items()]
    figures = []
    for suite in _first(data, main_suite):
        run = data.judged[suite]
        told = "; ".join(f"{was} taken for {answer}: {n}" for was, answer, n in worst_confusions(run)) or "No mistakes."
        uri = confusion_figure(suite, confusion(run), run.images.class_names)
        alt = f"Confusion matrix, {suite}. Most frequent mistakes: {told}"
        figures.append({"name": suite, "uri": uri, "alt": alt, "caption": told})
    return {"suite_recall": rows, "class_scale": _scale(rows), "confusions": figures}


def _operations(data: ReportData) -> dict[str, Any]:
    policies, unknown = policies_of(data.manifest)
    vocabulary = {str(name) for policy in policies.values() for name in policy["operations"]}
    rows = {suite: operation_recall(data.judged[suite], names) for suite, names in data.operations.items()}
    return {
        "operations": rows,
        "operation_scale": _scale([row for found in rows.values() for row in found]),
        "policies": {str(policy["name"]): policy["operations"] for policy in policies.values()},
        "policies_unknown": unknown,
        "overlaps": {
            suite: overlap(suite, data.judged[suite], names, vocabulary) for suite, names in data.operations.items()
        },
    }


def _calibration(data: ReportData, main_suite: str) -> list[dict[str, Any]]:
    items = []
    for suite in _first(data, main_suite):
        found = calibration(data.judged[suite])
        if found is None:
            continue
        alt = (
            f"Reliability diagram, {suite}: expected calibration error {found.before.error:.3f} before and "
            f"{found.after.error:.3f} after the temperatures."
        )
        uri = reliability_figure(suite, found)
        items.append({"name": suite, "found": found, "uri": uri, "alt": alt, "caption": ""})
    return items


def _worst(data: ReportData, main_suite: str) -> Mapping[str, Any]:
    return {
        suite: worst_images(
            suite,
            data.judged,
            data.operations.get(suite),
            data.severities.get(suite),
            WORST if suite in ("clean", main_suite) else WORST_OF_OTHERS,
        )
        for suite in sorted(_first(data, main_suite), key="clean".__eq__)  # clean ones are the last to learn from
    }


def _first(data: ReportData, main_suite: str) -> list[str]:
    """Suites with the clean and the main one first."""
    return sorted(data.judged, key=lambda suite: (suite != "clean", suite != main_suite))


def _scale(rows: list[RecallRow]) -> Scale:
    """From the lowest recall, a class of few images left aside, to the highest."""
    shares: list[Share] = [share for row in rows for share in (row.all, *row.classes) if share.n >= 5]
    values = [share.correct / share.n for share in shares]
    return Scale(min(values, default=0.0), max(values, default=1.0))
