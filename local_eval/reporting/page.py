"""The report's page: HTML text that loads nothing."""

import re
from pathlib import Path
from typing import Any

import jinja2

from ..scoring_program.results_page import SORT_SCRIPT
from .data import ReportData
from .heat import heat_css
from .sections import all_sections

SECTIONS = {
    "forecast": "Forecast",
    "suites": "Suites and members",
    "gains": "TTA and ensemble",
    "adaptation": "Adaptation",
    "classes": "Classes",
    "operations": "Shift operations",
    "calibration": "Calibration",
    "worst": "Worst images",
    "ledger": "Leaderboard",
    "members": "Members and weights",
    "sweeps": "Sweeps",
    "training": "Training",
    "cleaning": "Cleaning",
    "run": "Platform run",
    "versions": "Versions and files",
}


def render(data: ReportData) -> str:
    """The report as HTML text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": _cell, "breakable": _breakable}
    absent = {"sweeps": not data.sweeps, "adaptation": data.adaptation is None}  # few contests have any
    sections = [(key, name) for key, name in SECTIONS.items() if not absent.get(key)]
    context = {"sections": sections, "script": SORT_SCRIPT, "heat_css": heat_css()}
    return environment.get_template("report/page.html.j2").render(context | all_sections(data))


def _breakable(text: str) -> str:
    """Words that a column has no room for may break after a sign in them, long parts at a soft hyphen."""
    text = re.sub(r"[^\s-]{16,}", lambda word: re.sub(r"([_=/]+)", "\\1\u200b", word[0]), text)
    return re.sub(r"[^\s\u200b-]{16,}", lambda part: "\u00ad".join(re.findall(r".{1,10}", part[0])), text)


def _cell(value: Any) -> str:
    """A value in a table: four decimals, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)
