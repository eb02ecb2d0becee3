"""Whether a folder is this kit's ingestion program, whose predictions are the same on every version of the platform.

Up to v1.26 the platform copies the submission into /app/output before the ingestion program starts, from v1.27 it does
not. This program empties that folder before it imports anything of the submission's, and runs no other of its files
than model.py, which lies in /app/ingested_program on both. What a model could still tell apart are inode numbers,
the times of /app/output and how much of the disk has been used: nothing that it predicts from unless it means to.
"""

from pathlib import Path

OWN = Path(__file__).with_name("ingestion_program")


def is_own_ingestion(folder: Path) -> bool:
    """Whether the folder holds the very files of `OWN` and nothing else."""
    return _contents(folder) == _contents(OWN)


def _contents(folder: Path) -> dict[str, bytes | None]:
    """Contents by relative name; None for what is no plain file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and not (path.is_dir() and not path.is_symlink())
    }
