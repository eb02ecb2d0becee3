"""The judge's own alterations of images and the suites made of them; nothing here ever trains a net.

A new operation or suite is a new file in this folder: all files here are imported, which fills the registers. See
`operation.register_operation`, `suite.register_suite`, `grid.register_grid` and `mixture.Recipe`.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in sorted(found.name for found in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

from .operation import operation_names  # noqa: E402  (after the register is full)

OPERATIONS: tuple[str, ...] = operation_names()
"""Canonical names of all operations: whoever compares a training policy with the judge compares by these."""
