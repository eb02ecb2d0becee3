"""TensorFlow's greetings, kept off the screen of who waits for a result.

TensorFlow 2.21 says through absl, before any setting is read, that oneDNN is on and that there is no GPU: six lines a
command that TF_CPP_MIN_LOG_LEVEL does not silence. What its import says is therefore held back and passed on without
them; TF_CPP_MIN_LOG_LEVEL=0 shows all.
"""

from __future__ import annotations  # platforms run Python 3.9

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_STDERR = 2
_PREAMBLE = rb"WARNING: All log messages before absl::InitializeLog\(\)"
_INFORMATION = rb"I\d{4} .*(?:oneDNN custom operations are on|Could not find cuda drivers)"
_GREETING = re.compile(rb"^(?:" + _PREAMBLE + rb"|" + _INFORMATION + rb").*\n?", re.MULTILINE)


def quiet_import(name: str = "tensorflow") -> None:
    """Let the first import of a module go without TensorFlow's greetings; nothing is imported now."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") != "0" and name not in sys.modules:
        sys.meta_path.insert(0, _Finder(name))


def without_greetings(said: bytes) -> bytes:
    """What else was said."""
    return _GREETING.sub(b"", said)


class _Finder(MetaPathFinder):
    def __init__(self, name: str):
        self._name = name

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def quietly(module: ModuleType) -> None:
                with _held_back():
                    execute(module)

            setattr(spec.loader, "exec_module", quietly)  # noqa: B010 (a method of this one loader)
        return spec


@contextmanager
def _held_back() -> Iterator[None]:
    """Standard error, of C++ too, in a file; on its way out without the greetings."""
    try:
        screen = os.dup(_STDERR)
    except OSError:  # closed
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, _STDERR)
            os.close(screen)
            held.seek(0)
            rest = without_greetings(held.read())
            while rest:
                rest = rest[os.write(_STDERR, rest) :]
