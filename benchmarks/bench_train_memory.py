"""Peak memory of a training on the contest's 13,759 images, and on a file of ten times as many.

Each is a process of its own: it trains some steps an epoch on images from all over the file, then reads a whole epoch's
batches without training on them. The peak counts all pages of the process, mapped files included.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.files import write_text
from submission.kit.folds import Folds, fold_name, format_folds, load_folds
from submission.kit.image_set import open_image_set, write_image_set

CONTEST, CLASSES, FOLDS, BATCH = 13_759, 8, 10, 1000


def make_contest(artifacts: Path, count: int, size: int) -> None:
    """Images of noise, cleaned and split in name: the memory of a training does not depend on what they show."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, count)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in tqdm(range(0, count, BATCH), desc=f"make {count} images"):
            part = labels[start : start + BATCH]
            yield rng.integers(0, 256, (len(part), size, size, 3), np.uint8), part

    names = {"class_names": [f"class {k}" for k in range(CLASSES)]}
    write_image_set(artifacts / "data", batches(), count, (size, size, 3), names)
    data = open_image_set(artifacts / "data", "")
    index = np.arange(count)
    parts = np.array([fold_name(k) for k in range(FOLDS)])[index % FOLDS]
    write_text(artifacts / "split" / "folds.csv", format_folds(Folds(index, data.ids, data.labels, index, parts)))


def train_and_read(artifacts: Path, recipe: str, steps: int) -> None:
    """Train two quick epochs, read all batches of one, print the peak in MiB."""
    from training.batches import ShuffledBatches
    from training.paging import paged
    from training.train import main as train

    arguments = ["--artifacts", str(artifacts), "--recipe", recipe, "--steps", str(steps)]
    train([*arguments, "--set", "head_epochs=1"])
    data = paged(open_image_set(artifacts / "data", ""))
    rows = load_folds(artifacts / "split" / "folds.csv").training_rows(0)
    batches = ShuffledBatches(data, rows, 64, 0, 0)
    for index in tqdm(range(len(batches)), desc="read an epoch"):
        batches[index]
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_train_memory",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--recipe", default="small_cnn")
    parser.add_argument("--images", type=int, default=CONTEST)
    parser.add_argument("--times", type=int, default=10, help="how many times as large the second file is")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=20, help="of an epoch")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        step, folder = args.worker
        if step == "make":
            make_contest(Path(folder), args.images, args.size)
        else:
            train_and_read(Path(folder), args.recipe, args.steps)
        return 0
    peaks = []
    for count in (args.images, args.images * args.times):
        with tempfile.TemporaryDirectory() as folder:
            options = ["--recipe", args.recipe, "--images", str(count), "--size", str(args.size)]
            lines = []
            for step in ("make", "train"):  # each a child of this small process: a child begins with its parent's peak
                command = [sys.executable, "-m", "benchmarks.bench_train_memory", *options, "--steps", str(args.steps)]
                command += ["--worker", step, folder]
                lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
            megabytes = (Path(folder) / "data" / "images.npy").stat().st_size / 2**20
        peaks.append(float(lines[-1].split()[1]))
        print(f"{count:7} images, file of {megabytes:5.0f} MiB: {lines[-1]}", flush=True)
    print(f"{args.recipe}, {args.size} px: {peaks[1] / peaks[0]:.3f} times the peak for {args.times} times the images")
    return 0


if __name__ == "__main__":
    run_main(main)
