"""Rules for tasks: programs that start, data that unpack, labels that stay with the scorer."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from .bundle_file import BundleFile
from .fields import boolean, entries, text
from .problem import Findings, shown
from .references import find
from .safe_yaml import load_mapping

_PROGRAMS = ("ingestion_program", "scoring_program")
_LABELS = re.compile(r"(^|[_.-])(labels?|solutions?|truth|answers?)([_.-]|$)", re.IGNORECASE)
_PROGRAM_PATH = re.compile(r"(?:/app/program|\$(?:ingestion_)?program)/([^\s'\";|&]+)")


def check_tasks(given: Mapping[Any, Any], bundle: BundleFile, findings: Findings) -> list[Any] | None:
    """Check `tasks`; returns their indexes, or None where those are not sound."""
    indexes: list[Any] = []
    tasks = entries(given, "tasks", findings, empty="run")
    sound = bool(tasks) or given.get("tasks") in ([], {}, "")
    for n, task in enumerate(tasks):
        where = f"tasks[{n}]."
        index = task.get("index")
        if isinstance(index, (dict, list)) or "index" not in task:
            findings.add(
                "upload", f"{where}index", f"expected a number. Received: {shown(index)}", f"write `index: {n}`"
            )
            sound = False
        elif index in indexes:
            findings.add("upload", f"{where}index", f"{shown(index)} is there twice", f"write `index: {n}`")
            sound = False
        else:
            indexes.append(index)
        if "key" in task:
            findings.add(
                "notice", f"{where}key", "a task on the platform; the rest is ignored", "make sure that it exists"
            )
            continue
        text(task, "name", where, findings, 256)
        _check_parts(task, bundle, where, findings)
    return indexes if sound else None


def _check_parts(task: Mapping[Any, Any], bundle: BundleFile, where: str, findings: Findings) -> None:
    if "scoring_program" not in task:
        findings.add(
            "upload", f"{where}scoring_program", "a task needs one", "write `scoring_program: scoring_program/`"
        )
    for part in (*_PROGRAMS, "input_data", "reference_data"):
        if part not in task:
            continue
        name = find(bundle, task[part], f"{where}{part}", findings, key_allowed=True)
        files = None if name is None else opened(bundle, name, f"{where}{part}", findings)
        if files is None:
            continue
        if part in _PROGRAMS:
            _check_program(*files, f"{where}{part}", findings)
        labels = [one for one in files[0].below(files[1]) if _LABELS.search(posixpath.basename(one))]
        if part == "input_data" and labels:
            findings.add(
                "run",
                f"{where}{part}",
                f"submissions could read {shown(labels)}",
                "put labels into reference_data, which only the scoring program sees",
            )
    if boolean(task, "ingestion_only_during_scoring", where, findings):
        findings.add(
            "run",
            f"{where}ingestion_only_during_scoring",
            "submissions would run where the labels are",
            "leave it out: predictions first, then scoring",
        )


def opened(bundle: BundleFile, name: str, where: str, findings: Findings) -> tuple[BundleFile, str] | None:
    """Where the contents of a folder or a ready-made zip are: files, and the folder in them."""
    if bundle.is_folder(name):
        if not bundle.below(name):
            findings.add("run", where, f"{shown(name)} is empty", "put its files in")
            return None
        return bundle, name
    inner = bundle.open_zip(name)
    if inner is None or not inner.below(""):
        findings.add("run", where, f"{shown(name)} is no zip, or an empty one", "name a folder or a zip with contents")
        return None
    return inner, ""


def _check_program(files: BundleFile, folder: str, where: str, findings: Findings) -> None:
    names = files.below(folder)
    metadata = next((name for name in ("metadata.yaml", "metadata") if name in names), None)
    if metadata is None:
        tops = {name.split("/", 1)[0] for name in names if "/" in name}
        nested = [top for top in tops if {f"{top}/metadata.yaml", f"{top}/metadata"}.intersection(names)]
        received = f"one in the folder {shown(nested[0])}" if nested else "none"
        findings.add(
            "run", where, f"expected metadata.yaml at its root. Received: {received}", "put it at the program's root"
        )
        return
    path = f"{folder}/{metadata}" if folder else metadata
    inside = Findings()
    value = load_mapping(files.read(path), f"{where}/{metadata}", inside)
    for problem in inside.problems:
        findings.add("run" if problem.breaks else "notice", problem.where, problem.message, problem.fix)
    if value is None:
        return
    command = value.get("command")
    if not isinstance(command, str) or not command.strip():
        findings.add(
            "run",
            f"{where}/{metadata}",
            f"expected a command. Received: {shown(command)}",
            "write `command: python /app/program/NAME.py ...`",
        )
        return
    for named in _PROGRAM_PATH.findall(command):
        if posixpath.normpath(named) not in names:
            findings.add("run", f"{where}/{metadata}", f"{shown(named)} is not in the program", "mend the command")
