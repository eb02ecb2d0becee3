"""Which zip was packaged last, A/submissions/latest.json; and paths in A's files that hold when A is moved."""

from __future__ import annotations  # platforms run Python 3.9

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import KitError
from .files import read_json, sha256_file, write_json


@dataclass(frozen=True)
class Latest:
    """path: the zip, one that exists and was not changed; sha256: hex."""

    path: Path
    sha256: str


def stored_path(path: str | os.PathLike[str], artifacts: str | os.PathLike[str]) -> str:
    """How A's files name a path: relative to A where it lies inside, else absolute. `A / stored` leads back to it."""
    absolute = Path(path).resolve()
    try:
        return absolute.relative_to(Path(artifacts).resolve()).as_posix()
    except ValueError:
        return str(absolute)


def write_latest(artifacts: Path, path: Path, sha256: str, size_bytes: int) -> None:
    """Point A/submissions/latest.json to a zip."""
    value = {"zip": stored_path(path, artifacts), "sha256": sha256, "size_bytes": size_bytes}
    write_json(artifacts / "submissions" / "latest.json", value)


def read_latest(artifacts: Path) -> Latest:
    """The zip that was packaged last.

    Raises:
        KitError: none was packaged, or it was moved, deleted or changed since.
    """
    mend = f"python -m submission.package --artifacts {artifacts}"
    file = artifacts / "submissions" / "latest.json"
    value = read_json(file, mend)
    try:
        path, sha256 = artifacts / str(value["zip"]), str(value["sha256"])
    except (KeyError, TypeError):
        raise KitError(f"{file}: expected the keys zip and sha256. Delete it and run `{mend}`.") from None
    if not path.is_file():
        raise KitError(f"expected the packaged zip at {path}, which does not exist: run `{mend}` first.")
    if (found := sha256_file(path)) != sha256:
        raise KitError(
            f"{path} was changed since it was packaged: expected sha256 {sha256}. Received: {found}. "
            f"Move it away and run `{mend}`."
        )
    return Latest(path, sha256)
