"""A competition bundle (competition.yaml), as far as running a submission needs it.

Pages and the picture are not looked at: `python -m local_eval.bundle --check` does that.
"""

import reprlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from submission.kit.errors import KitError

from .legacy_bundle import LEGACY_VERSIONS, in_version_2
from .unpack import unpack
from .yaml_node import Node

_FILE = "competition.yaml"
_DIGITS = 4300  # sys.int_info.default_max_str_digits, where there is one
_LONGEST = 10**_DIGITS
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
    """phases in their order, whose positions are their numbers; solutions: number -> folder or zip; shows_page: whether
    the scoring program's page is kept and shown."""

    title: str
    docker_image: str
    phases: list[Phase]
    tasks: dict[int, Task]
    columns: list[Column]
    solutions: dict[int, Path]
    shows_page: bool


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
    found = Node(_load(home, bundle), where)
    version = found.text("version", "1")
    if version in LEGACY_VERSIONS:
        found = in_version_2(found)
    elif version != "2":
        raise KitError(f"{where}: expected version 2, 1 or 1.5, as the platform takes it. Received: version={version}.")
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
        found.flag("enable_detailed_results"),
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


class _Loader(yaml.SafeLoader):
    """Refuses integers that Python would not write out again."""


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    value = loader.construct_yaml_int(node)
    if abs(value) >= _LONGEST:
        raise ValueError(f"a number of more than {_DIGITS} digits")
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def _load(home: Path, bundle: Path) -> Any:
    path = home / _FILE
    if not path.is_file():
        deeper = sorted(str(one.relative_to(home)) for one in home.glob(f"*/{_FILE}"))
        fix = f" Pack it again from inside {Path(deeper[0]).parent}." if deeper else ""
        raise KitError(f"{bundle}: expected {_FILE} at the root. Received: {', '.join(deeper) or 'none'}.{fix}")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except Exception as error:  # every constructor of PyYAML raises its own: IndexError for `!!int`
        raise KitError(f"{bundle.name}, {_FILE}: expected YAML. Received: {str(error)[:300]}") from None


def _task(node: Node, home: Path) -> Task:
    if node.has("key"):
        raise KitError(
            f"{node.where}: expected its programs and data in the bundle. Received: key={node.get('key', None)!r}, a "
            "task that only the server has. Download the competition with its tasks (dumps) instead."
        )
    if not node.has("scoring_program"):
        raise KitError(f"{node.where}: expected a scoring_program. Received: none.")
    if node.flag("ingestion_only_during_scoring"):
        raise KitError(f"{node.where}: expected ingestion before scoring. Received: ingestion_only_during_scoring.")
    paths = {name: node.path(name, home) for name in _PROGRAMS if node.has(name)}
    return Task(node.number("index"), node.text("name", ""), paths)


def _phase(node: Node, index: int, tasks: dict[int, Task]) -> Phase:
    wanted = node.numbers("tasks")
    missing = [one for one in wanted if one not in tasks]
    if missing or not wanted:
        raise KitError(
            f"{node.where}: expected tasks among {sorted(tasks)}. Received: {reprlib.repr(wanted)}; "
            "`tasks` is a list of task indexes."
        )
    return Phase(index, node.text("name", ""), wanted, node.seconds("execution_time_limit"))


def _columns(board: Node) -> list[Column]:
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


def _solutions(found: Node, home: Path) -> dict[int, Path]:
    nodes = [node for node in found.nodes("solutions") if node.has("path")]
    return {node.number("index"): node.path("path", home) for node in nodes}
