"""Run an unpacked zip's Model in a process of its own, where nothing of this working tree can be imported."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError

# Arguments: the unpacked zip; images.npy; the answer's npz; the JSON of times and versions. Python 3.8 reads it too.
_CHILD = """
import json, sys, time
start = time.perf_counter()
import numpy as np
sys.path.insert(0, sys.argv[1])
from model import Model
model = Model()
load_s = time.perf_counter() - start
images = np.load(sys.argv[2], mmap_mode="r")
start = time.perf_counter()
answer = {"labels": np.asarray(model.predict(images))}
predict_s = time.perf_counter() - start
predict_probs = getattr(getattr(model, "predictor", None), "predict_probs", None)
if predict_probs is not None:
    answer["probs"] = predict_probs(images)
engines = list(getattr(getattr(model, "predictor", None), "engines", ()))
np.savez(sys.argv[3], **answer)
from importlib import metadata
versions = {"python": sys.version.split()[0], "numpy": np.__version__}
for name in ("tensorflow", "keras"):
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        versions[name] = getattr(sys.modules.get(name), "__version__", "-")
with open(sys.argv[4], "w") as file:
    json.dump({"load_s": load_s, "predict_s": predict_s, "versions": versions, "engines": engines}, file)
"""


@dataclass(frozen=True)
class ZipRun:
    """labels: what `predict` returned; probs: float32 (n, K), None where the zip is not this kit's.

    load_s: imports and `Model()`; predict_s: `predict`; versions: of python, numpy, tensorflow, keras, "-" if absent.
    engines: what ran each member, "tflite" or "savedmodel"; none where the zip is not this kit's.
    """

    labels: np.ndarray
    probs: np.ndarray | None
    load_s: float
    predict_s: float
    versions: dict[str, str]
    engines: list[str] = field(default_factory=list)


def run_zip(
    path: str | Path, images: np.ndarray, python: str | Path = sys.executable, limit_s: float | None = None
) -> ZipRun:
    """Run a zip's Model on images.

    Args:
        path: the zip.
        images: uint8 (n, H, W, C).
        python: the interpreter, whose environment holds what the zip imports.
        limit_s: seconds until the process is ended; by default it may take any time.

    Raises:
        KitError: the process failed or took too long; the end of its messages is quoted.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / "zip")
        (folder / "cwd").mkdir()
        np.save(folder / "images.npy", images)
        arguments = [folder / one for one in ("zip", "images.npy", "answer.npz", "told.json")]
        # -I: neither PYTHONPATH nor the working directory is on the path, as on the platform
        command: list[str | Path] = [Path(python).absolute(), "-I", "-c", _CHILD, *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=folder / "cwd",
                env=_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            raise KitError(f"{Path(path).name}: its model took more than {limit_s:g} s.") from None
        if done.returncode:
            raise KitError(
                f"{Path(path).name}: its model failed with exit status {done.returncode}:\n{done.stderr[-2000:]}"
            )
        try:
            with np.load(folder / "answer.npz") as answer:
                labels, probs = answer["labels"], answer.get("probs")
            told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # it ended itself with 0, or predicted objects
            raise KitError(f"{Path(path).name}: its model left no readable answer ({error}).") from None
    return ZipRun(labels, probs, **told)


def predict_with_zip(path: str | Path, images: np.ndarray) -> ZipRun:
    """Run a zip of this kit, which has probabilities; errors as of `run_zip`."""
    run = run_zip(path, images)
    if run.probs is None:
        raise KitError(f"{Path(path).name}: expected `Model().predictor.predict_probs`. Received: none.")
    return run


def _environment() -> dict[str, str]:
    """Ours, without the choice of a Keras backend: the zip must not depend on it."""
    return {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
