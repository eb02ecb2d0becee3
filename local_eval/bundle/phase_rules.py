"""Rules for phases: dates, order, limits, tasks."""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dateutil import parser, tz

from .bundle_file import BundleFile
from .fields import boolean, entries, text, whole
from .problem import Findings, shown
from .references import find

_FIX_DATE = 'write it in UTC as "YYYY-MM-DD HH:MM:SS", with the quotes'
_AMBIGUOUS = re.compile(r"(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.]\d{2,4}\b")


def check_phases(given: Mapping[Any, Any], tasks: Sequence[Any] | None, bundle: BundleFile, findings: Findings) -> None:
    """Check `phases`, in the order that the platform would put them; `tasks` are the known indexes, if they are."""
    phases = entries(given, "phases", findings)
    numbered = [(n, phase) for n, phase in enumerate(phases)]
    if len(phases) > 1:
        odd = [n for n, phase in numbered if not isinstance(phase.get("index", 0), (int, float))]
        for n in odd:
            findings.add(
                "upload",
                f"phases[{n}].index",
                f"expected a number. Received: {shown(phases[n]['index'])}",
                f"write `index: {n}`",
            )
        if not odd:
            numbered.sort(key=lambda one: one[1].get("index", 0))
    before: datetime.datetime | None = None
    for place, (n, phase) in enumerate(numbered):
        where, last = f"phases[{n}].", place == len(numbered) - 1
        start = _date(phase, "start", where, findings, required=True)
        end = _date(phase, "end", where, findings, required=not last)
        if start is not None and before is not None and start <= before:
            findings.add(
                "upload",
                f"{where}start",
                f"expected a start after the end of the phase before, {before}. Received: {start}",
                "start it at least a second later",
            )
        if start is not None and end is not None and end <= start:
            findings.add("run", f"{where}end", f"expected an end after {start}. Received: {end}", "mend the dates")
        before = end
        _check_fields(phase, where, findings, first=place == 0)
        _check_tasks(phase, where, tasks, findings)
        for part in ("starting_kit", "public_data"):
            if part in phase:
                find(bundle, phase[part], f"{where}{part}", findings, key_allowed=True)


def _check_fields(phase: Mapping[Any, Any], where: str, findings: Findings, first: bool) -> None:
    text(phase, "name", where, findings, 256)
    if phase.get("execution_time_limit"):
        limit = whole(phase, "execution_time_limit", where, findings)
        if limit is not None and limit > 600:
            findings.add(
                "notice",
                f"{where}execution_time_limit",
                f"the public queue stops at 600 s, not {limit}",
                "use your queue",
            )
    if "execution_time_limit_ms" in phase:
        findings.add("notice", f"{where}execution_time_limit_ms", "ignored", "write `execution_time_limit:` in seconds")
    for key in ("max_submissions_per_day", "max_submissions"):
        whole(phase, key, where, findings)
    if "max_submissions_per_person" in phase and "max_submissions" not in phase:
        findings.add("notice", f"{where}max_submissions_per_person", "ignored: 100 holds", "write `max_submissions:`")
    for key in ("hide_output", "hide_prediction_output", "hide_score_output"):
        boolean(phase, key, where, findings)
    if boolean(phase, "auto_migrate_to_this_phase", where, findings) and first:
        findings.add(
            "upload", f"{where}auto_migrate_to_this_phase", "the first phase has none before it", "leave it out"
        )


def _check_tasks(phase: Mapping[Any, Any], where: str, tasks: Sequence[Any] | None, findings: Findings) -> None:
    named = phase.get("tasks")
    if not isinstance(named, list) or not named:
        stage = "run" if named in ([], {}, "") else "upload"
        findings.add(
            stage, f"{where}tasks", f"expected indexes of tasks. Received: {shown(named)}", "write `tasks: [0]`"
        )
        return
    for index in named if tasks is not None else ():
        if isinstance(index, (dict, list)) or index not in (tasks or ()):
            findings.add(
                "upload",
                f"{where}tasks",
                f"expected indexes out of {shown(list(tasks or ()))}. Received: {shown(index)}",
                "name a task's index",
            )


def _date(
    phase: Mapping[Any, Any], key: str, where: str, findings: Findings, required: bool
) -> datetime.datetime | None:
    """The moment that the platform makes of a field (unpackers/utils.py, `get_datetime`), without zone."""
    value, field = phase.get(key), f"{where}{key}"
    if not value:
        if required:
            findings.add("upload", field, "a date is missing: only the last phase may be without end", _FIX_DATE)
        return None
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time() or value.tzinfo:
            findings.add("notice", field, f"unquoted, so its time of day is lost: {value.date()} 00:00:00", _FIX_DATE)
        return datetime.datetime.combine(value, datetime.time())
    if isinstance(value, datetime.date):
        return datetime.datetime.combine(value, datetime.time())
    try:
        moment = parser.parse(value)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error)[:120]
        findings.add("upload", field, f"expected a date. Received: {shown(value)} ({reason})", _FIX_DATE)
        return None
    if moment.tzinfo not in (None, tz.UTC):  # utcoffset() raises for an offset of a day or more
        findings.add("notice", field, f"its offset from UTC is dropped: {shown(value)}", _FIX_DATE)
    if _AMBIGUOUS.match(value.strip()):
        findings.add("notice", field, f"{shown(value)} is read as month, day, year: {moment.date()}", _FIX_DATE)
    return moment.replace(tzinfo=None)
