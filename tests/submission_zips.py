"""Tiny submissions and data for the tests of the judge: numpy only, so that a run takes a fraction of a second."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from submission.kit.image_set import write_image_set

CLASSES = ["a", "b <i>", "c"]
SHAPE = (6, 6, 3)

GOOD = """
import numpy as np


class Model:
    def __init__(self):
        pass

    def predict(self, X):
        return np.clip(np.round(X.mean((1, 2, 3)) / 80), 0, 2).astype(np.int64)
"""


def model(predict: str = "return good(X)", init: str = "pass", top: str = "") -> str:
    """model.py whose methods have these bodies; `good` predicts rightly, `OUT` is the output folder."""
    lines = [
        "import os, sys, time, subprocess",
        "from pathlib import Path",
        "import numpy as np",
        "OUT = Path(__file__).resolve().parent.parent / 'output'",
        "INPUT = Path(__file__).resolve().parent.parent / 'input_data'",
        "def good(X):",
        "    return np.clip(np.round(X.mean((1, 2, 3)) / 80), 0, 2).astype(np.int64)",
        *top.splitlines(),
        "class Model:",
        "    def __init__(self):",
        *(f"        {line}" for line in init.splitlines()),
        "    def predict(self, X):",
        *(f"        {line}" for line in predict.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def make_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A zip with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tiny_images(count: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 6, 6, 3) whose brightness is 80 times their label, and labels (n,), every class present."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    noise = rng.integers(0, 8, (count, *SHAPE), dtype=np.uint8)
    return (labels[:, None, None, None] * 80).astype(np.uint8) + noise, labels


def tiny_set(folder: Path, count: int = 12, seed: int = 0) -> Path:
    """An image set of `tiny_images`."""
    images, labels = tiny_images(count, seed)
    write_image_set(folder, [(images, labels)], count, SHAPE, {"class_names": CLASSES})
    return folder
