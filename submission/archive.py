"""A zip file, opened once and read once for all rules."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.zip_file import DAMAGED

READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ENCRYPTED, PATCHED = 0x41, 0x20
"""Bits of an entry's flags: encryption, weak or strong, and patched data, which zipfile cannot read."""

_MAX_TEXT_BYTES = 10_000_000

_UNREADABLE = (*DAMAGED, RuntimeError)


@dataclass(frozen=True)
class Archive:
    """entries: in the zip's order, folders included. names: the files' names as stored, each once.

    sha256: hex, by name, of every file that could be read (the last of duplicates). damaged: name -> reason. Both are
    empty where the zip declares more than was allowed to be read.
    """

    path: Path
    entries: list[zipfile.ZipInfo]
    sha256: dict[str, str]
    damaged: dict[str, str]

    @property
    def unpacked_bytes(self) -> int:
        """What the zip says it unpacks to."""
        return sum(entry.file_size for entry in self.entries)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(entry.orig_filename for entry in self.entries if not is_folder(entry)))

    def read(self, name: str) -> bytes:
        """The contents of a file that is in `sha256`, at most the first 10 MB."""
        entry = next(entry for entry in reversed(self.entries) if entry.orig_filename == name)
        with zipfile.ZipFile(self.path) as archive, archive.open(entry) as file:
            return file.read(_MAX_TEXT_BYTES)


def is_folder(entry: zipfile.ZipInfo) -> bool:
    """As `entry.is_dir()`, which raises an IndexError for an empty name."""
    return entry.filename.endswith("/")


def open_archive(path: str | Path, max_bytes: float = float("inf")) -> Archive:
    """Open a zip and read every file in it once, which checks the CRCs.

    Args:
        path: the zip.
        max_bytes: nothing is read of a zip that declares to unpack to more.

    Raises:
        KitError: there is no such file.
        NotImplementedError: it needs a version of the format that zipfile lacks.
        zipfile.BadZipFile: it is not a zip, or truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise KitError(f"expected a zip at {path}. Received: no such file.")
    try:
        with zipfile.ZipFile(path) as archive:
            opened = Archive(path, archive.infolist(), {}, {})
            if opened.unpacked_bytes <= max_bytes:
                _read_all(archive, opened)
    except NotImplementedError:
        raise
    except _UNREADABLE as error:
        raise zipfile.BadZipFile(str(error) or type(error).__name__) from None
    return opened


def _read_all(archive: zipfile.ZipFile, opened: Archive) -> None:
    for entry in opened.entries:
        if is_folder(entry) or entry.flag_bits & (ENCRYPTED | PATCHED) or entry.compress_type not in READABLE:
            continue  # other rules tell
        name = entry.orig_filename
        try:
            opened.sha256[name] = _digest(archive, entry)
        except _UNREADABLE as error:
            opened.sha256.pop(name, None)  # of duplicates the last one counts
            opened.damaged[name] = str(error) or type(error).__name__


def _digest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    with archive.open(entry) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
