"""Files that are either whole or not there: temporary name in the same folder, then rename."""

from __future__ import annotations  # platforms run Python 3.9

import glob
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import KitError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`, on any error it is removed.

    Works for a file and for a folder (the block creates either). The old file or folder survives a failure.
    The temporary name keeps the last two suffixes of `path`: numpy adds `.npz`, Keras demands `.weights.h5`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.{os.getpid()}-{_machine()}.", dir=path.parent))
    try:
        new = scratch / f"new{''.join(path.suffixes[-2:])}"
        yield new
        if path.is_dir():
            path.replace(scratch / "old")  # a folder cannot be replaced in one call
        new.replace(path)
    finally:
        if (scratch / "old").exists() and not path.exists():
            (scratch / "old").replace(path)  # interrupted between the two renames
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove what killed processes of this machine left beside `path`; a folder that one had moved aside comes back."""
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.*.*"):
        owner, _, machine = scratch.name[len(path.name) + 2 :].partition(".")[0].partition("-")
        if not owner.isdigit() or machine != _machine() or _runs(int(owner)):
            continue  # on a shared disk another machine's processes cannot be asked for
        if (scratch / "old").exists() and not path.exists():
            (scratch / "old").replace(path)
        shutil.rmtree(scratch, ignore_errors=True)


def _machine() -> str:
    return re.sub(r"\W", "_", platform.node())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON atomically; NaN and infinities are refused (`ValueError`)."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str], mend: str) -> Any:
    """Read JSON.

    Args:
        path: the file.
        mend: the command that makes the file; it is named in the error.

    Raises:
        KitError: no such file, or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except ValueError as error:
        raise KitError(f"{path} is not valid JSON ({error}): delete it and run `{mend}`.") from None


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Hex sha256 of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
