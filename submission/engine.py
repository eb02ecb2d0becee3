"""Which engine runs a member: TensorFlow's interpreter or its graph, by checking and timing both on this machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json
from submission.kit.member import ENGINE_FILE, MODEL_FILE, PROBE_FILE, SAVEDMODEL, TFLITE
from submission.kit.precisions import FLOAT32
from submission.kit.saved_model import SavedModel
from submission.kit.tflite_model import TfliteModel

from .convert import convert
from .precision import PROBE_TOLERANCES, check_labels

TOLERANCE = 1e-4
"""Largest difference of a probability between the two engines."""

ENGINES = ("auto", TFLITE, SAVEDMODEL)

_GRAPH_BATCH = 64  # what the predictor hands over
_BATCH = 16
_OTHER_BATCHES = (8, 32)
# Where an image takes the processor this long, a batch gains nothing more (measured: from 5 ms on) and costs memory.
_HEAVY_MS = 20.0
_HEAVY_BATCH = 4
_WORTHWHILE = 1.05  # below, the graph alone is shipped: the zip is half as large
_SAME_SPEED = 1.03
_PIECES = (1, 5)  # images; the rest follows as one piece, whose last batch is not full either
_PROBE_IMAGES = 4
_ROUNDS = (3, 9)
_BUDGET_S = 4.0
_OWN_CORE = 0.8


@dataclass(frozen=True)
class Engine:
    """The choice, as it was written into the member's folder.

    name: "tflite" or "savedmodel". batch_sizes: images that each takes at a time. ms_per_image: of each that was timed.
    largest_difference: between the two, None if there was no interpreter to compare. reason: why it was chosen.
    """

    name: str
    batch_sizes: dict[str, int]
    reason: str
    ms_per_image: dict[str, float] = field(default_factory=dict)
    largest_difference: float | None = None


def choose_engine(
    folder: Path,
    views: Sequence[np.ndarray],
    wanted: str = "auto",
    precision: str = FLOAT32,
    source: Path | None = None,
) -> Engine:
    """Convert a SavedModel, compare, time, and write `engine.json` into its folder.

    Where the interpreter is chosen, `model.tflite` and `probe.npz` (a few images, with what the graph gives for them)
    are written too; the SavedModel stays, for platforms where the interpreter fails. Otherwise nothing else is written.

    Args:
        folder: a SavedModel of `export_net`.
        views: images uint8 (n, H, W, C), n at least 8, real ones, under different views: what the engines are compared
            on, whole and in pieces.
        wanted: "auto" takes the interpreter where it is right and at least 1.05 times as fast; "tflite" where it is
            right; "savedmodel" never.
        precision: of the weights. Below float32 the two engines round differently: then it is labels that must agree.
        source: the same net as a SavedModel with weights in float32, which is converted; by default `folder`.

    Raises:
        KitError: "tflite" is wanted and cannot be had.
    """
    if wanted not in ENGINES:
        raise ValueError(f"wanted must be one of {ENGINES}. Received: {wanted!r}")
    graph = SavedModel(folder)
    expected = [graph(view) for view in views]
    start = time.process_time()
    graph(views[0][:8])
    is_heavy = (time.process_time() - start) / 8 * 1e3 > _HEAVY_MS
    batch_sizes = {TFLITE: _HEAVY_BATCH if is_heavy else _BATCH, SAVEDMODEL: 8 if is_heavy else _GRAPH_BATCH}
    path = folder / MODEL_FILE
    if wanted == SAVEDMODEL:
        return _write(folder, Engine(SAVEDMODEL, {SAVEDMODEL: batch_sizes[SAVEDMODEL]}, "asked for"))
    try:
        path.write_bytes(convert(source or folder, batch_sizes[TFLITE], precision))
        interpreter = _load(path)
        largest = _largest_difference(interpreter, views, expected)
        tolerance = TOLERANCE
        if precision != FLOAT32:
            given = np.stack([interpreter(view) for view in views])
            check_labels("the interpreter", given, np.stack(expected), precision)
            tolerance = np.inf
        if not largest <= tolerance:
            raise KitError(f"the interpreter differs from the graph by {largest:.3g}, by more than {tolerance:g}")
    except KitError as error:
        path.unlink(missing_ok=True)
        if wanted == TFLITE:
            raise
        return _write(folder, Engine(SAVEDMODEL, {SAVEDMODEL: batch_sizes[SAVEDMODEL]}, str(error)))

    if not is_heavy:
        batch_sizes[TFLITE] = _best_batch_size(path, views, expected, tolerance)
    images = np.resize(views[0], (batch_sizes[SAVEDMODEL], *views[0].shape[1:]))
    times = fastest_ms({TFLITE: TfliteModel(path, batch_sizes[TFLITE]), SAVEDMODEL: graph}, images)
    gain = times[SAVEDMODEL] / times[TFLITE]
    reason = f"the interpreter is {gain:.2f} times as fast as the graph"
    if wanted == "auto" and gain < _WORTHWHILE:
        path.unlink()
        chosen = Engine(SAVEDMODEL, {SAVEDMODEL: batch_sizes[SAVEDMODEL]}, reason, times, largest)
    else:
        probe = views[0][:_PROBE_IMAGES]
        probs = expected[0][:_PROBE_IMAGES] if precision == FLOAT32 else interpreter(probe)
        np.savez(folder / PROBE_FILE, images=probe, probs=probs)
        chosen = Engine(TFLITE, batch_sizes, reason, times, largest)
    return _write(folder, chosen, PROBE_TOLERANCES.get(precision))


def fastest_ms(ways: Mapping[str, Callable[[np.ndarray], object]], images: np.ndarray) -> dict[str, float]:
    """Milliseconds an image of each way, in turns: the fastest of three to nine rounds.

    By the clock on the wall; but where this process, which only computes, got less than a core, others use the machine
    and all times are the processor's.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for way in ways.values():
        way(images)
    begin = time.perf_counter(), time.process_time()
    for n in range(_ROUNDS[1]):
        if n >= _ROUNDS[0] and time.perf_counter() - begin[0] > _BUDGET_S:
            break
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            way(images)
            seconds[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall_s, processor_s = time.perf_counter() - begin[0], time.process_time() - begin[1]
    clock = 0 if processor_s >= _OWN_CORE * wall_s else 1
    return {name: min(value[clock] for value in values) / len(images) * 1e3 for name, values in seconds.items()}


def _best_batch_size(path: Path, views: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float) -> int:
    """The smallest that is about as fast as the fastest; a net with the batch in its shapes keeps that one."""
    models = {_BATCH: TfliteModel(path)}
    for size in _OTHER_BATCHES:
        try:
            model = TfliteModel(path, size)
            if _largest_difference(model, views, expected) <= tolerance:
                models[size] = model
        except (RuntimeError, ValueError):
            continue
    images = np.resize(views[0], (max(models) * 2, *views[0].shape[1:]))
    times = fastest_ms({str(size): model for size, model in models.items()}, images)
    return min(size for size in models if times[str(size)] <= _SAME_SPEED * min(times.values()))


def _load(path: Path) -> TfliteModel:
    try:
        return TfliteModel(path)
    except (ImportError, AttributeError, RuntimeError, ValueError) as error:
        raise KitError(f"the interpreter does not take what was converted: {error}") from None


def _largest_difference(model: TfliteModel, views: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    differences = []
    for images, probs in zip(views, expected, strict=True):
        pieces = np.split(images, np.cumsum(_PIECES))
        differences.append(np.abs(np.concatenate([model(piece) for piece in pieces]) - probs).max())
    return float(np.max(differences))  # NaN stays


def _write(folder: Path, engine: Engine, probe_tolerance: float | None = None) -> Engine:
    value: dict[str, Any] = {"engine": engine.name, "batch_sizes": engine.batch_sizes}
    if engine.name == TFLITE:
        value["sha256"] = sha256_file(folder / MODEL_FILE)
        if probe_tolerance is not None:
            value["probe_tolerance"] = probe_tolerance
    write_json(folder / ENGINE_FILE, value)
    return engine
