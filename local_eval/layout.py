"""Codabench's commands and environment, in a container or with a local folder in the place of /app."""

import os
import re
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from submission.kit.errors import KitError

_APP = re.compile(r"(?<![\w./-])/app(?=/|$)")
_NAMES_APP = re.compile(rb"(?<![\w./-])/app(?![\w.-])")
_PASSED_ON = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_CPP_MIN_LOG_LEVEL",
    "CUDA_VISIBLE_DEVICES",
)
KINDS = ("ingestion", "submission", "scoring")
"""What a program is in a run; `$input` and `$predictions` depend on it."""


def read_command(program_dir: Path) -> str | None:
    """The `command` of a program's metadata.yaml, else metadata; None where there is no file, no YAML or no command.

    Raises:
        KitError: the worker dies of it: the file is a folder, is not text, or the command is not text.
    """
    path = metadata_file(program_dir)
    if path is None:
        return None
    try:
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return None
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise KitError(f"{path.name} cannot be read: {error}.") from None
    command = metadata.get("command") if isinstance(metadata, dict) else None
    if not command:
        return None
    if not isinstance(command, str):
        raise KitError(f"{path.name}: expected a command on one line of text. Received: {command!r}.")
    return command


def metadata_file(program_dir: Path) -> Path | None:
    """The file that the platform would read: metadata.yaml, else metadata."""
    for name in ("metadata.yaml", "metadata"):
        if (program_dir / name).exists():
            return program_dir / name
    return None


def expand_command(command: str, kind: str, root: Path | None = None, python: str | Path = sys.executable) -> list[str]:
    """The words of a command as the platform would run it.

    The replacement of `$names` is plain text in the platform's order, so `$input_data` becomes `/app/input_data_data`
    here too.

    Args:
        command: from the metadata.
        kind: one of `KINDS`.
        root: a folder in the place of /app; None where the program has a private /app.
        python: what `python` and `python3` are.

    Raises:
        KitError: the command cannot be split or is empty.
    """
    replacements = (
        ("$input", "/app/input_data" if kind == "ingestion" else "/app/input"),
        ("$output", "/app/output"),
        ("$program", "/app/program"),
        ("$ingestion_program", "/app/program"),
        ("$hidden", "/app/input/ref"),
        ("$shared", "/app/shared"),
        ("$submission_program", "/app/ingested_program"),
        ("$tmp", "/app/output"),
        ("$predictions", "/app/input/res" if kind == "scoring" else "/app/output"),
    )
    for name, value in replacements:
        command = command.replace(name, value)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise KitError(f"expected a command that can be split into words ({error}). Received: {command!r}.") from None
    if not words:
        raise KitError("expected a command in metadata.yaml. Received: an empty one.")
    if root is not None:
        words = [_APP.sub(lambda _: str(root), word) for word in words]
    if words[0] in ("python", "python3"):
        words[0] = str(python)
    return words


def child_environment(
    home: Path, environ: Mapping[str, str] = os.environ, python: str | Path = sys.executable
) -> dict[str, str]:
    """The child's whole environment: nothing of this project's, least of all PYTHONPATH.

    Args:
        home: becomes HOME.
        environ: where thread counts, device choice and PATH come from.
        python: whose folder comes first on PATH.
    """
    bins = f"{Path(python).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    child = {"PATH": bins, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    return child | {name: environ[name] for name in _PASSED_ON if name in environ}


def names_app(folder: Path) -> list[str]:
    """Relative names of the programs in a folder that name /app in their own code."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".sh", ".R", ".r", "") and path.name not in ("metadata", "") and path.is_file():
            with open(path, "rb") as file:
                if _NAMES_APP.search(file.read(1 << 20)):
                    found.append(str(path.relative_to(folder)))
    return found


def not_plain(folder: str, names: list[str]) -> set[str]:
    """For `shutil.copytree(ignore=...)`: links, pipes and devices, none of which survives the platform's zip."""
    odd = set()
    for name in names:
        mode = os.lstat(Path(folder, name)).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            odd.add(name)
    return odd
