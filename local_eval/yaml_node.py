"""A mapping of a YAML file, read with what is expected where."""

import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

_TRUE = ("t", "true", "y", "yes", "on", "1")  # what the platform's serializer takes for it, in any case


class Node:
    """A mapping, read with what is expected where. Every method raises KitError for what does not fit."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise KitError(f"{where}: expected `key: value` pairs. Received: {reprlib.repr(value)}.")
        self._value, self.where = value, where

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def get(self, key: str, default: Any) -> Any:
        value = self._value.get(key)
        return default if value is None else value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key, default)
        if isinstance(value, (dict, list)) or value is None:
            raise self._wrong(key, "text", value)
        return str(value)

    def number(self, key: str, default: int | None = None) -> int:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number", value)
        return value

    def seconds(self, key: str) -> float | None:
        value = self.get(key, None)
        if value is None or value == 0:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
            raise self._wrong(key, "seconds", value)
        return float(value)

    def numbers(self, key: str) -> list[int]:
        return self._list(key, "whole numbers", lambda one: isinstance(one, int) and not isinstance(one, bool))

    def nodes(self, key: str) -> list["Node"]:
        values = self._list(key, "a list", lambda one: True)
        return [Node(value, f"{self.where}, {key} {number}") for number, value in enumerate(values)]

    def flag(self, key: str) -> bool:
        return str(self.get(key, False)).lower() in _TRUE

    def node(self, key: str) -> "Node":
        return Node(self.get(key, None), f"{self.where}, {key}")

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def entries(self) -> dict[str, "Node"]:
        """The mappings in this mapping by their keys, in the file's order."""
        return {str(key): Node(value, f"{self.where} {key}") for key, value in self._value.items()}

    def path(self, key: str, home: Path) -> Path:
        text = self.text(key)
        try:
            path = (home / text).resolve()
            found = path.is_relative_to(home.resolve()) and path.exists()
        except (OSError, ValueError):
            found = False
        if not found:
            raise self._wrong(key, "a folder or a zip of the bundle", text)
        return path

    def _list(self, key: str, what: str, fits: Callable[[Any], bool]) -> list[Any]:
        values = self.get(key, [])
        if not isinstance(values, list) or not all(fits(one) for one in values):
            raise self._wrong(key, what, values)
        return values

    def _wrong(self, key: str, expected: str, value: object) -> KitError:
        return KitError(f"{self.where}: expected {expected} for {key!r}. Received: {reprlib.repr(value)}.")
