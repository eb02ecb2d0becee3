"""A bundle of CodaLab's old form (version 1 or 1.5), which Codabench takes too, said in the words of version 2.

Source: codalab/codabench, src/apps/competitions, tasks.py (`unpack_competition`) and unpackers/v1.py at commit 02694da.
"""

from typing import Any

from submission.kit.errors import KitError

from .yaml_node import Node

LEGACY_VERSIONS = ("1", "1.5")
"""What the platform reads as the old form; a file that names no version is of version 1."""

_PARTS = ("ingestion_program", "scoring_program", "input_data", "reference_data")


def in_version_2(found: Node) -> Node:
    """The same competition as a mapping of version 2: phases with a task each, tasks, leaderboards, no solutions.

    Raises:
        KitError: the platform would refuse it, or its form is wrong.
    """
    _check_pages(found)
    phases = _phases(found)
    value: dict[str, Any] = {
        "title": found.text("title", ""),
        "docker_image": found.text("competition_docker_image", "") or None,
        "phases": [
            {
                "index": index,
                "name": phase.text("label"),
                "tasks": [index],
                "execution_time_limit": phase.seconds("execution_time_limit"),
            }
            for index, phase in enumerate(phases)
        ],
        "tasks": [_task(phase, index) for index, phase in enumerate(phases)],
        "leaderboards": _leaderboards(found),
        "enable_detailed_results": found.get("enable_detailed_results", False),
    }
    return Node(value, found.where)


def _check_pages(found: Node) -> None:
    if not found.has("html"):
        raise KitError(
            f"{found.where}: expected version 2, or the old form with its pages in `html`. Received: neither. The "
            "platform refuses it: HTML pages could not be found in the yaml file."
        )
    if "terms" not in found.node("html"):
        raise KitError(
            f"{found.where}, html: expected `terms` among the pages. Received: none. The platform refuses it: A file "
            "containing the terms of the competition could not be located for this competition."
        )


def _phases(found: Node) -> list[Node]:
    """By phasenumber; version 1.8's parent phase, the first one, is none."""
    phases = sorted(found.node("phases").entries().values(), key=lambda phase: phase.number("phasenumber"))
    if any(phase.flag("is_parallel_parent") or phase.has("parent_phasenumber") for phase in phases):
        return phases[1:]
    return phases


def _task(phase: Node, index: int) -> dict[str, Any]:
    task: dict[str, Any] = {part: phase.text(part) for part in _PARTS if phase.has(part)}
    return task | {
        "index": index,
        "name": f"{phase.text('label')} Task",
        "ingestion_only_during_scoring": phase.get("ingestion_program_only_during_scoring", False),
    }


def _leaderboards(found: Node) -> list[dict[str, Any]]:
    """Columns by rank, numbered across all boards, each on the board that has its label."""
    board = found.node("leaderboard")
    labels = {title: one.text("label").lower() for title, one in board.node("leaderboards").entries().items()}
    boards: dict[str, list[dict[str, Any]]] = {title: [] for title in labels}
    columns = sorted(board.node("columns").entries().items(), key=lambda item: item[1].number("rank", 1))
    for index, (name, column) in enumerate(columns):
        key = column.text("title", name)
        own = column.node("leaderboard").text("label").lower()
        for title, label in labels.items():
            if own == label:
                boards[title].append({"index": index, "key": key, "title": column.text("label", key)})
    return [{"title": title, "key": title, "columns": columns} for title, columns in boards.items()]
