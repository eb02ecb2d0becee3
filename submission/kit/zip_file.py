"""Zips: written so that their bytes depend on names and contents alone, and what reading a damaged one raises."""

from __future__ import annotations  # platforms run Python 3.9

import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    IndexError,  # a name of no letter
    *(MemoryError, OverflowError),  # sizes and offsets that no file has
)
"""All that zipfile and the decompressors raise for damaged bytes; a method that they lack is a RuntimeError."""

_OLDEST = (1980, 1, 1, 0, 0, 0)  # the zip format knows no earlier time
_UNIX = 3  # wherever this runs


def write_zip(target: str | Path | IO[bytes], files: Mapping[str, Path | bytes]) -> None:
    """Store `files` (name in the zip -> file or contents), sorted by name, with fixed time and permissions.

    Stored, not deflated: weights hardly shrink, and zlib's bytes differ between its versions. Files are copied in
    pieces.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            content = files[name]
            info = zipfile.ZipInfo(name, _OLDEST)
            info.create_system = _UNIX
            info.external_attr = 0o100644 << 16
            if isinstance(content, bytes):
                archive.writestr(info, content)
                continue
            info.file_size = content.stat().st_size  # tells zipfile whether it needs the 64-bit form
            with open(content, "rb") as source, archive.open(info, "w") as written:
                shutil.copyfileobj(source, written, 1 << 20)
