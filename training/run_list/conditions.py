"""Conditions on runs, such as recipe=small_cnn, 'epochs>10' or 'run~f0'."""

import json
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from submission.kit.errors import KitError

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "~": lambda value, part: part in value,
}
_FORM = re.compile(r"([A-Za-z_][\w.-]*)\s*(!=|>=|<=|=|>|<|~)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """A name, a sign and a value of JSON or text."""

    name: str
    sign: str
    value: Any

    def holds(self, row: dict[str, Any]) -> bool:
        """Whether a run's value is so; one that it has not, or of another kind, never is but with `!=`."""
        if self.name not in row:
            return self.sign == "!="
        value, wanted = row[self.name], self.value
        if self.sign == "~":
            value, wanted = str(value), str(wanted)
        elif isinstance(value, str) and not isinstance(wanted, str):
            wanted = json.dumps(wanted)  # a recipe may be called 12
        try:
            return bool(_SIGNS[self.sign](list(value) if isinstance(value, tuple) else value, wanted))
        except TypeError:
            return False


def parse_conditions(texts: Sequence[str]) -> list[Condition]:
    """Conditions of a command line.

    Raises:
        KitError: one is none.
    """
    found = []
    for text in texts:
        match = _FORM.fullmatch(text)
        if not match:
            raise KitError(f"--where takes NAME=VALUE, with =, !=, <, <=, >, >= or ~ (contains). Received: {text!r}.")
        name, sign, value = match.groups()
        try:
            wanted = json.loads(value)
        except ValueError:
            wanted = value.strip()
        found.append(Condition(name, sign, wanted))
    return found
