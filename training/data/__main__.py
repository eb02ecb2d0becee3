"""The command `python -m training.data`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError

from .folder import holds, write_data_folder
from .open_set import Options, known_contents, open_set
from .sets import OPTIONS, Wanted, check_options, parse_set


def main(argv: Sequence[str] | None = None) -> int:
    """Write `A/data`; returns the exit code."""
    args = _parse(argv)
    artifacts = Path(args.artifacts)
    for place in (artifacts, *artifacts.parents):
        if place.exists() and not place.is_dir():
            raise KitError(f"expected --artifacts to be a folder. Received: {place}, a file. Give another.")
    folder = artifacts / "data"
    wanted = _wanted(args)
    given = {  # 0 is a value, though equal to False
        name: value
        for name, value in vars(args).items()
        if name in OPTIONS and value is not None and value is not False and value != []
    }
    check_options(wanted, set(given))
    if "class_names" in given:
        given["class_names"] = [name.strip() for name in args.class_names.split(",")]
    options = Options(**{**given, "mirror": tuple(args.mirror)})
    origin = f"synthetic, seed {options.seed or 0}" if wanted.name == "synthetic" else args.data or str(wanted)

    known = known_contents(wanted, options)
    if known is not None and holds(folder, *known):
        print(f"{folder} is up to date ({origin})")
        return 0
    source = open_set(wanted, options)
    meta = source.meta
    if holds(folder, meta, source.beside) and not options.strict:
        print(f"{folder} is up to date ({origin})")
        return 0
    count = write_data_folder(folder, source, meta)
    shape = "x".join(map(str, source.image_shape))
    what = f"{count} images {shape} of {len(meta['class_names'])} classes"
    print(f"{folder}: {what} ({origin}); see {folder}/sheet.png")
    for line in source.remarks():
        print(line)
    return 0


def _wanted(args: argparse.Namespace) -> Wanted:
    if args.set is not None and args.data is not None:
        raise KitError(f"expected one of --set and --data. Received: --set {args.set} --data {args.data}.")
    if args.data is not None and args.data != "synthetic":
        return Wanted("npz", Path(args.data))
    return parse_set(args.set or "synthetic")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.data",
        description="Write a contest's images as one memory-mapped image set, ARTIFACTS/data, with a sample sheet.",
        epilog="Labels are numbered in the order of the class names: as the set or --class-names has them, numbers by "
        "value, else by alphabet.",
    )
    parser.add_argument(
        "--set",
        help="synthetic (default), digits, bloodmnist, pbc, npz=FILE, an2dl-npz=FILE (with that contest's names), "
        "folder=DIR (or a zip) of class folders, csv=FILE of paths and labels",
    )
    parser.add_argument("--data", help="an npz with images and labels, as npz=FILE, or `synthetic`")
    parser.add_argument(
        "--artifacts", default="artifacts/synthetic", help="folder of this contest's files (%(default)s)"
    )
    parser.add_argument(
        "--size", type=_side, help="height and width of the images (synthetic, bloodmnist, pbc: 96; digits: 32; "
        "folder, csv: that of more than half of the pictures, else 96)",
    )  # fmt: skip
    pictures = parser.add_argument_group("pictures: folder, csv, pbc")
    pictures.add_argument("--crop", type=_side, help="side of the square in the middle that is taken first (pbc: 200)")
    pictures.add_argument("--channels", type=int, choices=(1, 3), help="1 grey, 3 colours (3 if any has colours)")
    pictures.add_argument("--strict", action="store_true", help="any odd file is an error, after all are listed")
    pictures.add_argument(
        "--class-names", help="names in the order of the labels, with commas between (npz: any names)"
    )
    published = parser.add_argument_group("published sets: bloodmnist, pbc")
    published.add_argument("--pixels", type=int, help="bloodmnist: 28, 64, 128 (default) or 224, before --size")
    published.add_argument("--from", dest="from_file", metavar="FILE", help="the published file, downloaded by hand")
    published.add_argument("--cache", metavar="DIR", help="folder of downloads (default: the user's cache folder)")
    published.add_argument("--offline", action="store_true", help="only what the cache has")
    published.add_argument(
        "--mirror", action="append", default=[], metavar="URL", help="another address of the file, tried first; "
        "one that ends in / is a folder; may be given several times",
    )  # fmt: skip
    synthetic = parser.add_argument_group("embedded contests: synthetic, digits")
    synthetic.add_argument("--seed", type=int, help="synthetic: the same seed gives the same pictures (0)")
    synthetic.add_argument("--images", type=int, help="number of pictures (synthetic: 2400; digits: 1797)")
    return parser.parse_args(argv)


def _side(text: str) -> int:
    side = int(text)
    if side < 8:
        raise argparse.ArgumentTypeError(f"expected 8 pixels or more, received {side}")
    return side


if __name__ == "__main__":
    run_main(main)
