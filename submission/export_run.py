"""A run's net in the form that is shipped, kept in the run's directory until its weights change."""

import dataclasses
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, read_json, sha256_file, write_json
from submission.kit.member import ENGINE_FILE
from submission.kit.precisions import FLOAT32
from submission.kit.tta import get_view, views_for

from .engine import choose_engine
from .export_net import export_net
from .precision import folder_name

if TYPE_CHECKING:
    import keras

WEIGHTS = "best.weights.h5"
FOLDER = "export"

_NUM_IMAGES = 61  # an odd number: no batch size divides it


def export_run(
    run_dir: Path,
    load_net: "Callable[[Path], keras.Model]",
    images: np.ndarray,
    wanted: str = "auto",
    again: bool = False,
    precision: str = FLOAT32,
) -> dict[str, Any]:
    """Write <run>/export/ (what the zip holds of a member) and <run>/export.json, unless they are up to date.

    For another precision than float32 it is <run>/export-<precision>/ and <run>/export-<precision>.json.

    Args:
        run_dir: a trained run's.
        load_net: run directory -> net, uint8 (n, H, W, C) -> probabilities (n, K).
        images: uint8 (n, H, W, C), n at least 8, on which engines are compared and timed.
        wanted: engine, as of `choose_engine`.
        again: even where it is up to date.
        precision: of the weights, one of `PRECISIONS`.

    Returns:
        What export.json holds: run, weights_sha256, wanted, versions, precision if not float32, and the fields of
        `Engine`.

    Raises:
        KitError: the run has no weights, or its net cannot be exported.
    """
    weights = run_dir / WEIGHTS
    if not weights.is_file():
        raise KitError(f"expected a trained run with {weights}, which does not exist: run `make train` first.")
    folder, record = export_paths(run_dir, precision)
    key = {
        "run": run_dir.name,
        "weights_sha256": sha256_file(weights),
        "image_shape": list(images.shape[1:]),
        "wanted": wanted,
        "versions": versions(),
        **({} if precision == FLOAT32 else {"precision": precision}),
    }
    if not again and record.is_file() and (folder / ENGINE_FILE).is_file():
        found = read_json(record, "make export")
        if {name: found.get(name) for name in key} == key:
            return found
    record.unlink(missing_ok=True)  # the folder is up to date only with a record that was written after it
    names = views_for(images.shape[1:])[:2]
    views = [np.ascontiguousarray(get_view(name)(images[:_NUM_IMAGES])) for name in names]
    with atomic_path(folder) as new, tempfile.TemporaryDirectory() as scratch:
        net = load_net(run_dir)
        export_net(net, new, images.shape[1:], precision)
        if precision == FLOAT32:
            engine = choose_engine(new, views, wanted)
        else:
            whole = Path(scratch) / "whole"
            export_net(net, whole, images.shape[1:])
            engine = choose_engine(new, views, wanted, precision, whole)
    written = key | dataclasses.asdict(engine)
    write_json(record, written)
    return written


def export_paths(run_dir: Path, precision: str) -> tuple[Path, Path]:
    """The folder and the record of that precision."""
    return run_dir / folder_name(FOLDER, precision), run_dir / f"{folder_name('export', precision)}.json"


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
