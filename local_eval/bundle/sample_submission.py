"""The starting kit's sample submission: its model.py and weights fitted to training images."""

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import numpy as np

from ..case import spread_rows
from .contest import Contest

KIT = Path(__file__).with_name("starting_kit")
_MOST_IMAGES = 4096
_BATCH = 256


def sample_submission(contest: Contest) -> dict[str, bytes]:
    """Name -> contents of the sample's files. Nothing of the hidden images is in them.

    The weights are the class means of `features` of at most 4096 evenly spread training images, and their scale.
    """
    features = _load(KIT / "model.py").features
    rows = contest.training_rows[spread_rows(len(contest.training_rows), _MOST_IMAGES)]
    values = np.concatenate(
        [features(contest.data.images[rows[start : start + _BATCH]]) for start in range(0, len(rows), _BATCH)]
    )
    labels, scale = contest.data.labels[rows], values.std(axis=0) + 1
    means = np.full((len(contest.class_names), values.shape[1]), np.inf, np.float32)  # a class without images: never
    for label in np.unique(labels):
        means[label] = values[labels == label].mean(axis=0) / scale
    weights = io.BytesIO()
    np.savez(weights, means=means, scale=scale.astype(np.float32))
    return {"model.py": (KIT / "model.py").read_bytes(), "weights.npz": weights.getvalue()}


def _load(path: Path) -> ModuleType:
    """A file as a module, whatever other modules are called like it."""
    spec = importlib.util.spec_from_file_location(f"starting_kit_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
