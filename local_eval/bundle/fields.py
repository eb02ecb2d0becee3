"""Checks of single fields, as the platform's serializers make them.

Source: Django REST framework's CharField, IntegerField, BooleanField and ChoiceField, with the limits of
codalab/codabench's models (competitions, leaderboards, tasks; v1.25).
"""

from collections.abc import Collection, Mapping
from typing import Any

from .problem import Findings, shown

_TRUE = {"t", "y", "yes", "true", "on", "1", "T", "Y", "YES", "Yes", "TRUE", "True", "On", "ON"}
_FALSE = {"f", "n", "no", "false", "off", "0", "F", "N", "NO", "No", "FALSE", "False", "Off", "OFF"}
_MOST = 2**31 - 1


def text(
    given: Mapping[Any, Any], key: str, where: str, findings: Findings, most: int, required: bool = True
) -> str | None:
    """A text of at most `most` characters that is not blank; where it may be left out, null will do."""
    value = given.get(key)
    if value is None and not required:
        return None
    wrong = f"expected a text of 1 to {most} characters. Received: {shown(value) if key in given else 'nothing'}"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or "\0" in (written := _written(value)):
        findings.add("upload", f"{where}{key}", wrong, f'write `{key}: "..."`')
        return None
    if not written.strip() or len(written.strip()) > most:
        findings.add("upload", f"{where}{key}", f"{wrong} ({len(written.strip())} characters)", "shorten or fill it in")
        return None
    return written.strip()


def whole(
    given: Mapping[Any, Any], key: str, where: str, findings: Findings, required: bool = False, low: int = 0
) -> int | None:
    """A whole number from `low` to 2147483647."""
    value = given.get(key)
    if value is None and not required:
        return None
    try:
        number = int(_written(value).removesuffix(".0")) if not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not low <= number <= _MOST:
        received = shown(value) if key in given else "nothing"
        findings.add(
            "upload",
            f"{where}{key}",
            f"expected a whole number of at least {low}. Received: {received}",
            f"write `{key}: {max(low, 1)}`",
        )
        return None
    return number


def boolean(given: Mapping[Any, Any], key: str, where: str, findings: Findings) -> bool | None:
    """True or false, or left out; null is refused."""
    if key not in given:
        return None
    value = given[key]
    if isinstance(value, bool):
        return value
    written = _written(value).removesuffix(".0") if isinstance(value, (str, int, float)) else ""
    if written not in _TRUE | _FALSE:
        findings.add(
            "upload", f"{where}{key}", f"expected true or false. Received: {shown(value)}", f"write `{key}: true`"
        )
        return None
    return written in _TRUE


def choice(
    given: Mapping[Any, Any],
    key: str,
    where: str,
    findings: Findings,
    choices: Collection[str],
    null: bool = False,
) -> None:
    """One of the choices, or left out."""
    if key not in given or (null and given[key] in (None, "")):
        return
    if not isinstance(given[key], str) or given[key] not in choices:
        findings.add(
            "upload",
            f"{where}{key}",
            f"expected one of {', '.join(choices)}. Received: {shown(given[key])}",
            f"write `{key}: {next(iter(choices))}`",
        )


def entries(
    given: Mapping[Any, Any], key: str, findings: Findings, where: str = "", empty: str = "upload"
) -> list[dict[Any, Any]]:
    """The mappings of a list; tells where it is none or holds something else; `empty` is the stage of an empty one."""
    value, fix = given.get(key), f"write `{key}:` and its entries as `- name: value` lines"
    if not isinstance(value, list) or not value:
        received = shown(value) if key in given else "nothing"
        stage = empty if value in ([], {}, "") else "upload"
        findings.add(stage, f"{where}{key}", f"expected a list with at least one entry. Received: {received}", fix)
        return []
    for n, entry in enumerate(value):
        if not isinstance(entry, dict):
            findings.add("upload", f"{where}{key}[{n}]", f"expected `key: value` lines. Received: {shown(entry)}", fix)
    return value if all(isinstance(entry, dict) for entry in value) else []


def _written(value: object) -> str:
    """`str(value)`; a number too long for that is a number that no field takes."""
    try:
        return str(value)
    except ValueError:
        return "9" * 1000
