"""A competition bundle (competition.yaml, version 2), as far as running a submission needs it."""

import reprlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from submission.kit.errors import KitError

from .unpack import unpack

T = TypeVar("T")
_FILE = "competition.yaml"
_PROGRAMS = ("ingestion_program", "scoring_program", "input_data", "reference_data")


@dataclass(frozen=True)
class Column:
    """A leaderboard column. computation: how it is made from the columns with `computation_indexes`, or None."""

    index: int
    key: str
    title: str
    computation: str | None
    computation_indexes: list[int]


@dataclass(frozen=True)
class Task:
    """paths: ingestion_program, scoring_program, input_data, reference_data -> folder or zip in the bundle."""

    index: int
    name: str
    paths: dict[str, Path]


@dataclass(frozen=True)
class Phase:
    """tasks: their indexes. limit_s: the phase's execution_time_limit, or None."""

    index: int
    name: str
    tasks: list[int]
    limit_s: float | None


@dataclass(frozen=True)
class Competition:
    """phases in their order, whose positions are their numbers; solutions: number -> folder or zip."""

    title: str
    docker_image: str
    phases: list[Phase]
    tasks: dict[int, Task]
    columns: list[Column]
    solutions: dict[int, Path]


def open_competition(bundle: str | Path, folder: Path) -> Competition:
    """Read a bundle.

    Args:
        bundle: a zip, or a folder with the same contents.
        folder: new; a zip is unpacked into it.

    Raises:
        KitError: no bundle, or one that the platform would refuse, or that needs what is only on the server.
    """
    bundle = Path(bundle)
    if not bundle.exists():
        raise KitError(f"expected a competition bundle at {bundle}, which does not exist.")
    home = bundle
    if not bundle.is_dir():
        try:
            unpack(bundle, folder)
        except KitError as error:
            raise KitError(f"{bundle}: {error}") from None
        home = folder
    where = f"{bundle.name}, {_FILE}"
    found = _Node(_load(home, bundle), where)
    version = found.get("version", None)
    if version not in (2, "2"):
        raise KitError(f"{where}: expected version 2. Received: version={version!r}; older bundles have another form.")
    tasks = {task.index: task for task in (_task(node, home) for node in found.nodes("tasks"))}
    phases = sorted(found.nodes("phases"), key=lambda node: node.number("index", 0))
    boards = found.nodes("leaderboards")
    competition = Competition(
        found.text("title", ""),
        found.text("docker_image", "codalab/codalab-legacy:py37"),
        [_phase(node, index, tasks) for index, node in enumerate(phases)],
        tasks,
        _columns(boards[0]) if boards else [],
        _solutions(found, home),
    )
    for what in ("phases", "columns"):
        if not getattr(competition, what):
            raise KitError(f"{where}: expected at least one of {what}. Received: none.")
    return competition


def materialise(path: Path, folder: Path) -> Path:
    """What the platform hands to a container: a folder's contents, or a zip's.

    Raises:
        KitError: neither folder nor readable zip.
    """
    if path.is_dir():
        shutil.copytree(path, folder, ignore=shutil.ignore_patterns("__pycache__"))
        return folder
    try:
        unpack(path, folder)
    except KitError as error:
        raise KitError(f"{path.name} in the bundle: expected a folder or a zip. {error}") from None
    return folder


def _load(home: Path, bundle: Path) -> Any:
    path = home / _FILE
    if not path.is_file():
        deeper = sorted(str(one.relative_to(home)) for one in home.glob(f"*/{_FILE}"))
        fix = f" Pack it again from inside {Path(deeper[0]).parent}." if deeper else ""
        raise KitError(f"{bundle}: expected {_FILE} at the root. Received: {', '.join(deeper) or 'none'}.{fix}")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except Exception as error:  # every constructor of PyYAML raises its own: IndexError for `!!int`
        raise KitError(f"{bundle.name}, {_FILE}: expected YAML. Received: {str(error)[:300]}") from None


class _Node:
    """A mapping of the file, read with what is expected where."""

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

    def nodes(self, key: str) -> list["_Node"]:
        values = self._list(key, "a list", lambda one: True)
        return [_Node(value, f"{self.where}, {key} {number}") for number, value in enumerate(values)]

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


def _task(node: _Node, home: Path) -> Task:
    if node.has("key"):
        raise KitError(
            f"{node.where}: expected its programs and data in the bundle. Received: key={node.get('key', None)!r}, a "
            "task that only the server has. Download the competition with its tasks (dumps) instead."
        )
    if not node.has("scoring_program"):
        raise KitError(f"{node.where}: expected a scoring_program. Received: none.")
    paths = {name: node.path(name, home) for name in _PROGRAMS if node.has(name)}
    return Task(node.number("index"), node.text("name", ""), paths)


def _phase(node: _Node, index: int, tasks: dict[int, Task]) -> Phase:
    wanted = node.numbers("tasks")
    missing = [one for one in wanted if one not in tasks]
    if missing or not wanted:
        raise KitError(
            f"{node.where}: expected tasks among {sorted(tasks)}. Received: {reprlib.repr(wanted)}; "
            "`tasks` is a list of task indexes."
        )
    return Phase(index, node.text("name", ""), wanted, node.seconds("execution_time_limit"))


def _columns(board: _Node) -> list[Column]:
    columns = [
        Column(
            node.number("index", number),
            node.text("key"),
            node.text("title", node.text("key")),
            node.text("computation", "") or None,
            node.numbers("computation_indexes"),
        )
        for number, node in enumerate(board.nodes("columns"))
    ]
    return sorted(columns, key=lambda column: column.index)


def _solutions(found: _Node, home: Path) -> dict[int, Path]:
    nodes = [node for node in found.nodes("solutions") if node.has("path")]
    return {node.number("index"): node.path("path", home) for node in nodes}
