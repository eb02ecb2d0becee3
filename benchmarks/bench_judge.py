"""The judge's overhead over running the model alone, and its memory on a zip of 1.3 GB.

Alone: one process that loads the images, imports model.py, makes the Model and predicts. Judged: unpacking, both steps
in containers, scores. Both in alternating order; the median of the differences is the overhead.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from local_eval.case import make_case
from local_eval.isolation import choose_isolation
from local_eval.limits import Limits
from local_eval.outcome import Outcome
from local_eval.worker import run_submission
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set, write_image_set

PROGRAMS = Path(__file__).parents[1] / "local_eval"
SHAPE, CLASSES = (96, 96, 3), 8
MODEL = """
import numpy as np


class Model:
    def __init__(self):
        self.weights = np.random.default_rng(0).normal(size=(8, 3))

    def predict(self, X):
        rows = [X[start : start + 64].mean((1, 2)) @ self.weights.T for start in range(0, len(X), 64)]
        return np.concatenate(rows).argmax(1)
"""
ALONE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
images = np.load(sys.argv[2])
from model import Model
Model().predict(images)
"""


def make_images(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    names = [str(k) for k in range(CLASSES)]
    write_image_set(folder, [(images, np.arange(count) % CLASSES)], count, SHAPE, {"class_names": names})


def make_zip(path: Path, weights_bytes: int = 0) -> None:
    """model.py and, stored, a file of so many bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.py", MODEL)
        if weights_bytes:
            block = np.random.default_rng(0).bytes(1 << 20)
            with archive.open("weights.bin", "w", force_zip64=True) as file:
                for start in range(0, weights_bytes, len(block)):
                    file.write(block[: weights_bytes - start])


def judged(zip_path: Path, case_folders: tuple[Path, Path], work: Path, mode: str) -> Outcome:
    outcome = run_submission(
        zip_path,
        *case_folders,
        work,
        Limits(6000),
        ingestion_program=PROGRAMS / "ingestion_program",
        scoring_program=PROGRAMS / "scoring_program",
        isolation=choose_isolation(mode),
    )
    if outcome.status != "Finished":
        raise KitError(f"expected a run that finishes. Received: {outcome.message}\n{outcome.tail}")
    return outcome


def overhead(folder: Path, case_folders: tuple[Path, Path], repeats: int, mode: str) -> None:
    zip_path, model_dir = folder / "small.zip", folder / "model"
    make_zip(zip_path)
    model_dir.mkdir(exist_ok=True)
    (model_dir / "model.py").write_text(MODEL, encoding="utf-8")
    images = case_folders[0] / "images.npy"
    alone_s, judged_s, steps_s = [], [], []
    for number in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", ALONE, str(model_dir), str(images)], check=True)
        middle = time.perf_counter()
        outcome = judged(zip_path, case_folders, folder / f"work-{mode}-{number}", mode)
        end = time.perf_counter()
        alone_s.append(middle - start)
        judged_s.append(end - middle)
        steps_s.append(sum(outcome.seconds.values()))
    differences = [taken - alone for taken, alone in zip(judged_s, alone_s, strict=True)]
    print(
        f"isolation {mode}: model alone {statistics.median(alone_s):.2f} s, judged {statistics.median(judged_s):.2f} s "
        f"(in its programs {statistics.median(steps_s):.2f} s), overhead {statistics.median(differences):.2f} s "
        f"[{min(differences):.2f}, {max(differences):.2f}], {repeats} repeats"
    )


def large_zip(folder: Path, size_bytes: int, images: int) -> None:
    """Runs in a process of its own, whose peak memory is the judge's."""
    case = folder / "case"
    outcome = judged(folder / "large.zip", (case / "input", case / "reference"), folder / "work-large", "auto")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    programs = ", ".join(f"{step} {used:.0f} MiB" for step, used in outcome.peak_mb.items())
    seconds = sum(outcome.seconds.values())
    print(json.dumps({"peak_mb": peak_mb, "programs": programs, "seconds": seconds, "bytes": size_bytes, "n": images}))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_judge",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=1200, help="images of 96x96x3")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each")
    parser.add_argument("--zip-bytes", type=int, default=1_300_000_000, help="size of the large zip; 0 leaves it out")
    parser.add_argument("--folder", type=Path, help="scratch folder on a disk with four times that; by default /tmp")
    parser.add_argument("--large-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.large_in is not None:
        large_zip(options.large_in, options.zip_bytes, options.images)
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_images(folder / "images", options.images)
        case = make_case(open_image_set(folder / "images", ""), folder / "case", np.arange(options.images))
        folders = (case.input_dir, case.reference_dir)
        print(f"{options.images} images of 96x96x3, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for mode in ("auto", "none"):
            overhead(folder, folders, options.repeats, mode)
        if options.zip_bytes:
            make_zip(folder / "large.zip", options.zip_bytes)
            start = time.perf_counter()
            words = ["--large-in", str(folder), "--zip-bytes", str(options.zip_bytes), "--images", str(options.images)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.bench_judge", *words], check=True, capture_output=True, text=True
            )
            told = json.loads(done.stdout)
            print(
                f"zip of {told['bytes'] / 1e9:.1f} GB: judge's peak {told['peak_mb']:.0f} MiB, {told['programs']}; "
                f"{time.perf_counter() - start:.1f} s in all, {told['seconds']:.1f} s of it in its programs"
            )
    return 0


if __name__ == "__main__":
    run_main(main)
