"""The virtual environment of a runtime: made once for each state of its requirements file, then found again."""

import fcntl
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .interpreter import find_interpreter
from .runtime import Runtime

CACHE = Path("artifacts/runtimes")

# What can be imported there by its first name: folders count too, since `google` has no __init__.py.
_MODULES = """
import json, sys, sysconfig
from pathlib import Path
names = set(sys.stdlib_module_names if hasattr(sys, "stdlib_module_names") else sys.builtin_module_names)
for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
    modules = (path for path in Path(folder).iterdir() if path.is_dir() or path.suffix in (".py", ".so"))
    names |= {path.name.split(".")[0] for path in modules}
print(json.dumps(sorted(name for name in names if name.isidentifier() and name != "__pycache__")))
"""


def venv_folder(runtime: Runtime, cache: Path = CACHE) -> Path:
    """Where the runtime's environment lies: its name, and a hash of what its file asks for."""
    return cache / f"{runtime.name}-{runtime.digest}"


def read_modules(runtime: Runtime, cache: Path = CACHE) -> list[str] | None:
    """First names of all modules that the environment can import; None where it is not built.

    modules.json is written last, so that its presence says that the environment is whole.
    """
    try:
        return json.loads((venv_folder(runtime, cache) / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def build_venv(runtime: Runtime, cache: Path = CACHE, tell: Callable[[str], object] = lambda line: None) -> Path:
    """The Python of the runtime's environment, which is built first where it is not there or not whole.

    An interrupted build goes on where it stopped: what is installed stays. Two builds at once wait for each other.

    Args:
        runtime: which.
        cache: folder of all environments.
        tell: called with each line of pip.

    Raises:
        KitError: no such interpreter, or pip failed; the end of its messages is quoted.
    """
    folder = venv_folder(runtime, cache).absolute()
    python = folder / "bin" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if read_modules(runtime, cache) is not None:
            return python
        if not _works(python):
            interpreter = find_interpreter(runtime.python)
            _run([interpreter, "-I", "-m", "venv", "--clear", folder], runtime, tell)
        if runtime.requirements:
            _run(
                [python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "-r", runtime.path], runtime, tell
            )
        modules = json.loads(_run([python, "-I", "-c", _MODULES], runtime, tell))
        write_json(folder / "modules.json", modules)
    return python


def _works(python: Path) -> bool:
    """Whether a build got as far as an environment with pip."""
    return (
        python.exists() and not subprocess.run([python, "-I", "-m", "pip", "--version"], capture_output=True).returncode
    )


def _run(command: list[str | Path], runtime: Runtime, tell: Callable[[str], object]) -> str:
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            tell(line.strip())
    if process.returncode:
        raise KitError(
            f"{runtime.path} cannot be installed (exit status {process.returncode}):\n{''.join(lines[-15:])}"
            "Mend the file or the connection, then run the same command: what is installed stays."
        )
    return "".join(lines)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
