"""The judge's own alterations of images and the suites made of them; nothing here ever trains a net."""

from . import an2dl, clean, colour, detail, geometry, occlusion, tone  # noqa: F401  (importing fills the registers)
from .operation import operation_names

OPERATIONS: tuple[str, ...] = operation_names()
"""Canonical names of all operations: whoever compares a training policy with the judge compares by these."""
