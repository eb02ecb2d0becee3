"""Find a Python of a given version on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from submission.kit.errors import KitError

# A Debian Python without the package python3-venv has no ensurepip: an environment made by it has no pip.
_PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def find_interpreter(version: str) -> Path:
    """An interpreter of that version which can make virtual environments.

    Looked for in this order: the one that runs this, those on the path, those of pyenv.

    Args:
        version: such as "3.11".

    Raises:
        KitError: none found; it names what was tried.
    """
    tried = []
    for path in dict.fromkeys(_candidates(version)):
        if path.is_file():
            if _version(path) == version:
                return path
            tried.append(str(path))
    raise KitError(
        f"expected Python {version} with venv and pip on this machine. Received: none"
        f"{' that works, of ' + ', '.join(tried) if tried else ''}. Install it (`pyenv install {version}`, "
        f"`apt install python{version}-venv`) or change the line `# python:` of the runtime."
    )


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    yield Path(sys.base_prefix, "bin", name)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        yield Path(folder or ".", name)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True)


def _version(path: Path) -> str:
    """Such as "3.11"; empty where it cannot make environments, or is a shim without a Python behind it."""
    try:
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
