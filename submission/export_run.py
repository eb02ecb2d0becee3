"""A run's net in the form that is shipped, kept in the run's directory until its weights change."""

import dataclasses
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, read_json, sha256_file, write_json
from submission.kit.member import ENGINE_FILE
from submission.kit.tta import get_view, views_for

from .engine import choose_engine
from .export_net import export_net

if TYPE_CHECKING:
    import keras

WEIGHTS = "best.weights.h5"
FOLDER, RECORD = "export", "export.json"

_NUM_IMAGES = 61  # an odd number: no batch size divides it


def export_run(
    run_dir: Path,
    load_net: "Callable[[Path], keras.Model]",
    images: np.ndarray,
    wanted: str = "auto",
    again: bool = False,
) -> dict[str, Any]:
    """Write <run>/export/ (what the zip holds of a member) and <run>/export.json, unless they are up to date.

    Args:
        run_dir: a trained run's.
        load_net: run directory -> net, uint8 (n, H, W, C) -> probabilities (n, K).
        images: uint8 (n, H, W, C), n at least 8, on which engines are compared and timed.
        wanted: engine, as of `choose_engine`.
        again: even where it is up to date.

    Returns:
        What export.json holds: run, weights_sha256, wanted, versions, and the fields of `Engine`.

    Raises:
        KitError: the run has no weights, or its net cannot be exported.
    """
    weights = run_dir / WEIGHTS
    if not weights.is_file():
        raise KitError(f"expected a trained run with {weights}, which does not exist: run `make train` first.")
    folder, record = run_dir / FOLDER, run_dir / RECORD
    key = {
        "run": run_dir.name,
        "weights_sha256": sha256_file(weights),
        "image_shape": list(images.shape[1:]),
        "wanted": wanted,
        "versions": versions(),
    }
    if not again and record.is_file() and (folder / ENGINE_FILE).is_file():
        found = read_json(record, "make export")
        if {name: found.get(name) for name in key} == key:
            return found
    record.unlink(missing_ok=True)  # the folder is up to date only with a record that was written after it
    with atomic_path(folder) as new:
        export_net(load_net(run_dir), new, images.shape[1:])
        names = views_for(images.shape[1:])[:2]
        views = [np.ascontiguousarray(get_view(name)(images[:_NUM_IMAGES])) for name in names]
        engine = choose_engine(new, views, wanted)
    written = key | dataclasses.asdict(engine)
    write_json(record, written)
    return written


def versions() -> dict[str, str]:
    """Of what exports."""
    import keras
    import tensorflow as tf

    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
