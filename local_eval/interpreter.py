"""The Python that plays the one of a competition's image."""

import functools
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from submission.kit.errors import KitError

_ASK = """
import json, sys
print(json.dumps([sys.version.split()[0], sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]))
"""
_ASK_S = 60


@dataclass(frozen=True)
class Interpreter:
    """executable: what `python` and `python3` are. folders: what it reads its library from. version: as "3.11.7"."""

    executable: Path
    folders: tuple[Path, ...]
    version: str


@functools.cache
def this_interpreter() -> Interpreter:
    """The one that runs this code, with this environment's packages."""
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    return _interpreter(Path(sys.executable), sys.version.split()[0], prefixes)


def find_interpreter(name: str) -> Interpreter:
    """Another one.

    Args:
        name: its path, the folder of a virtual environment, or a command such as "python3.9".

    Raises:
        KitError: there is no such Python.
    """
    path = Path(name)
    if path.is_dir():
        path = path / "bin" / "python"
    found = shutil.which(str(path))
    if found is None:
        raise KitError(f"expected a Python or a virtual environment at {name}. Received: none that can be run.")
    executable = Path(found).absolute()  # not resolved: a link to it is what makes a virtual environment
    try:
        asked = subprocess.run(
            [executable, "-I", "-c", _ASK], capture_output=True, text=True, timeout=_ASK_S, check=False
        )
        version, *prefixes = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        raise KitError(f"expected a Python 3 at {executable}. Received: {error}") from None
    except ValueError:
        said = (asked.stderr or asked.stdout)[-200:].strip() or "no answer"
        raise KitError(
            f"expected a Python 3 at {executable}. Received: exit status {asked.returncode}, {said}"
        ) from None
    return _interpreter(executable, version, tuple(prefixes))


def _interpreter(executable: Path, version: str, prefixes: tuple[str, ...]) -> Interpreter:
    folders = {Path(one) for one in prefixes}
    folders |= {executable.resolve().parent, *(one.resolve() for one in folders)}
    return Interpreter(executable, tuple(sorted(folders - {Path("/")})), version)
