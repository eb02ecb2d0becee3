"""The command `python -m training.data`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError

from .folder import Source, holds, write_data_folder
from .npz import check_class_names, open_npz
from .plan import Plan
from .synthetic import draw_contest


def main(argv: Sequence[str] | None = None) -> int:
    """Write `A/data`; returns the exit code."""
    args = _parse(argv)
    artifacts = Path(args.artifacts)
    for place in (artifacts, *artifacts.parents):
        if place.exists() and not place.is_dir():
            raise KitError(f"expected --artifacts to be a folder. Received: {place}, a file. Give another.")
    folder = artifacts / "data"

    plan: Plan | None = None
    source: Source
    if args.data == "synthetic":
        if args.class_names is not None:
            raise KitError("the synthetic contest has its own class names. Received: --class-names. Leave it out.")
        contest = draw_contest(args.images, args.size, args.seed)
        source, meta, plan = contest, contest.meta, contest.plan
        origin = f"synthetic, seed {args.seed}"
    else:
        names = None if args.class_names is None else [name.strip() for name in args.class_names.split(",")]
        if names is not None:
            check_class_names(names, "--class-names")
        npz = open_npz(args.data, names)
        source, meta = npz, npz.meta
        origin = args.data

    if holds(folder, meta):
        print(f"{folder} is up to date ({origin})")
        return 0
    write_data_folder(folder, source, meta, plan)
    shape = "x".join(map(str, source.image_shape))
    what = f"{len(source)} images {shape} of {len(meta['class_names'])} classes"
    print(f"{folder}: {what} ({origin}); see {folder}/sheet.png")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.data",
        description="Write a contest's images as one memory-mapped image set, ARTIFACTS/data, with a sample sheet.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", default="synthetic", help="an npz with images and labels, or `synthetic`")
    parser.add_argument("--artifacts", default="artifacts/synthetic", help="folder of this contest's files")
    parser.add_argument("--class-names", help="names of the classes, with commas between, in the order of the labels")
    synthetic = parser.add_argument_group("synthetic contest only")
    synthetic.add_argument("--seed", type=int, default=0, help="the same seed gives the same pictures")
    synthetic.add_argument("--images", type=int, default=2400, help="number of pictures, 80 or more")
    synthetic.add_argument("--size", type=int, default=96, help="height and width of the pictures, 24 or more")
    return parser.parse_args(argv)


if __name__ == "__main__":
    run_main(main)
