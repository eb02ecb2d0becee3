"""Run an unpacked zip's Model in a process of its own, where nothing of this working tree can be imported."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError

# Argument 1: the unpacked zip; 2: images.npy; 3: the answer's npz.
_CHILD = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from model import Model
images = np.load(sys.argv[2], mmap_mode="r")
model = Model()
np.savez(sys.argv[3], labels=model.predict(images), probs=model.predictor.predict_probs(images))
"""


def predict_with_zip(path: str | Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 (n,) and probabilities float32 (n, K) of a zip of this kit.

    Args:
        path: the zip.
        images: uint8 (n, H, W, C).

    Raises:
        KitError: the process failed; the end of its messages is quoted.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / "zip")
        (folder / "cwd").mkdir()
        np.save(folder / "images.npy", images)
        # -I: neither PYTHONPATH nor the working directory is on the path, as on the platform
        command = [sys.executable, "-I", "-c", _CHILD, "zip", "images.npy", "answer.npz"]
        command[4:] = [str(folder / argument) for argument in command[4:]]
        done = subprocess.run(
            command, cwd=folder / "cwd", env=_environment(), capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            raise KitError(
                f"{Path(path).name}: its model failed with exit status {done.returncode}:\n{done.stderr[-2000:]}"
            )
        with np.load(folder / "answer.npz") as answer:
            return answer["labels"], answer["probs"]


def _environment() -> dict[str, str]:
    """Ours, without the choice of a Keras backend: the zip must not depend on it."""
    return {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
