"""Extract a submission as the platform's worker does, without its dangers."""

import shutil
import zipfile
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.zip_file import DAMAGED

QUOTA_BYTES = 15_000_000_000
"""Codabench's storage for one user; a zip that unpacks to more is refused before anything is written."""


class StuckError(KitError):
    """The platform's worker dies of this zip without a word: the submission stays in Preparing for ever."""


def unpack(zip_path: str | Path, folder: Path, max_bytes: int = QUOTA_BYTES) -> None:
    """Extract into `folder`, which is made.

    As `zipfile.extractall` on Linux does it on the platform: absolute names and `..` are neutralised, a symlink becomes
    a text file, backslashes stay in the names, the last of duplicates wins, the exec bit is lost, a top-level folder
    stays.

    Args:
        zip_path: the submission.
        folder: where to.
        max_bytes: refuse a zip whose contents declare more than this.

    Raises:
        StuckError: encrypted, or compressed in a way that Python cannot read.
        KitError: not a zip, empty, truncated, damaged, too large, or with names that cannot be files. Begins with the
            platform's words, "Bad or empty zip file".
    """
    if not Path(zip_path).is_file():
        raise KitError(f"{zip_path} is missing: expected a zip file.")
    try:
        with zipfile.ZipFile(zip_path) as archive:
            if not archive.infolist():
                raise KitError("Bad or empty zip file: there is nothing in it.")
            size = sum(entry.file_size for entry in archive.infolist())
            room = min(max_bytes, shutil.disk_usage(_existing(folder)).free)
            if size > room:
                raise KitError(f"Bad or empty zip file: expected at most {room} bytes unpacked. Received: {size}.")
            folder.mkdir(parents=True, exist_ok=True)
            archive.extractall(folder)
    except (NotImplementedError, RuntimeError) as error:  # Deflate64 and the like; encrypted
        raise StuckError(
            f"Bad or empty zip file: {error}. On the platform the submission would stay in Preparing for ever: "
            "pack it again with ordinary Deflate compression and without a password."
        ) from None
    except DAMAGED as error:
        raise KitError(f"Bad or empty zip file: {str(error) or type(error).__name__}.") from None


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
