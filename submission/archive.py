"""A zip file, opened once and read once for all rules."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from submission.kit.errors import KitError

READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_MAX_TEXT_BYTES = 10_000_000


@dataclass(frozen=True)
class Archive:
    """entries: in the zip's order, folders included. names: the files' names as stored, each once.

    sha256: hex, by name, of every file that could be read (the last of duplicates). damaged: name -> reason.
    """

    path: Path
    entries: list[zipfile.ZipInfo]
    sha256: dict[str, str]
    damaged: dict[str, str]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(entry.orig_filename for entry in self.entries if not entry.is_dir()))

    def read(self, name: str) -> bytes:
        """The contents of a file that is in `sha256`, at most the first 10 MB."""
        with zipfile.ZipFile(self.path) as archive, archive.open(name) as file:
            return file.read(_MAX_TEXT_BYTES)


def open_archive(path: str | Path) -> Archive:
    """Open a zip and read every file in it once, which checks the CRCs.

    Raises:
        KitError: there is no such file.
        zipfile.BadZipFile: it is not a zip, or truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise KitError(f"expected a zip at {path}. Received: no such file.")
    sha256: dict[str, str] = {}
    damaged: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            for entry in entries:
                if entry.is_dir() or entry.flag_bits & 1 or entry.compress_type not in READABLE:
                    continue  # other rules tell
                try:
                    sha256[entry.orig_filename] = _digest(archive, entry)
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
                    damaged[entry.orig_filename] = str(error) or type(error).__name__
    except (ValueError, OSError, UnicodeError) as error:
        raise zipfile.BadZipFile(str(error)) from None
    return Archive(path, entries, sha256, damaged)


def _digest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    with archive.open(entry) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
