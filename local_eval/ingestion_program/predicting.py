"""The process that runs the submission's code: ingestion.py starts it and takes labels from it, nothing else.

    python predicting.py INPUT_DATA INGESTED_PROGRAM PIPE

PIPE is the number of a file descriptor for lines of JSON: {"startup_seconds"} when `predict` is about to begin,
{"suite", "labels", "prediction_seconds"} for each suite, {"done": true} at the end; {"error"} in the place of what is
missing. Standard library and numpy only, Python 3.7 and later.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from predict_contract import check_predictions, read_num_classes, suite_folders


def run_model(input_dir, submission_dir, tell):
    """Import the submission, make one model, predict the images of all suites, and tell what came."""
    sys.path.insert(0, str(submission_dir))
    started = time.perf_counter()
    model = importlib.import_module("model").Model()
    tell(startup_seconds=time.perf_counter() - started)
    for suite, folder in suite_folders(input_dir).items():
        images = np.load(str(folder / "images.npy"), allow_pickle=False)
        num_images, num_classes = len(images), read_num_classes(folder)
        started = time.perf_counter()
        predictions = model.predict(images)
        seconds = time.perf_counter() - started
        labels = check_predictions(predictions, num_images, num_classes)
        tell(suite=suite, labels=labels.tolist(), prediction_seconds=seconds)


def print_contestant_traceback(error):
    """The traceback on standard error, from the first frame that is neither this program's nor the import system's."""
    here = os.path.dirname(__file__)  # noqa: PTH120 - as the frames have it
    frames = error.__traceback__
    while frames:
        name = frames.tb_frame.f_code.co_filename
        if os.path.dirname(name) != here and "importlib" not in name:  # noqa: PTH120
            break
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def main(argv):
    """Exit code: 0, or 1 after printing the contestant's traceback."""
    input_dir, submission_dir, pipe = Path(argv[0]), Path(argv[1]), int(argv[2])
    os.set_inheritable(pipe, False)
    own_pid = os.getpid()

    def tell(**message):
        if os.getpid() == own_pid:  # a model that forks may come back from `predict` twice
            with open(pipe, "w", encoding="utf-8", closefd=False) as file:
                file.write(json.dumps(message) + "\n")

    try:
        run_model(input_dir, submission_dir, tell)
    except BaseException as error:  # SystemExit too: a model that calls sys.exit(0) has not predicted anything
        print_contestant_traceback(error)
        tell(error=f"{type(error).__name__}: {error}")
        return 1
    sys.stdout.flush()
    sys.stderr.flush()
    tell(done=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
