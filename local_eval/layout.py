"""Codabench's directories and commands, with a local folder in the place of /app."""

import os
import re
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from submission.kit.errors import KitError

_APP = re.compile(r"(?<![\w./-])/app(?=/|$)")
_PASSED_ON = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_CPP_MIN_LOG_LEVEL",
    "CUDA_VISIBLE_DEVICES",
)


def read_command(program_dir: Path) -> str | None:
    """The `command` of a program's metadata.yaml, else metadata; None where there is neither or no command.

    Only a plain, single- or double-quoted value on one line is read: what Codabench's programs have.

    Raises:
        KitError: the value is YAML beyond that.
    """
    path = metadata_file(program_dir)
    if path is None:
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"""command\s*:(?:\s+|$)(.*)""", line)
        if match:
            return _scalar(match[1].strip(), path)
    return None


def metadata_file(program_dir: Path) -> Path | None:
    """The file that the platform would read: metadata.yaml, else metadata."""
    for name in ("metadata.yaml", "metadata"):
        if (program_dir / name).is_file():
            return program_dir / name
    return None


def _scalar(text: str, path: Path) -> str | None:
    if text.startswith(("'", '"')):
        quote = text[0]
        end = text.rfind(quote)
        if end == 0 or (text[end + 1 :].strip() and not text[end + 1 :].lstrip().startswith("#")):
            raise KitError(f"{path}: expected a command on one line. Received: {text!r}.")
        inner = text[1:end]
        return inner.replace("''", "'") if quote == "'" else inner.replace('\\"', '"').replace("\\\\", "\\")
    if text.startswith(("|", ">", "[", "{", "&", "*", "!")):
        raise KitError(f"{path}: expected a command as plain text on one line. Received: {text!r}.")
    return re.sub(r"(^|\s+)#.*", "", text) or None


def expand_command(command: str, root: Path, scoring: bool) -> list[str]:
    """The words of a command as the platform would run it, then with `root` in the place of /app.

    `python` and `python3` become this interpreter. The replacement of `$names` is plain text in the platform's order,
    so `$input_data` becomes `/app/input_data_data` here too.

    Args:
        command: from the metadata.
        root: the folder that plays /app in this step.
        scoring: whether the step is scoring (else prediction).

    Raises:
        KitError: the command cannot be split or is empty.
    """
    replacements = (
        ("$input", "/app/input" if scoring else "/app/input_data"),
        ("$output", "/app/output"),
        ("$program", "/app/program"),
        ("$ingestion_program", "/app/program"),
        ("$hidden", "/app/input/ref"),
        ("$shared", "/app/shared"),
        ("$submission_program", "/app/ingested_program"),
        ("$tmp", "/app/output"),
        ("$predictions", "/app/input/res" if scoring else "/app/output"),
    )
    for name, value in replacements:
        command = command.replace(name, value)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise KitError(f"expected a command that can be split into words ({error}). Received: {command!r}.") from None
    if not words:
        raise KitError("expected a command in metadata.yaml. Received: an empty one.")
    words = [_APP.sub(lambda _: str(root), word) for word in words]
    if words[0] in ("python", "python3"):
        words[0] = sys.executable
    return words


def child_environment(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The child's whole environment: nothing of this project's, least of all PYTHONPATH.

    Args:
        home: becomes HOME; it is made.
        environ: where thread counts, device choice and PATH come from.
    """
    home.mkdir(parents=True, exist_ok=True)
    bins = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    child = {"PATH": bins, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    return child | {name: environ[name] for name in _PASSED_ON if name in environ}


def not_plain(folder: str, names: list[str]) -> set[str]:
    """For `shutil.copytree(ignore=...)`: links, pipes and devices, none of which survives the platform's zip."""
    odd = set()
    for name in names:
        mode = os.lstat(Path(folder, name)).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            odd.add(name)
    return odd
