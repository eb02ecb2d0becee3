"""Recall, precision, time and memory of cleaning where the truth is known: `python -m benchmarks.bench_clean`."""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from benchmarks.plant_twins import CHANGES, INTRUDER, plant_twins
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.cleaning.hamming import close_rows
from training.cleaning.table import read_clean

Row = tuple[str, int, int]
"""What, how many there are, how many of them were found."""


def score_rows(kinds: np.ndarray, originals: np.ndarray, dropped: np.ndarray) -> list[Row]:
    """For each planted kind of copy or joke how many there are and how many were found; last "precision": dropped, and
    rightly dropped.

    A copy is found if it or its original is dropped; to drop a joke, a copy, a copied original or an intruder is right.
    """
    copy = np.array([kind in CHANGES or kind.startswith("near") for kind in kinds])
    joke = np.char.startswith(kinds, "joke")
    intruder = np.char.startswith(kinds, INTRUDER)
    found = np.where(joke, dropped, dropped | dropped[np.where(copy, originals, 0)])
    right = joke | copy | intruder
    right[originals[copy]] = True
    planted = list(dict.fromkeys(kinds[copy | joke].tolist()))
    rows = [(kind, int((kinds == kind).sum()), int(found[kinds == kind].sum())) for kind in planted]
    return [*rows, ("precision", int(dropped.sum()), int((dropped & right).sum()))]


def score_findings(findings: list[dict[str, str]], truth: list[dict[str, str]]) -> list[Row]:
    """Recall and precision of intruders and wrong labels; the precision of copies as pairs.

    Intruders among themselves, and jokes, count neither way: whether two drawn houses are one picture is nobody's case.
    """
    kinds = np.array([row["kind"] for row in truth])
    originals = np.array([int(row["original_index"]) for row in truth])
    intruder, joke = np.char.startswith(kinds, INTRUDER), np.char.startswith(kinds, "joke")
    wrong = np.array([row["true_label"] != row["given_label"] for row in truth])
    rows = {
        kind: {int(one["index"]) for one in findings if one["kind"] == kind} for kind in ("off topic", "label error")
    }
    caught = rows["off topic"] | {int(one["index"]) for one in findings if one["kind"] == "repeated picture"}
    # an intruder that is dropped as another one's copy is caught with it
    twin_of = {int(one["index"]): int(one["twin"]) for one in findings if one["twin"] and "duplicate" in one["kind"]}
    caught |= {row for row, twin in twin_of.items() if intruder[row] and twin in caught}
    scored: list[Row] = []
    if intruder.any():
        scored.append(("intruders, recall", int(intruder.sum()), sum(intruder[row] for row in caught)))
        off = [row for row in rows["off topic"] if not joke[row]]
        scored.append(("intruders, precision", len(off), sum(intruder[row] for row in off)))
    pairs = [(row, twin) for row, twin in twin_of.items() if not (intruder[row] or joke[row])]
    scored.append(("copies, precision", len(pairs), sum(originals[row] == originals[twin] for row, twin in pairs)))
    if rows["label error"]:
        judged = wrong & ~intruder & ~joke
        named = [row for row in rows["label error"] if not intruder[row]]
        scored.append(("wrong labels, recall", int(judged.sum()), sum(judged[row] for row in named)))
        scored.append(("wrong labels, precision", len(named), sum(judged[row] for row in named)))
    return scored


def hash_only(images: np.ndarray, max_bits: int) -> np.ndarray:
    """What imagehash's pHash alone would drop, bool (N,): every later image within `max_bits` of an earlier one."""
    bits = np.stack([imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images])
    dropped = np.zeros(len(images), bool)
    for _, later in close_rows(np.packbits(bits, axis=1).view(np.uint64).ravel(), max_bits):
        dropped[later] = True
    return dropped


def _run(module: str, folder: Path, *options: str) -> tuple[str, float]:
    """Output and processor seconds of a command on `folder`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", module, "--artifacts", str(folder), *options], capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise KitError(f"{module} failed with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _print_table(title: str, rows: list[Row]) -> None:
    print(title)
    for name, of, count in rows:
        print(f"  {name:24} {count:6} of {of:6}  {count / of if of else 1:.4f}", flush=True)


def _sound_cells(data: Path) -> np.ndarray | None:
    """Rows of a drawn contest that are cells with a right label; None where there is no truth table."""
    if not (data / "truth.csv").exists():
        return None
    truth = _read(data / "truth.csv")
    return np.flatnonzero([row["kind"] == "cell" and row["true_label"] == row["given_label"] for row in truth])


def _measure(folder: Path, title: str, *options: str) -> None:
    told, seconds = _run("training.clean", folder, "--force", *options)
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(told.strip())
    truth = _read(folder / "data" / "truth.csv")
    kinds = np.array([row["kind"] for row in truth])
    originals = np.array([int(row["original_index"]) for row in truth])
    dropped = ~read_clean(folder / "clean" / "clean.csv", "python -m training.clean").keep
    rows = score_rows(kinds, originals, dropped) + score_findings(_read(folder / "clean" / "findings.csv"), truth)
    _print_table(f"{title}: {len(truth)} images, {seconds:.1f} s of one core, peak so far {megabytes:.0f} MB", rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_clean",
        description="Clean a set whose faults are known (A/data/truth.csv, or planted) and print what was found.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--plant", type=int, default=0, help="plant so many copies of each kind, ignoring truth.csv")
    parser.add_argument("--intruders", type=int, default=6, help="with --plant, so many of each of twenty kinds")
    parser.add_argument("--wrong", type=float, default=0.02, help="with --plant, so many of the cells wrongly labelled")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is planted")
    parser.add_argument(
        "--train", nargs="*", metavar="FIELD=VALUE", help="train recipe small_cnn once, then clean with its net as well"
    )
    parser.add_argument("--hash-only", action="store_true", help="beside it, what imagehash's pHash alone would drop")
    options = parser.parse_args(argv)
    data = options.artifacts / "data"
    if not options.plant and not (data / "truth.csv").exists():
        raise KitError(f"{data / 'truth.csv'} is missing: run `python -m training.data` or give --plant 100.")

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if options.plant:
            source = open_image_set(data, "python -m training.data")
            plant_twins(
                source, folder, options.plant, options.seed, options.intruders, options.wrong, _sound_cells(data)
            )
        else:
            (folder / "data").symlink_to(data.resolve())
        _measure(folder, "training.clean")
        if options.train is not None:
            _run("training.split", folder)
            told, seconds = _run("training.train", folder, "--recipe", "small_cnn", "--set", *options.train)
            print(f"{told.strip()}; {seconds:.0f} s of one core")
            name = next((folder / "runs").iterdir()).name
            _measure(folder, "training.clean --embed RUN --labels", "--embed", name, "--labels")
        if options.hash_only:
            truth = _read(folder / "data" / "truth.csv")
            images = np.load(folder / "data" / "images.npy", mmap_mode="r")
            for max_bits in (0, 4, 8):
                rows = score_rows(
                    np.array([row["kind"] for row in truth]),
                    np.array([int(row["original_index"]) for row in truth]),
                    hash_only(images, max_bits),
                )
                _print_table(f"imagehash pHash alone, within {max_bits} bits", [r for r in rows if r[0][:4] != "joke"])
    return 0


if __name__ == "__main__":
    run_main(main)
