"""What a run needs to go on after a kill, in one file: all variables of net, draws and optimizer, and the counters."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import atomic_path


def save_checkpoint(path: Path, variables: list[keras.Variable], counters: dict[str, Any]) -> None:
    """Write atomically; one file, so that weights and optimizer can never be of different epochs."""
    values = {f"v{index}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(variables)}
    with atomic_path(path) as new:
        np.savez(new, counters=json.dumps(counters), **values)


def load_checkpoint(path: Path, variables: list[keras.Variable]) -> dict[str, Any]:
    """Assign what `save_checkpoint` wrote, and return its counters.

    Raises:
        KitError: the file is damaged or of another net.
    """
    counters, values = _read(path, with_values=True)
    shapes = [tuple(variable.shape) for variable in variables]
    found = [value.shape for value in values]
    if found != shapes:
        raise KitError(
            f"{path} does not fit the net: expected {len(shapes)} variables of its shapes, found {len(found)}. "
            f"{_mend(path)}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return counters


def read_counters(path: Path) -> dict[str, Any]:
    """The counters alone: they say which phase's variables the file holds.

    Raises:
        KitError: the file is damaged.
    """
    return _read(path, with_values=False)[0]


def _read(path: Path, with_values: bool) -> tuple[dict[str, Any], list[np.ndarray]]:
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            counters = json.loads(str(file["counters"]))
            values = [file[f"v{index}"] for index in range(len(file.files) - 1)] if with_values else []
    except Exception as error:  # zipfile, zlib, json and numpy each raise their own on a damaged file
        raise KitError(f"{path} cannot be read ({type(error).__name__}: {error}). {_mend(path)}") from None
    return counters, values


def _mend(path: Path) -> str:
    return f"Delete {path.parent} and run `make train` again."
