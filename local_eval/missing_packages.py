"""Which packages a run's programs looked for in vain: the competition's image may have them."""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

_MISSING = re.compile(rb"No module named '?([A-Za-z_]\w*)")
_LOOKED_AT = 1 << 20  # bytes of a log's end


def missing_packages(logs: Iterable[Path], sources: Iterable[Path]) -> list[str]:
    """Top-level names, sorted.

    Args:
        logs: of the programs.
        sources: folders and zips of the run. A module that lies anywhere in them is not a package of the image: it was
            packed in the wrong place, and is missing on the platform too.
    """
    names: set[str] = set()
    for log in logs:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOOKED_AT))
            names |= {found.decode("ascii") for found in _MISSING.findall(file.read())}
    if not names:
        return []
    return sorted(names - {part.removesuffix(".py") for source in sources for part in _parts(source)})


def _parts(source: Path) -> set[str]:
    if source.is_dir():
        return {path.name for path in source.rglob("*")}
    if not zipfile.is_zipfile(source):
        return set()
    with zipfile.ZipFile(source) as archive:
        return {part for name in archive.namelist() for part in name.split("/")}
