"""Write a zip whose bytes depend on names and contents alone."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_OLDEST = (1980, 1, 1, 0, 0, 0)  # the zip format knows no earlier time


def zip_files(target: str | Path | IO[bytes], files: Mapping[str, Path | bytes]) -> None:
    """Store `files` (name in the zip -> file or contents), sorted by name, with fixed time and permissions.

    Stored, not deflated: zlib's bytes differ between its versions. Files are copied in pieces.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            content = files[name]
            info = zipfile.ZipInfo(name, _OLDEST)
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = 0o100644 << 16
            if isinstance(content, bytes):
                archive.writestr(info, content)
                continue
            info.file_size = content.stat().st_size  # tells zipfile whether it needs the 64-bit form
            with content.open("rb") as source, archive.open(info, "w") as written:
                shutil.copyfileobj(source, written, 1 << 20)
