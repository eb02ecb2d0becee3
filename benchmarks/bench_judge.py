"""The judge's overhead over running the model alone, and its memory on a zip of 1.3 GB.

Alone: one process that loads the images, imports model.py, makes the Model and predicts. Judged: unpacking, prediction,
scoring in the layouts of both versions of the platform. Both in alternating order; the median of the differences is the
overhead. The members' table of a zip of this kit is no part of it: that is a second look at them, for the report.
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
from local_eval.unpack import unpack
from local_eval.worker import PLATFORMS, run_on_platforms
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


def judged(zip_path: Path, case_folders: tuple[Path, Path], work: Path, mode: str) -> list[Outcome]:
    """One outcome a version of the platform."""
    outcomes = list(
        run_on_platforms(
            zip_path,
            case_folders,
            work,
            Limits(6000),
            PLATFORMS,
            ingestion_program=PROGRAMS / "ingestion_program",
            scoring_program=PROGRAMS / "scoring_program",
            isolation=choose_isolation(mode),
        )
    )
    for outcome in outcomes:
        if outcome.status != "Finished":
            raise KitError(f"expected a run that finishes. Received: {outcome.message}\n{outcome.tail}")
    return outcomes


def cpu_s() -> float:
    """Processor time of this process and of those that have ended below it: other work on the machine is not in it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def overhead(folder: Path, zip_path: Path, case_folders: tuple[Path, Path], repeats: int, mode: str) -> None:
    """Times of the model alone and of the judge, in turns."""
    model_dir = folder / f"model-{mode}"
    unpack(zip_path, model_dir)
    images = case_folders[0] / "images.npy"
    alone_s, judged_s, steps_s, cpu_differences = [], [], [], []
    for number in range(repeats):
        start, start_cpu = time.perf_counter(), cpu_s()
        subprocess.run([sys.executable, "-c", ALONE, str(model_dir), str(images)], check=True)
        middle, middle_cpu = time.perf_counter(), cpu_s()
        first, second = judged(zip_path, case_folders, folder / f"work-{mode}-{number}", mode)
        end = time.perf_counter()
        cpu_differences.append(cpu_s() - 2 * middle_cpu + start_cpu)
        alone_s.append(middle - start)
        judged_s.append(end - middle)
        steps_s.append((first.seconds["prediction"], first.seconds["scoring"], second.seconds["scoring"]))
    differences = [taken - alone for taken, alone in zip(judged_s, alone_s, strict=True)]
    prediction, scoring, again = (statistics.median(times) for times in zip(*steps_s, strict=True))
    print(
        f"isolation {mode}: model alone {statistics.median(alone_s):.2f} s, judged {statistics.median(judged_s):.2f} s "
        f"(prediction {prediction:.2f} s, by {first.predicted_by} and {second.predicted_by}; scoring {scoring:.2f} s "
        f"and {again:.2f} s), overhead {statistics.median(differences):.2f} s "
        f"[{min(differences):.2f}, {max(differences):.2f}], in processor time "
        f"{statistics.median(cpu_differences):.2f} s, {repeats} repeats"
    )


def large_zip(folder: Path, size_bytes: int, images: int) -> None:
    """Runs in a process of its own, whose peak memory is the judge's."""
    case = folder / "case"
    outcome, _ = judged(folder / "large.zip", (case / "input", case / "reference"), folder / "work-large", "auto")
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
    parser.add_argument("--zip", type=Path, help="judge this zip instead of a small one of the benchmark's")
    parser.add_argument("--image-set", type=Path, help="on this image set folder instead of random images")
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
        if options.image_set is None:
            make_images(folder / "images", options.images)
        images = open_image_set(options.image_set or folder / "images", "make suites")
        case = make_case(images, folder / "case", np.arange(len(images)))
        folders = (case.input_dir, case.reference_dir)
        if options.zip is None:
            make_zip(folder / "small.zip")
        shape = "x".join(map(str, images.image_shape))
        print(f"{len(images)} images of {shape}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for mode in ("auto", "none"):
            overhead(folder, options.zip or folder / "small.zip", folders, options.repeats, mode)
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
