"""The libraries of a platform, as a requirements file of `submission/runtimes/` tells them."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from submission.kit.errors import KitError

RUNTIMES = Path(__file__).resolve().parent / "runtimes"
_PYTHON = re.compile(r"#\s*python:\s*(\d+\.\d+)\s*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Runtime:
    """name: of the file, without suffix. python: such as "3.11". requirements: the file's lines, without comments.

    digest: first 8 hex digits of the sha256 of what decides the environment; comments do not.
    """

    name: str
    path: Path
    python: str
    requirements: tuple[str, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join((self.python, *self.requirements)).encode()).hexdigest()[:8]

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names of the required distributions, lower case with hyphens."""
        names = (_NAME.match(line) for line in self.requirements)
        return tuple(re.sub(r"[._-]+", "-", name.group()).lower() for name in names if name)


def read_runtime(path: Path) -> Runtime:
    """Read a requirements file that has a line `# python: 3.11`.

    Raises:
        KitError: no such file, or it does not name its Python.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeError) as error:
        raise KitError(f"expected a requirements file at {path}: {error}") from None
    pythons = [found.group(1) for line in lines if (found := _PYTHON.fullmatch(line))]
    if len(pythons) != 1:
        raise KitError(f"{path}: expected one line such as `# python: 3.11`. Received: {pythons or 'none'}.")
    required = tuple(text for line in lines if (text := re.sub(r"(^|\s)#.*", "", line).strip()))
    return Runtime(path.stem, path, pythons[0], required)


def list_runtimes(folder: Path = RUNTIMES) -> list[Runtime]:
    """The runtimes of a folder, sorted by name.

    Raises:
        KitError: there is none.
    """
    runtimes = [read_runtime(path) for path in sorted(folder.glob("*.txt"))]
    if not runtimes:
        raise KitError(f"expected requirements files (*.txt) in {folder}. Received: none.")
    return runtimes


def find_runtime(name: str, folder: Path = RUNTIMES) -> Runtime:
    """The runtime of that name; `KitError` lists the known ones for an unknown name."""
    known = [path.stem for path in sorted(folder.glob("*.txt"))]
    if name not in known:
        raise KitError(
            f"expected a runtime out of {', '.join(known) or 'none'}. Received: {name!r}. Add {folder}/*.txt."
        )
    return read_runtime(folder / f"{name}.txt")
