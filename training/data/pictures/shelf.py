"""Where picture files lie: a folder, or an archive that is read without being unpacked."""

import hashlib
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from submission.kit.errors import KitError

from .problems import Problems, told

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".mpo"}
"""Endings of files that are looked at; what a file is, its content says."""

MAX_FILE_BYTES = 1 << 29
"""No picture that we take is larger, so no more of an archive's member is unpacked."""

_LITTER = {"thumbs.db", "desktop.ini", ".ds_store", ".gitkeep", ".gitignore", ".directory"}


@dataclass(frozen=True)
class Entry:
    """A file: `parts` of its path below the root, where to open it, its bytes, and in an archive its checksum."""

    parts: tuple[str, ...]
    place: str
    size: int
    checksum: int = 0

    @property
    def shown(self) -> str:
        return told("/".join(self.parts))


class Shelf(Protocol):
    """Picture files that can be listed and opened; `folders`, the paths of all folders, are known after listing."""

    folders: list[tuple[str, ...]]

    def entries(self, problems: Problems) -> list[Entry]: ...

    def open(self, entry: Entry) -> IO[bytes]: ...


class FolderShelf:
    """All files below a folder; links are followed, each folder once."""

    def __init__(self, root: Path):
        self.root = root
        self.folders: list[tuple[str, ...]] = []

    def entries(self, problems: Problems) -> list[Entry]:
        """Image files by their ending, sorted by path; what else lies there is noted."""
        found: list[Entry] = []
        self.folders = []
        self._walk(self.root, (), {_identity(self.root.stat())}, found, problems)
        return found

    def open(self, entry: Entry) -> IO[bytes]:
        return open(entry.place, "rb")

    def _walk(
        self, folder: Path, parts: tuple[str, ...], seen: set[tuple[int, int]], found: list[Entry], problems: Problems
    ) -> None:
        try:
            with os.scandir(folder) as listing:
                members = sorted(listing, key=lambda member: member.name)
        except OSError as error:
            problems.add(told("/".join(parts)), "unreadable", error.strerror or "")
            return
        for member in members:
            inner = (*parts, member.name)
            shown = told("/".join(inner))
            try:
                status = member.stat()  # of what a link leads to
            except OSError as error:  # a broken link, or one that leads to itself
                problems.add(shown, "link" if member.is_symlink() else "unreadable", error.strerror or "")
                continue
            if stat.S_ISDIR(status.st_mode):
                if is_passed_over(member.name):
                    continue
                if _identity(status) in seen:
                    problems.add(shown, "link", "leads to a folder that is read already")
                    continue
                seen.add(_identity(status))
                self.folders.append(inner)
                self._walk(Path(member.path), inner, seen, found, problems)
            elif not stat.S_ISREG(status.st_mode):
                problems.add(shown, "not an image", "no regular file")  # to open a pipe would wait for ever
            elif is_wanted(inner, problems):
                found.append(Entry(inner, member.path, status.st_size))


class ZipShelf:
    """All files in a zip; nothing is unpacked to disk, so no path in it can lead anywhere."""

    def __init__(self, path: Path):
        self.path = path
        self.folders: list[tuple[str, ...]] = []
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise KitError(f"expected a zip of class folders. Received: {path}, which is not one ({error}).") from None

    def entries(self, problems: Problems) -> list[Entry]:
        """Image files by their ending, sorted by path; what else is in it is noted."""
        found: dict[tuple[str, ...], Entry] = {}
        for info in self._archive.infolist():
            name = info.filename.replace("\\", "/")
            parts = PurePosixPath(name).parts
            is_folder = name.endswith("/")
            if any(map(is_passed_over, parts if is_folder else parts[:-1])):
                continue
            if is_folder:
                self.folders.append(parts)
            elif not parts or name.startswith("/") or ".." in parts or (len(parts[0]) > 1 and parts[0][1] == ":"):
                problems.add(told(name), "outside")
            elif is_wanted(parts, problems):
                if parts in found:
                    problems.add(told(name), "duplicate")
                else:
                    found[parts] = Entry(parts, info.filename, info.file_size, info.CRC)
        return [found[parts] for parts in sorted(found)]

    def open(self, entry: Entry) -> IO[bytes]:
        """The member's bytes in memory, since Pillow seeks.

        Raises:
            OSError: damaged, encrypted, or larger than any picture.
        """
        try:
            with self._archive.open(entry.place) as member:
                data = member.read(MAX_FILE_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
            raise OSError(f"damaged or encrypted in the archive: {error}") from None
        if len(data) > MAX_FILE_BYTES:
            raise OSError("unpacks to more than any picture has")
        return io.BytesIO(data)


def open_shelf(path: Path) -> FolderShelf | ZipShelf:
    """The shelf of a folder or zip.

    Raises:
        KitError: neither.
    """
    if path.is_dir():
        return FolderShelf(path)
    if not path.exists():
        raise KitError(f"expected a folder (or zip) of class folders. Received: {path}, which does not exist.")
    return ZipShelf(path)


def is_passed_over(folder: str) -> bool:
    """Whether a folder is by its name none of the user's: a program's own, such as .git or .ipynb_checkpoints."""
    return folder == "__MACOSX" or (folder.startswith(".") and folder != "..")


def is_wanted(parts: tuple[str, ...], problems: Problems) -> bool:
    """Whether a file is an image by its name; notes it if it is not, but for what systems leave about."""
    name = parts[-1].lower()
    if name in _LITTER:
        return False
    if PurePosixPath(name).suffix not in SUFFIXES:
        problems.add(told("/".join(parts)), "not an image" if not name.startswith(".") else "hidden")
        return False
    if name.startswith("."):
        problems.add(told("/".join(parts)), "hidden")
        return False
    return True


def fingerprint(entries: Iterable[tuple[str, Entry]], *settings: object) -> str:
    """Hex sha256 of labels, paths and sizes (in an archive checksums, too), and of what is done to the images.

    Not of all bytes: two hundred thousand files would be read twice. An edit that keeps a file's size goes unnoticed.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for label, entry in entries:
        digest.update(repr((label, entry.parts, entry.size, entry.checksum)).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
