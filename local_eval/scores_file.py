"""The scores that a scoring program left, by the platform's rules."""

import json
import math
import re
from pathlib import Path

from submission.kit.errors import KitError

_TOO_LARGE = 1e10  # the platform stores Decimal(20, 10)


def read_scores(output_dir: Path) -> dict[str, float]:
    """Read scores.json, else scores.txt (`key: value` lines).

    Stricter than the platform, which says Finished with n/a for a value that it cannot store.

    Raises:
        KitError: no file, unreadable, no scores, or a value that is not a finite number below 1e10.
    """
    as_json, as_text = output_dir / "scores.json", output_dir / "scores.txt"
    if as_json.is_file():
        values = _read_json(as_json)
    elif as_text.is_file():
        values = _read_text(as_text)
    else:
        raise KitError("Could not find scores file, did the scoring program output it?")
    wrong = {key: value for key, value in values.items() if not _storable(value)}
    if wrong or not values:
        raise KitError(f"expected one or more scores, finite numbers below 1e10. Received: {wrong or 'none'}.")
    return {key: float(value) for key, value in values.items()}


def _storable(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) < _TOO_LARGE  # type: ignore[arg-type, operator]


def _read_json(path: Path) -> dict[str, float]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise KitError(f"Could not decode scores json properly, it contains an error: {error}.") from None
    if not isinstance(values, dict):
        raise KitError(f"expected an object in scores.json. Received: {type(values).__name__}.")
    return values


def _read_text(path: Path) -> dict[str, float]:
    values: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"""["']?([^:"']+?)["']?\s*:\s+(\S+)\s*""", line)
        if not match:
            raise KitError(f"expected `key: value` with a space in scores.txt. Received: {line[:80]!r}.")
        try:
            values[match[1]] = float(match[2])
        except ValueError:
            raise KitError(f"expected a number in scores.txt. Received: {line[:80]!r}.") from None
    return values
