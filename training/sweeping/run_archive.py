"""A run directory as one file, while or after a process writes it."""

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

from ..loop import CHECKPOINT
from ..run_lock import LOCK
from ..training_set import FEATURES, SYNTHETIC, SYNTHETIC_FEATURES

STATE = "state.txt"
# of one machine; as large as the data, and made again from the seed
LEFT_OUT = (LOCK, FEATURES, SYNTHETIC, SYNTHETIC_FEATURES)
_TRIES = 20
# Python 3.10 and 3.11 have it in their later versions only
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


@contextlib.contextmanager
def pack(folder: Path) -> Iterator[Path]:
    """Yield a tar file of a run directory, as a kill at one moment would have left it.

    Files of a run are replaced, not rewritten, so that links to them stay as they are; those made while one checkpoint
    was the last belong to each other.

    Raises:
        KitError: a checkpoint was written faster than its files could be linked, twenty times.
    """
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.pack", dir=folder.parent) as scratch:
        links = Path(scratch) / folder.name
        for _ in range(_TRIES):
            shutil.rmtree(links, ignore_errors=True)
            links.mkdir()
            before = _mark(folder / CHECKPOINT)
            for path in sorted(folder.iterdir()):
                if path.is_file() and not path.name.startswith(".") and path.name not in LEFT_OUT:
                    with contextlib.suppress(FileNotFoundError):  # replaced in between: the mark tells
                        os.link(path, links / path.name)
            if _mark(folder / CHECKPOINT) == before:
                break
        else:
            raise KitError(f"expected {folder} to stand still for a moment. Received: a checkpoint every moment.")
        archive = Path(scratch) / "run.tar"
        with tarfile.open(archive, "w") as file:
            for path in sorted(links.iterdir()):
                file.add(path, path.name)
        yield archive


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def unpack(archive: Path, folder: Path) -> None:
    """Put the files of an archive into a run directory, each whole, the state last.

    Raises:
        KitError: the archive is damaged, or holds what no run directory does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacked", dir=folder) as scratch:
        try:
            with tarfile.open(archive) as file:
                file.extractall(scratch, **_FILTER)
        except tarfile.TarError as error:
            raise KitError(f"{archive} is no archive of a run ({error}). Remove it and run the same command.") from None
        for path in sorted(Path(scratch).iterdir(), key=lambda path: path.name == STATE):
            path.replace(folder / path.name)
