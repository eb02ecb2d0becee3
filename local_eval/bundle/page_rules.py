"""Rules for the contest as a whole: title, picture, terms, pages, switches, questions, solutions."""

from collections.abc import Mapping
from typing import Any

from .bundle_file import BundleFile
from .fields import boolean, choice, entries, text
from .problem import Findings, shown
from .references import find, read_text

_SWITCHES = (
    "registration_auto_approve",
    "enable_detailed_results",
    "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard",
    "auto_run_submissions",
    "can_participants_make_submissions_public",
    "make_programs_available",
    "make_input_data_available",
    "forum_enabled",
)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF")
_QUESTION = {"key", "type", "title", "selection", "is_required", "is_on_leaderboard"}


def check_pages(given: Mapping[Any, Any], bundle: BundleFile, findings: Findings) -> None:
    """Check all fields but tasks, phases and leaderboards."""
    text(given, "title", "", findings, 256)
    text(given, "docker_image", "", findings, 128, required="docker_image" in given)
    for key in ("reward", "contact_email"):
        text(given, key, "", findings, 256, required=False)
    choice(given, "competition_type", "", findings, ("competition", "benchmark"))
    for switch in _SWITCHES:
        boolean(given, switch, "", findings)
    _check_image(given, bundle, findings)
    read_text(bundle, given.get("terms"), "terms", findings)
    for n, page in enumerate(entries(given, "pages", findings, empty="notice")):
        text(page, "title", f"pages[{n}].", findings, 255)
        read_text(bundle, page.get("file"), f"pages[{n}].file", findings)
    if given.get("fact_sheet"):
        _check_fact_sheet(given["fact_sheet"], findings)
    if given.get("solutions"):
        for n, solution in enumerate(entries(given, "solutions", findings)):
            if "index" not in solution or not isinstance(solution.get("tasks"), list):
                findings.add("upload", f"solutions[{n}]", "expected index and tasks", "write `tasks: [0]`")
            if "key" not in solution:
                find(bundle, solution.get("path"), f"solutions[{n}].path", findings, key_allowed=True)
    if given.get("queue"):
        findings.add("notice", "queue", f"{shown(given['queue'])} must exist on the platform", "use its vhost")


def _check_image(given: Mapping[Any, Any], bundle: BundleFile, findings: Findings) -> None:
    name = find(bundle, given.get("image"), "image", findings)
    if name is not None and (not bundle.is_file(name) or not bundle.read(name, 64).startswith(_PICTURES)):
        findings.add("upload", "image", f"{shown(name)} is no picture", "name a PNG, JPEG, GIF or WebP file")


def _check_fact_sheet(value: object, findings: Findings) -> None:
    questions = value.items() if isinstance(value, dict) else [(shown(value), None)]
    for key, question in questions:
        if not isinstance(question, dict) or set(question) != _QUESTION or question["key"] != key:
            findings.add(
                "upload",
                f"fact_sheet.{shown(key)}",
                f"expected key (the same), {', '.join(sorted(_QUESTION - {'key'}))}. Received: {shown(question)}",
                "write them all, or leave the fact sheet out",
            )
        else:
            choice(question, "type", f"fact_sheet.{shown(key)}.", findings, ("checkbox", "text", "select"))
