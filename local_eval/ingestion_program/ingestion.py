"""Codabench ingestion program: run the submission's `Model` on the images and keep its predictions by image id.

    python ingestion.py INPUT_DATA OUTPUT INGESTED_PROGRAM

INPUT_DATA        images.npy uint8 (N, H, W, C), ids.npy (N,); optional class_names.json (K strings)
INGESTED_PROGRAM  the unpacked submission: model.py with `class Model`, `__init__(self)`, `predict(self, X)`
OUTPUT            predictions.npz (ids, labels int64 (N,)), predictions.csv (id,label), timing.json; or failed.json

The platform ignores this program's exit code and always goes on to scoring. So the marker failed.json is there from the
first moment and goes only when everything is written: a crash, a kill, `sys.exit` and `os._exit` all leave it behind.
Standard library and numpy only, Python 3.7 and later: the platform's default image is that old.
"""

import csv
import hashlib
import importlib
import json
import shutil
import sys
import time
import traceback
from pathlib import Path

import numpy as np


def check_predictions(predictions, num_images, num_classes=None):
    """The predictions as int64 (N,).

    Args:
        predictions: what `predict` returned: (N,) or (N, 1) integer class indices.
        num_images: N.
        num_classes: K, or None where it is not known here (the scoring program checks it again).

    Raises:
        ValueError: wrong count, shape, type or range; the message says what came and what mends it.
    """
    if predictions is None:
        raise ValueError("predict returned None: expected (n,) integer class indices. Is a `return` missing?")
    try:
        array = np.asarray(predictions)
    except ValueError as error:
        raise ValueError(f"predict returned a ragged list ({error}): expected (n,) class indices.") from None
    received = f"Received: shape {array.shape}, dtype {array.dtype}."
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"expected class indices of shape (n,), not one-hot rows or probabilities. {received} "
            "Return np.argmax(probabilities, axis=1)."
        )
    if array.shape not in ((num_images,), (num_images, 1)):
        raise ValueError(f"expected one class index for each of {num_images} images. {received}")
    array = array.reshape(num_images)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"expected integer class indices. {received} Some are NaN or infinite.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"expected integer class indices. {received} Return np.argmax(..., axis=1).")
    top = np.iinfo(np.int64).max if num_classes is None else num_classes - 1
    if num_images and (array.min() < 0 or array.max() > top):
        raise ValueError(
            "expected class indices in [0, {}). Received: values from {} to {}.".format(
                "K" if num_classes is None else num_classes, array.min(), array.max()
            )
        )
    return array.astype(np.int64)


def run_model(input_dir, submission_dir, on_ready=lambda startup_seconds: None):
    """Import the submission, predict all images; `on_ready` is called between the two.

    Returns:
        ids (N,), labels int64 (N,), seconds of import and `__init__`, seconds of `predict`.
    """
    images = np.load(input_dir / "images.npy", allow_pickle=False)
    ids = np.load(input_dir / "ids.npy", allow_pickle=False)
    names = input_dir / "class_names.json"
    num_classes = len(json.loads(names.read_text(encoding="utf-8"))) if names.exists() else None

    sys.path.insert(0, str(submission_dir))
    started = time.perf_counter()
    model = importlib.import_module("model").Model()
    ready = time.perf_counter()
    on_ready(ready - started)
    predicting = time.perf_counter()
    predictions = model.predict(images)
    done = time.perf_counter()
    return ids, check_predictions(predictions, len(ids), num_classes), ready - started, done - predicting


def print_contestant_traceback(error):
    """The traceback on standard error, from the first frame that is neither this program's nor the import system's."""
    frames = error.__traceback__
    while frames and (
        frames.tb_frame.f_code.co_filename == __file__ or "importlib" in frames.tb_frame.f_code.co_filename
    ):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def empty_folder(folder):
    """Remove what lies in the folder: platforms up to v1.26 copy the submission there, old predictions included."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_marker(output_dir, message, startup_seconds=None):
    """failed.json: scoring refuses the run while it is there; `startup_seconds` is null until `predict` begins."""
    output_dir.mkdir(parents=True, exist_ok=True)
    new = output_dir / "failed.json.new"
    new.write_text(json.dumps({"message": message, "startup_seconds": startup_seconds}), encoding="utf-8")
    new.replace(output_dir / "failed.json")


def write_output(output_dir, ids, labels, startup_seconds, prediction_seconds):
    """Predictions and timing; the marker goes last.

    timing.json holds the sha256 of predictions.npz: platforms from v1.27 copy the submission beside these files before
    scoring, and a predictions.npz left in a zip must not pass for this one.
    """
    with open(str(output_dir / "predictions.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows(zip(ids.tolist(), labels.tolist()))  # noqa: B905 - `strict` is newer than Python 3.7
    np.savez(str(output_dir / "predictions.npz"), ids=ids, labels=labels)
    timing = {
        "images": len(ids),
        "startup_seconds": startup_seconds,
        "prediction_seconds": prediction_seconds,
        "predictions_sha256": hashlib.sha256((output_dir / "predictions.npz").read_bytes()).hexdigest(),
    }
    (output_dir / "timing.json").write_text(json.dumps(timing, indent=1), encoding="utf-8")
    (output_dir / "failed.json").unlink()


def main(argv):
    """Exit code: 0, or 1 after printing the contestant's traceback."""
    input_dir, output_dir, submission_dir = (Path(argument).resolve() for argument in argv)
    empty_folder(output_dir)
    silence = "prediction ended without a word: killed (out of memory?), crashed, or os._exit was called"
    write_marker(output_dir, silence)
    ready = []

    def on_ready(startup_seconds):
        ready.append(startup_seconds)
        write_marker(output_dir, silence, startup_seconds)

    try:
        ids, labels, startup_seconds, prediction_seconds = run_model(input_dir, submission_dir, on_ready)
        # Whatever the model left in the output folder is not ours: only this program's files go on to scoring.
        empty_folder(output_dir)
        write_marker(output_dir, "prediction was stopped while its results were being written")
        write_output(output_dir, ids, labels, startup_seconds, prediction_seconds)
    except BaseException as error:  # SystemExit too: a model that calls sys.exit(0) has not predicted anything
        print_contestant_traceback(error)
        write_marker(output_dir, f"{type(error).__name__}: {error}", *ready)
        return 1
    print(f"{len(ids)} predictions: {startup_seconds:.1f} s to start, {prediction_seconds:.1f} s to predict")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
