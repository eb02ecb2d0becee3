"""Codabench ingestion program: run the submission's `Model` on the images and keep its predictions by image id.

    python ingestion.py INPUT_DATA OUTPUT INGESTED_PROGRAM

INPUT_DATA        images.npy uint8 (N, H, W, C), ids.npy (N,); optional class_names.json (K strings); or folders of
                  these, one for each suite of images
INGESTED_PROGRAM  the unpacked submission: model.py with `class Model`, `__init__(self)`, `predict(self, X)`
OUTPUT            predictions.npz (ids, labels int64 (N,)), predictions.csv (id,label), timing.json and a seal, in a
                  folder for each suite where the input has such; or failed.json

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


def suite_folders(input_dir):
    """Where the images are: {"": input_dir}, or {suite: folder} by name where each suite has a folder.

    Raises:
        FileNotFoundError: there are no images.
    """
    if (input_dir / "images.npy").exists():
        return {"": input_dir}
    found = {path.parent.name: path.parent for path in sorted(input_dir.glob("*/images.npy"))}
    if not found:
        raise FileNotFoundError("the input data hold neither images.npy nor folders with one")
    return found


def run_model(input_dir, submission_dir, on_ready=lambda startup_seconds: None):
    """Import the submission, predict all images of all suites with one model; `on_ready` is called between the two.

    Returns:
        {suite: (ids (N,), labels int64 (N,), seconds of `predict`)}, seconds of import and `__init__`.
    """
    folders = suite_folders(input_dir)
    ids = {suite: np.load(folder / "ids.npy", allow_pickle=False) for suite, folder in folders.items()}

    sys.path.insert(0, str(submission_dir))
    started = time.perf_counter()
    model = importlib.import_module("model").Model()
    startup_seconds = time.perf_counter() - started
    on_ready(startup_seconds)
    predicted = {}
    for suite, folder in folders.items():
        images = np.load(folder / "images.npy", allow_pickle=False)
        names = folder / "class_names.json"
        num_classes = len(json.loads(names.read_text(encoding="utf-8"))) if names.exists() else None
        started = time.perf_counter()
        predictions = model.predict(images)
        seconds = time.perf_counter() - started
        predicted[suite] = ids[suite], check_predictions(predictions, len(ids[suite]), num_classes), seconds
    return predicted, startup_seconds


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
    """Predictions and timing of one suite, then the seal: an empty file named after the sha256 of predictions.npz.

    Platforms from v1.27 copy the submission over these files before scoring. That can replace a file or add one, but
    never remove one: a predictions.npz left in a zip lacks its seal, and one left with its seal makes two of them.
    """
    output_dir.mkdir(exist_ok=True)
    with open(str(output_dir / "predictions.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label"])
        writer.writerows(zip(ids.tolist(), labels.tolist()))  # noqa: B905 - `strict` is newer than Python 3.7
    np.savez(str(output_dir / "predictions.npz"), ids=ids, labels=labels)
    timing = {"images": len(ids), "startup_seconds": startup_seconds, "prediction_seconds": prediction_seconds}
    (output_dir / "timing.json").write_text(json.dumps(timing, indent=1), encoding="utf-8")
    digest = hashlib.sha256((output_dir / "predictions.npz").read_bytes()).hexdigest()
    (output_dir / f"predictions-{digest}.seal").touch()


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
        predicted, startup_seconds = run_model(input_dir, submission_dir, on_ready)
        # Whatever the model left in the output folder is not ours: only this program's files go on to scoring.
        empty_folder(output_dir)
        write_marker(output_dir, "prediction was stopped while its results were being written")
        for suite, (ids, labels, seconds) in predicted.items():
            write_output(output_dir / suite, ids, labels, startup_seconds, seconds)
        (output_dir / "failed.json").unlink()
    except BaseException as error:  # SystemExit too: a model that calls sys.exit(0) has not predicted anything
        print_contestant_traceback(error)
        write_marker(output_dir, f"{type(error).__name__}: {error}", *ready)
        return 1
    count, seconds = sum(len(ids) for ids, _, _ in predicted.values()), sum(one[2] for one in predicted.values())
    print(f"{count} predictions: {startup_seconds:.1f} s to start, {seconds:.1f} s to predict")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
