"""Recall, precision, time, memory of `training.clean` where the truth is known: `python -m benchmarks.bench_clean`."""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from benchmarks.plant_twins import plant_twins
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.cleaning.hamming import close_rows
from training.cleaning.table import read_clean


def score_rows(kinds: np.ndarray, originals: np.ndarray, dropped: np.ndarray) -> list[tuple[str, int, int]]:
    """For each planted kind how many there are and how many were found; last "precision": dropped, and rightly dropped.

    A copy is found if it or its original is dropped; dropping a joke, a copy, or a copied original is right.
    """
    copy = np.array([kind == "exact_duplicate" or kind.startswith("near") for kind in kinds])
    joke = np.char.startswith(kinds, "joke")
    found = np.where(joke, dropped, dropped | dropped[np.where(copy, originals, 0)])
    right = joke | copy
    right[originals[copy]] = True
    planted = [kind for kind in dict.fromkeys(kinds.tolist()) if kind != "cell"]
    rows = [(kind, int((kinds == kind).sum()), int(found[kinds == kind].sum())) for kind in planted]
    return [*rows, ("precision", int(dropped.sum()), int((dropped & right).sum()))]


def hash_only(images: np.ndarray, max_bits: int) -> np.ndarray:
    """What imagehash's pHash alone would drop, bool (N,): every later image within `max_bits` of an earlier one."""
    bits = np.stack([imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images])
    dropped = np.zeros(len(images), bool)
    for _, later in close_rows(np.packbits(bits, axis=1).view(np.uint64).ravel(), max_bits):
        dropped[later] = True
    return dropped


def _read_truth(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    with open(folder / "data" / "truth.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([row["kind"] for row in rows]), np.array([int(row["original_index"]) for row in rows])


def _print_table(title: str, rows: list[tuple[str, int, int]]) -> None:
    print(title)
    for name, of, count in rows:
        print(f"  {name:18} {count:6} of {of:6}  {count / of if of else 1:.4f}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_clean",
        description="Clean a set whose faults are known (A/data/truth.csv, or planted) and print what was found.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--plant", type=int, default=0, help="plant so many copies of each kind, ignoring truth.csv")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is planted")
    options = parser.parse_args(argv)
    data = options.artifacts / "data"
    if not options.plant and not (data / "truth.csv").exists():
        raise KitError(f"{data / 'truth.csv'} is missing: run `python -m training.data` or give --plant 100.")

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.plant:
            plant_twins(open_image_set(data, "python -m training.data"), folder, options.plant, options.seed)
        else:
            (folder / "data").symlink_to(data.resolve())
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "training.clean", "--artifacts", str(folder)], capture_output=True, text=True
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            raise KitError(f"training.clean failed with {done.returncode}: {done.stderr}")
        dropped = ~read_clean(folder / "clean" / "clean.csv", "python -m training.clean").keep
        kinds, originals = _read_truth(folder)
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        _print_table(
            f"training.clean: {len(kinds)} images, {seconds:.1f} s, peak {megabytes:.0f} MB",
            score_rows(kinds, originals, dropped),
        )
        images = np.load(folder / "data" / "images.npy", mmap_mode="r")
        for max_bits in (0, 4, 8):
            rows = score_rows(kinds, originals, hash_only(images, max_bits))
            _print_table(
                f"imagehash pHash alone, within {max_bits} bits", [row for row in rows if row[0][:4] != "joke"]
            )
    return 0


if __name__ == "__main__":
    run_main(main)
