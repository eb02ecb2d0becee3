"""A contest's artifacts with two tiny trained-looking nets: what export and package start from."""

import os
from pathlib import Path

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from submission.kit.files import write_json
from submission.kit.image_set import write_image_set
from submission.kit.probs_file import Probs, save_probs
from submission.kit.tta import VIEWS

CLASSES = ["a", "b", "c"]
SHAPE = (12, 12, 3)
RUNS = ("one-f0-s0-00000000", "two-f1-s0-11111111")
WEIGHTS_MV = [[0.5, 0.25], [0.0, 0.25]]
TEMPERATURES = [1.5, 0.8]
VIEW_NAMES = ["identity", "flip_rot90"]


def tiny_net(seed: int, image_shape: tuple[int, int, int] = SHAPE, num_classes: int = len(CLASSES)) -> keras.Model:
    """uint8 images -> probabilities; sensitive to every view, with batch statistics that are not the initial ones."""
    inputs = keras.Input(image_shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    outputs = keras.layers.Dense(num_classes, activation="softmax")(keras.layers.Flatten()(x))
    net = keras.Model(inputs, outputs)
    rng = np.random.default_rng(seed)
    for variable in net.variables:
        scale = 0.08 if variable.path.startswith("dense") else 0.3
        variable.assign(rng.normal(0, scale, variable.shape))
    norm = next(layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization))
    norm.moving_variance.assign(rng.uniform(0.2, 0.6, norm.moving_variance.shape))
    norm.gamma.assign(rng.uniform(0.5, 1.5, norm.gamma.shape))
    return net


def load_tiny_net(run_dir: Path) -> keras.Model:
    """As training's: the net of a run directory."""
    net = tiny_net(0)
    net.load_weights(run_dir / "best.weights.h5")
    return net


def tiny_images(num_images: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num_images, *SHAPE), dtype=np.uint8)


def make_artifacts(artifacts: Path, num_images: int = 20) -> Path:
    """Suites, two predicted runs and an ensemble of both; nothing exported yet."""
    labels = np.arange(num_images) % len(CLASSES)
    for n, suite in enumerate(("clean", "an2dl")):
        images = tiny_images(num_images, seed=n)
        ids = np.array([f"id{i}" for i in range(num_images)])
        folder = artifacts / "suites" / suite / "select"
        write_image_set(folder, [(images, labels)], num_images, SHAPE, {"class_names": CLASSES}, ids=ids)
        for m, run in enumerate(RUNS):
            net = tiny_net(m)
            run_dir = artifacts / "runs" / run
            run_dir.mkdir(parents=True, exist_ok=True)
            net.save_weights(run_dir / "best.weights.h5")
            order = np.random.default_rng(m).permutation(num_images)  # joined by id, never by row
            views = list(reversed(VIEW_NAMES))
            probs = np.stack([net(VIEWS[view](images[order]), training=False).numpy() for view in views])
            save_probs(run_dir / f"probs_{suite}_select.npz", Probs(ids[order], labels[order], probs, views))
    ensemble = {
        "members": [{"name": run, "run": run, "temperature": t} for run, t in zip(RUNS, TEMPERATURES, strict=True)],
        "views": VIEW_NAMES,
        "weights_mv": WEIGHTS_MV,
        "method": "simplex_views",
    }
    write_json(artifacts / "ensemble" / "ensemble.json", ensemble)
    return artifacts
