"""One net of the ensemble: run by the interpreter where that is known to be right and faster, else as a graph."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import KitError
from .files import sha256_file
from .saved_model import SavedModel
from .tflite_model import TfliteModel

TFLITE, SAVEDMODEL = "tflite", "savedmodel"
ENGINE_FILE = "engine.json"
MODEL_FILE = "model.tflite"
PROBE_FILE = "probe.npz"

PROBE_TOLERANCE = 2e-4
"""Largest difference at load from what the graph gave at packaging: twice what was allowed on that machine."""

# What an interpreter or a file may answer that this TensorFlow, or this disk, does not agree with.
_FAILURES = (
    *(ImportError, AttributeError, KeyError, EOFError, OSError, RuntimeError, ValueError),
    zipfile.BadZipFile,  # the probe's
)
_LOG = logging.getLogger("submission.kit")


@dataclass(frozen=True)
class EngineFile:
    """What engine.json tells: the engine, how many images one takes at a time, the sha256 of model.tflite, and how far
    it may be from its probe."""

    engine: str = SAVEDMODEL
    batch_sizes: dict[str, int] = field(default_factory=dict)
    sha256: str = ""
    probe_tolerance: float = PROBE_TOLERANCE


class Member:
    """Call it with uint8 (n, H, W, C); it returns float32 (n, K) probabilities.

    The folder is a SavedModel. Beside it `engine.json` may name the engine, "tflite" or "savedmodel", and how many
    images each takes at a time; a folder without that file runs as a SavedModel, all images at once. Before the
    interpreter is trusted it predicts the images of `probe.npz`; if it cannot be loaded here, or gives other
    probabilities than stored, the SavedModel runs instead, and a warning says so.

    Args:
        folder: the member's.
        engine: which to run; by default what the folder names.

    Raises:
        KitError: no SavedModel there, its signature differs, or `engine.json` is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], engine: str | None = None):
        self.folder = Path(folder)
        told = read_engine(self.folder)
        self._model: SavedModel | TfliteModel | None = None
        if (engine or told.engine) == TFLITE:
            self._model = self._checked_tflite(told)
        self.engine = TFLITE if self._model is not None else SAVEDMODEL
        if self._model is None:
            self._model = SavedModel(self.folder, told.batch_sizes.get(SAVEDMODEL))
        self.image_shape = self._model.image_shape
        self.num_classes = self._model.num_classes

    def __call__(self, images: np.ndarray) -> np.ndarray:
        assert self._model is not None
        probs = self._model(images)
        if not np.isfinite(probs).all():
            raise KitError(f"{self.folder.name} returned probabilities that are not finite: export it again.")
        return probs

    def _checked_tflite(self, told: EngineFile) -> TfliteModel | None:
        """The interpreter, or None and a warning."""
        path = self.folder / MODEL_FILE
        try:
            if sha256_file(path) != told.sha256:  # measured: a file that is cut ends the whole process
                raise OSError(f"{path} is not what was packaged")
            model = TfliteModel(path, told.batch_sizes.get(TFLITE))
            with open(self.folder / PROBE_FILE, "rb") as file, np.load(file) as probe:
                images, expected = probe["images"], probe["probs"]
            difference = float(np.abs(model(images) - expected).max())
        except _FAILURES as error:
            reason = f"the interpreter does not run here ({str(error).strip()[:300]})"
        else:
            if difference <= told.probe_tolerance:
                return model
            reason = f"the interpreter differs by {difference:.2g} from what it gave when it was packaged"
        _LOG.warning("%s: %s; its SavedModel runs instead, only slower.", self.folder.name, reason)
        return None


def read_engine(folder: Path) -> EngineFile:
    """The engine.json of a member's folder; one that is not there tells of a SavedModel.

    Raises:
        KitError: it is damaged.
    """
    path = folder / ENGINE_FILE
    if not path.is_file():
        return EngineFile()
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        batch_sizes = {name: int(size) for name, size in value["batch_sizes"].items()}
        tolerance = float(value.get("probe_tolerance", PROBE_TOLERANCE))
        told = EngineFile(value["engine"], batch_sizes, value.get("sha256", ""), tolerance)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KitError(f"expected engine and batch_sizes in {path}: {error!r}") from None
    if told.engine not in (TFLITE, SAVEDMODEL) or min(batch_sizes.values(), default=1) < 1:
        raise KitError(f"{path}: expected {TFLITE} or {SAVEDMODEL}, and batches of at least 1. Received: {value}")
    return told
