"""A stand-in for Codabench's unpacker of bundles, written after its rules: it stops at the first thing it refuses.

Followed, not copied: codalab/codabench, src/apps/competitions/tasks.py (`unpack_competition`), unpackers/v2.py at
commit 8239d01, base_unpacker.py at c7aeccf, utils.py at 4160992, leaderboards/models.py at f9aad79, and the
serializers' checks as Django REST framework makes them. It shares nothing with local_eval.bundle.check, which it is
held against.
"""

import datetime
import itertools
import shutil
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from dateutil.parser import parse

PARTS = ("ingestion_program", "input_data", "scoring_program", "reference_data")
NOW = datetime.datetime(2026, 6, 1)
BOOLEAN_FIELDS = (
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
RULES = ("Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best")


class RefusedError(Exception):
    """The platform would say that creating the competition failed."""


@dataclass
class Created:
    """What the platform would keep: competition.yaml, and by task index the zips of programs and data."""

    yaml: dict
    tasks: dict
    phases: list


def unpack_bundle(path: Path, folder: Path) -> Created:
    """Unpack and check as the platform does.

    Args:
        path: the bundle.
        folder: new; stands for the platform's temporary directory.

    Raises:
        RefusedError: whatever went wrong there, handled or not: to the organiser it is the same.
    """
    home = folder / "unpacked"
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(home)
        given = yaml.safe_load((home / "competition.yaml").read_text(encoding="utf-8"))
        if str(given.get("version", "1")) != "2":
            raise RefusedError("no such version")
        pages(given, home)
        tasks = task_table(given)
        for one in given.get("solutions") or []:
            if not all(index in tasks for index in one["tasks"]) or "index" not in one:
                raise RefusedError("solution")
        if not (home / given["terms"]).read_text(encoding="utf-8"):
            raise RefusedError("terms")
        picture(home / given["image"])
        phases = phase_table(given)
        boards = given["leaderboards"]
        stored = {index: store(task, home) for index, task in tasks.items()}
        for board in boards:
            check_board(board)
        boards[0]
        for phase in phases:
            [tasks[index] for index in phase["tasks"]]
            check_phase(phase, home)
        check_competition(given, phases)
    except RefusedError:
        raise
    except Exception as error:  # the platform's task ends with "Unpacking the bundle failed" on any other error
        raise RefusedError(f"{type(error).__name__}: {error}") from None
    return Created(given, stored, phases)


def pages(given, home):
    for page in given.get("pages"):
        if not (home / page["file"]).read_text(encoding="utf-8"):
            raise RefusedError("empty page")
        char(page.get("title"), 255)


def task_table(given):
    table = {}
    for task in given["tasks"]:
        if "index" not in task or task["index"] in table:
            raise RefusedError("task index")
        if "key" not in task and "scoring_program" not in task:
            raise RefusedError("no scoring program")
        table[task["index"]] = task
    return table


def store(task, home):
    """The task's zips; a folder is packed with its contents at the root, as `zip_if_directory` does."""
    if "key" in task:
        raise RefusedError("no such task on this platform")
    char(task.get("name"), 256)
    boolean(task.get("ingestion_only_during_scoring", False))
    return {part: dataset(task[part], home) for part in PARTS if part in task}


def dataset(name, home):
    path = home / name
    if not path.exists() or (name.endswith("/") and not path.is_dir()):
        uuid.UUID(name)
        raise RefusedError("no dataset of that key on this platform")
    if not path.is_dir():
        return path
    # the parent's parent of a name with a slash at its end is the folder beside; without, it is one further out
    beside = path.parent if name.endswith("/") else path.parent.parent
    return Path(shutil.make_archive(str(beside / path.name), "zip", path))


def picture(path):
    head = path.read_bytes()[:12]
    if not head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")):
        raise RefusedError("not a picture")


def moment(value):
    if not value:
        return None
    if isinstance(value, datetime.date):  # a datetime is a date too
        return datetime.datetime.combine(value, datetime.time())
    return parse(value).replace(tzinfo=None)


def phase_table(given):
    phases = [
        {**one, "start": moment(one.get("start")), "end": moment(one.get("end")), "tasks": one["tasks"]}
        for one in sorted(given["phases"], key=lambda one: one.get("index", 0))
    ]
    for before, after in itertools.pairwise(phases):
        if before["end"] is None or after["start"] <= before["end"]:
            raise RefusedError("phases must follow one another")
    phases[-1]["is_final_phase"] = True
    for phase in phases:
        phase["start"] < NOW  # noqa: B015 - raises where there is none
    return phases


def check_phase(phase, home):
    char(phase.get("name"), 256)
    if phase.get("execution_time_limit"):
        whole(phase["execution_time_limit"])
    for key in ("max_submissions_per_day", "max_submissions"):
        if phase.get(key, 5) is not None:
            whole(phase.get(key, 5))
    for key in ("auto_migrate_to_this_phase", "hide_output", "hide_prediction_output", "hide_score_output"):
        boolean(phase.get(key, False))
    for key in ("public_data", "starting_kit"):
        if key in phase:
            dataset(phase[key], home)


def check_competition(given, phases):
    char(given.get("title"), 256)
    char(given.get("docker_image", "codalab/codalab-legacy:py37"), 128)
    for key in BOOLEAN_FIELDS:
        boolean(given.get(key, False))
    if boolean(phases[0].get("auto_migrate_to_this_phase", False)):
        raise RefusedError("the first phase cannot be migrated to")
    for key in ("reward", "contact_email"):
        if given.get(key) is not None:
            char(given[key], 256)


def check_board(board):
    char(board.get("title"), 64)
    char(board.get("key"), 36)
    boolean(board.get("hidden", False))
    if str(board.get("submission_rule", "Add")) not in RULES:
        raise RefusedError("submission_rule")
    if board.get("primary_index", 0) is None or whole(board.get("primary_index", 0)) is None:
        raise RefusedError("primary_index")
    columns = board["columns"]
    if not columns:
        raise RefusedError("no columns")
    indexes = [whole(column["index"]) for column in columns]
    keys = [char(column["key"], 36) for column in columns]
    if len(set(indexes)) < len(columns) or len(set(keys)) < len(columns):
        raise RefusedError("columns must differ")
    for column, own in zip(columns, indexes, strict=True):
        char(column["title"], 36)
        boolean(column.get("hidden", False))
        whole(column.get("precision", 2), low=-(2**31))
        if str(column.get("sorting", "desc")) not in ("asc", "desc"):
            raise RefusedError("sorting")
        if column.get("computation") not in (None, "", "avg", "sum", "min", "max", "avg_rank"):
            raise RefusedError("computation")
        if "computation" in column and "computation_indexes" not in column:
            raise RefusedError("computation of what?")
        if column.get("computation_indexes") is not None:
            named = ",".join(str(one) for one in column["computation_indexes"])
            others = [int(one) for one in named.split(",")] if named else []
            if own in others or not set(others) <= set(indexes) or (named and "computation" not in column):
                raise RefusedError("computation_indexes")


def char(value, most):
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not 0 < len(str(value).strip()) <= most:
        raise RefusedError(f"expected a text of 1 to {most}")
    if "\0" in str(value):
        raise RefusedError("null characters")
    return str(value).strip()


def whole(value, low=0):
    if isinstance(value, bool) or not low <= int(str(value).removesuffix(".0")) <= 2**31 - 1:
        raise RefusedError("expected a whole number")
    return int(str(value).removesuffix(".0"))


def boolean(value):
    if value in (True, "t", "T", "y", "Y", "yes", "YES", "Yes", "true", "True", "TRUE", "on", "On", "ON", "1"):
        return True
    if value in (False, "f", "F", "n", "N", "no", "NO", "No", "false", "False", "FALSE", "off", "Off", "OFF", "0"):
        return False
    raise RefusedError("expected a boolean")
