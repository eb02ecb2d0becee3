"""A contest of noise, split and ready for its suites."""

import csv

import numpy as np

from local_eval.suites import main as suites_main
from submission.kit.image_set import write_image_set

LONG_FIELD = b'"' + b"x,\n" * 50_000
"""A quote left open: longer than the csv module takes."""

HEADER = ["index", "id", "label", "group", "part"]


def write_folds(artifacts, lines, header=HEADER):
    (artifacts / "split").mkdir(exist_ok=True)
    with open(artifacts / "split" / "folds.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


def make_contest(artifacts, shape=(24, 30, 3), num_images=150, pixel_seed=0):
    """A data folder of noise and a split of 10 training images, then select and judge in turns; returns the lines."""
    rng = np.random.default_rng(pixel_seed)
    images = rng.integers(0, 256, (num_images, *shape), dtype=np.uint8)
    labels = np.arange(num_images) % 3
    write_image_set(artifacts / "data", [(images, labels)], num_images, shape, {"class_names": ["a", "b", "c"]})
    ids = np.load(artifacts / "data" / "ids.npy")
    parts = ["fold0"] * 10 + ["select", "judge"] * num_images
    lines = [[n, ids[n], labels[n], n, parts[n]] for n in range(num_images)]
    write_folds(artifacts, lines)
    return lines


def run(artifacts, *more):
    assert suites_main(["--artifacts", str(artifacts), *more]) == 0


def flip_a_pixel(folder):
    with open(folder / "images.npy", "r+b") as file:
        file.seek(500)
        byte = file.read(1)[0]
        file.seek(500)
        file.write(bytes([byte ^ 1]))
