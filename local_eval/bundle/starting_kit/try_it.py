"""Run a submission on this machine with the contest's own two programs, and print its scores.

    python try_it.py [FOLDER] [--data PUBLIC_DATA] [--images 64]

FOLDER is an unpacked submission (by default the sample). Without --data the images are noise and the labels random:
that shows whether the submission runs, not how good it is. Needs numpy and whatever the submission imports.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "sample_submission", help="unpacked submission")
    parser.add_argument("--data", type=Path, help="folder with images.npy and labels.npy, such as the public data")
    parser.add_argument("--images", type=int, default=64, help="how many images")
    args = parser.parse_args()
    contest = json.loads((HERE / "contest.json").read_text(encoding="utf-8"))
    if args.images < 1:
        parser.error(f"--images must be at least 1. Received: {args.images}")
    if not (args.folder / "model.py").is_file():
        parser.error(f"expected model.py in {args.folder}: unpack your zip there first")
    if args.data is not None and not (args.data / "labels.npy").is_file():
        parser.error(f"expected images.npy and labels.npy in {args.data}")
    with tempfile.TemporaryDirectory() as scratch:
        app = Path(scratch)
        for suite in contest["suites"]:
            write_suite(app, suite, contest, args)
        (app / "output").mkdir()
        # prediction, then scoring; as on the platform only scoring's exit code counts
        run("ingestion_program", "ingestion.py", app / "input_data", app / "input" / "res", args.folder.resolve())
        code = run("scoring_program", "scoring.py", app / "input", app / "output")
        if code == 0:
            print((app / "output" / "scores.json").read_text(encoding="utf-8"))
    return code


def write_suite(app, suite, contest, args):
    """Input and reference data of one suite: noise, or images of --data, evenly spread."""
    rng = np.random.default_rng(0)
    if args.data is None:
        images = rng.integers(0, 256, [args.images] + contest["image_shape"], dtype=np.uint8)
        labels = rng.integers(0, len(contest["class_names"]), args.images)
    else:
        stored = np.load(str(args.data / "images.npy"), mmap_mode="r")
        rows = np.unique(np.linspace(0, len(stored) - 1, args.images).round().astype(np.int64))
        images, labels = np.array(stored[rows]), np.load(str(args.data / "labels.npy"))[rows]
    ids = np.array([f"{suite}-{n}" for n in range(len(images))])
    given = {"input_data": {"images": images, "ids": ids}, "input/ref": {"labels": labels, "ids": ids}}
    for part, arrays in given.items():
        folder = app / part / suite
        folder.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(str(folder / (name + ".npy")), array)
        (folder / "class_names.json").write_text(json.dumps(contest["class_names"]), encoding="utf-8")


def run(program, name, *arguments):
    """Run a program in its own folder, as the platform does; returns its exit code."""
    command = [sys.executable, "-B", name] + [str(argument) for argument in arguments]
    return subprocess.call(command, cwd=str(HERE / program))


if __name__ == "__main__":
    sys.exit(main())
