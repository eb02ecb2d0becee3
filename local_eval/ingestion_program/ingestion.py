"""Codabench ingestion program: run the submission's `Model` on the images and keep its predictions by image id.

    python ingestion.py INPUT_DATA OUTPUT INGESTED_PROGRAM

INPUT_DATA        images.npy uint8 (N, H, W, C), ids.npy (N,); optional class_names.json (K strings); or folders of
                  these, one for each suite of images
INGESTED_PROGRAM  the unpacked submission: model.py with `class Model`, `__init__(self)`, `predict(self, X)`
OUTPUT            predictions.npz (ids, labels int64 (N,)), predictions.csv (id,label), timing.json and a seal, in a
                  folder for each suite where the input has such; or failed.json

The submission's code runs in a process of its own (predicting.py), which hands over labels through a pipe; whatever
else it writes, patches or removes is gone before this process writes what goes on to scoring.

The platform ignores this program's exit code and always goes on to scoring. So the marker failed.json is there from the
first moment and goes only when everything is written.
Standard library and numpy only, Python 3.7 and later: the platform's default image is that old.
"""

import csv
import hashlib
import json
import math
import os
import select
import shutil
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import numpy as np
from predict_contract import check_predictions, read_num_classes, suite_folders

_POLL_S = 0.1
_SILENCE = "prediction ended without a word"


class FailedError(Exception):
    """The submission has not predicted; `exit_code` is how its process ended."""

    def __init__(self, message, exit_code=1):
        super().__init__(message)
        self.exit_code = exit_code


def read_inputs(input_dir):
    """{suite: (ids (N,), K or None)}; read before the submission's code runs, which may write there."""
    return {
        suite: (np.load(str(folder / "ids.npy"), allow_pickle=False), read_num_classes(folder))
        for suite, folder in suite_folders(input_dir).items()
    }


def run_model(input_dir, submission_dir, on_ready=lambda startup_seconds: None):
    """Run predicting.py and yield what it tells, suite by suite; `on_ready` is called when `predict` begins.

    Yields:
        suite, labels as a list, seconds of `predict`.

    Raises:
        FailedError: it raised, crashed, was killed or left before it was done.
    """
    read_fd, write_fd = os.pipe()
    script = str(Path(__file__).resolve().with_name("predicting.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(input_dir), str(submission_dir), str(write_fd)], pass_fds=[write_fd]
    )
    os.close(write_fd)
    try:
        for line in read_lines(read_fd, process):
            told = json.loads(line)
            if "startup_seconds" in told:
                on_ready(told["startup_seconds"])
            elif "labels" in told:
                yield told["suite"], told["labels"], told["prediction_seconds"]
            elif "done" in told:
                return
            else:
                raise FailedError(told["error"])
        raise FailedError(*describe_end(process.wait()))
    finally:
        os.close(read_fd)
        process.kill()
        process.wait()


def read_lines(read_fd, process):
    """Lines from a pipe until its end, or until the process has ended: forks of it may hold the pipe open."""
    left = b""
    while True:
        ended = process.poll() is not None
        if not select.select([read_fd], [], [], 0 if ended else _POLL_S)[0]:
            if ended:
                return
            continue
        piece = os.read(read_fd, 1 << 16)
        if not piece:
            return
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8")


def describe_end(returncode):
    """Why there is no word of the submission's process, and the exit code that a shell would give it."""
    if returncode == 0:
        return f"{_SILENCE}: os._exit(0) was called, or something like it", 1
    code = 128 - returncode if returncode < 0 else returncode
    if code == 128 + signal.SIGKILL:
        return f"{_SILENCE}: killed (exit code {code}), most often because it took too much memory", code
    return f"{_SILENCE}: {f'crashed by signal {code - 128}' if code > 128 else f'exit code {code}'}", code


def end_what_is_left():
    """In a container this is process 1: then end all that the submission has started and left behind."""
    if os.getpid() == 1:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


def check_seconds(seconds):
    """Seconds as told, a finite float of at least 0.

    Raises:
        ValueError: they are not.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise ValueError(f"expected seconds. Received: {seconds!r}")
    return float(seconds)


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
    """Exit code: 0, or that of a process of the submission's that ended badly; its traceback has been printed."""
    input_dir, output_dir, submission_dir = (Path(argument).resolve() for argument in argv)
    empty_folder(output_dir)
    write_marker(output_dir, f"{_SILENCE}: the ingestion program itself was killed")
    ready = []

    def on_ready(startup_seconds):
        ready.append(check_seconds(startup_seconds))
        write_marker(output_dir, f"{_SILENCE}: the ingestion program itself was killed", ready[0])

    try:
        inputs = read_inputs(input_dir)
        predicted = {}
        try:
            for suite, labels, seconds in run_model(input_dir, submission_dir, on_ready):
                ids, num_classes = inputs[suite]
                predicted[suite] = check_predictions(labels, len(ids), num_classes), check_seconds(seconds)
        finally:
            end_what_is_left()
        # Whatever the model left in the output folder is not ours: only this program's files go on to scoring.
        empty_folder(output_dir)
        write_marker(output_dir, "prediction was stopped while its results were being written")
        for suite, (ids, _) in inputs.items():
            labels, seconds = predicted[suite]
            write_output(output_dir / suite, ids, labels, ready[0], seconds)
        (output_dir / "failed.json").unlink()
    except FailedError as error:
        write_marker(output_dir, str(error), *ready)
        if str(error).startswith(_SILENCE):  # else its traceback has been printed
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BaseException as error:
        traceback.print_exc()
        write_marker(output_dir, f"{type(error).__name__}: {error}", *ready)
        return 1
    count, seconds = sum(len(ids) for ids, _ in inputs.values()), sum(one[1] for one in predicted.values())
    print(f"{count} predictions: {ready[0]:.1f} s to start, {seconds:.1f} s to predict")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
