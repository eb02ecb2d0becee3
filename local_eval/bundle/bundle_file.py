"""A bundle's files as the platform would have them after unpacking; nothing is written."""

import posixpath
import zipfile
from pathlib import Path
from typing import IO

from ..unpack import QUOTA_BYTES
from .problem import Findings, shown

_PIECE = 1 << 20
_BOMB_RATIO, _BOMB_BYTES = 200, 1 << 30
_LONGEST_NAME = 255  # bytes between two slashes, on the platform's file system


class BundleFile:
    """Files and folders of an opened zip, by the names that `ZipFile.extractall` would give them on Linux.

    Made by `open_bundle`. The last of duplicates wins.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._files: dict[str, zipfile.ZipInfo] = {}
        self._folders = {""}
        for entry in archive.infolist():
            name = "/".join(part for part in entry.filename.split("/") if part not in ("", ".", ".."))
            if name and not entry.is_dir():
                self._files[name] = entry
            else:
                self._folders.add(name)
            while name := posixpath.dirname(name):
                self._folders.add(name)

    def is_file(self, name: str) -> bool:
        return name in self._files

    def is_folder(self, name: str) -> bool:
        return name in self._folders

    def below(self, folder: str) -> list[str]:
        """Names of the files in a folder and in its folders, relative to it; "" is the root."""
        start = f"{folder}/" if folder else ""
        return [name[len(start) :] for name in self._files if name.startswith(start)]

    def size(self, name: str) -> int:
        return self._files[name].file_size

    def read(self, name: str, most: int = 1 << 20) -> bytes:
        """At most the first `most` bytes of a file; what is damaged was told by `open_bundle` and reads as empty."""
        try:
            with self._archive.open(self._files[name]) as file:
                return file.read(most)
        except Exception:  # zipfile, zlib, lzma and bz2 each raise their own
            return b""

    def open_zip(self, name: str) -> "BundleFile | None":
        """A zip within the zip; None where it is not one."""
        try:
            return BundleFile(zipfile.ZipFile(self._archive.open(self._files[name])))
        except Exception:  # as in `read`; names and offsets of a damaged one raise further kinds
            return None

    def conflicts(self) -> list[str]:
        """Names that are file and folder at once."""
        return sorted(self._folders.intersection(self._files))

    def unreadable(self) -> dict[str, str]:
        """Name -> why it cannot be extracted; every file is read once, in pieces."""
        wrong = {}
        for name, entry in self._files.items():
            if any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in name.split("/")):
                wrong[name] = "the name is too long"
                continue
            try:
                with self._archive.open(entry) as file:
                    while file.read(_PIECE):
                        pass
            except Exception as error:  # as in `read`
                wrong[name] = str(error) or type(error).__name__
        return wrong


def open_bundle(source: str | Path | IO[bytes], findings: Findings) -> BundleFile | None:
    """Open a bundle and read every file in it once; tells what cannot be unpacked.

    Args:
        source: the zip; whoever passes a file closes it.
        findings: problems go there.

    Returns:
        The files, or None where it is no zip.
    """
    again = "make the zip again with plain zip: `cd folder && zip -r ../bundle.zip .`"
    try:
        archive = zipfile.ZipFile(source)
        bundle = BundleFile(archive)
    except Exception as error:  # BadZipFile mostly; damaged offsets, names and sizes raise half a dozen others
        findings.add("upload", "bundle", f"expected a zip. Received: one that cannot be opened ({error})", again)
        return None
    declared = sum(entry.file_size for entry in archive.infolist())
    packed = sum(entry.compress_size for entry in archive.infolist())
    if declared > QUOTA_BYTES or declared > max(_BOMB_BYTES, _BOMB_RATIO * packed):
        findings.add(
            "upload", "bundle", f"it would unpack to {declared} bytes from {packed}", "leave out what is large"
        )
        return None
    if conflicts := bundle.conflicts():
        findings.add("upload", "bundle", f"both file and folder: {shown(conflicts)}", "rename one of each")
    for name, reason in bundle.unreadable().items():
        findings.add("upload", shown(name), f"cannot be unpacked ({reason})", again)
    return bundle
