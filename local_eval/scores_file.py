"""The scores that a scoring program left, by the platform's rules."""

import json
import math
import reprlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from submission.kit.errors import KitError

_TOO_LARGE = 1e10  # the platform stores Decimal(20, 10)
_DIGITS = 10
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 100


@dataclass(frozen=True)
class Scores:
    """stored: what the platform keeps, key -> number with ten decimals. ignored: keys that are no column.

    problems: why keys are missing from `stored`, or what only just works; the platform says nothing of them.
    """

    stored: dict[str, float] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_scores(output_dir: Path, columns: Collection[str] | None = None) -> Scores:
    """Read scores.json, else scores.txt (YAML); where there are both, scores.json.

    The worker sends all of it, the server stores key after key and stops at the first value that is no number it can
    hold: the submission stays Finished, and that column and all later ones show n/a.

    Args:
        output_dir: /app/output of the scoring step.
        columns: the leaderboard's keys; None takes every key as one.

    Raises:
        KitError: no file, or scores.json is not JSON: then the submission is Failed. In the platform's words.
    """
    as_json, as_text = output_dir / "scores.json", output_dir / "scores.txt"
    if as_json.exists():
        values, problem = _read_json(as_json)
    elif as_text.exists():
        values, problem = _read_yaml(as_text)
    else:
        raise KitError("Could not find scores file, did the scoring program output it?")
    if problem:
        return Scores(problems=[problem])
    if not isinstance(values, dict):
        return Scores(problems=[f"expected `key: value` pairs. Received: {_REPR.repr(values)}"])
    return _store(values, columns)


def _store(values: dict[Any, Any], columns: Collection[str] | None) -> Scores:
    scores = Scores(ignored=[str(key) for key in values if columns is not None and key not in columns])
    if any(_not_finite(value) for value in values.values()):  # the worker's own JSON encoder refuses the lot
        wrong = {str(key): value for key, value in values.items() if _not_finite(value)}
        scores.problems.append(f"expected finite numbers. Received: {_REPR.repr(wrong)}; then no score arrives at all")
        return scores
    for key, value in values.items():
        if columns is not None and key not in columns:
            continue
        number = _number(value)
        if number is None:
            lost = [str(other) for other in list(values)[list(values).index(key) :] if str(other) not in scores.ignored]
            scores.problems.append(
                f"expected finite numbers below 1e10. Received: {_REPR.repr({str(key): value})}; "
                f"no score is stored for {', '.join(lost)}"
            )
            break
        scores.stored[str(key)] = round(number, _DIGITS)
        if isinstance(value, (str, bool)):
            scores.problems.append(f"expected finite numbers below 1e10. Received: {_REPR.repr({str(key): value})}")
    if not values:
        scores.problems.append("expected one or more scores. Received: none")
    return scores


def _number(value: object) -> float | None:
    """As Python's Decimal and a column of twenty digits take it; None for what they refuse."""
    if not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(round(number, _DIGITS)) < _TOO_LARGE else None


def _not_finite(value: object) -> bool:
    """Whether there is NaN or infinity anywhere in it; YAML values may contain themselves."""
    seen: set[int] = set()
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, float) and not math.isfinite(one):
            return True
        if isinstance(one, (dict, list)) and id(one) not in seen:
            seen.add(id(one))
            left += one.values() if isinstance(one, dict) else one
    return False


def _read_json(path: Path) -> tuple[Any, str]:
    """Parsed, and why the worker dies of it without saying so."""
    try:
        return json.loads(path.read_text(encoding="utf-8")), ""
    except json.JSONDecodeError as error:
        raise KitError(f"Could not decode scores json properly, it contains an error: {error}.") from None
    except (OSError, RecursionError, ValueError) as error:
        return None, f"expected JSON in scores.json. Received: {error}"


def _read_yaml(path: Path) -> tuple[Any, str]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")), ""
    except Exception as error:  # every constructor of PyYAML raises its own: IndexError for `!!int`
        return None, f"expected YAML in scores.txt, `key: value` lines. Received: {str(error)[:200]}"
