"""Look for leaks between what trains, what chooses and what judges: `python -m training.check_leaks`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.folds import Folds, load_folds
from submission.kit.image_set import ImageSet, open_image_set

from .cleaning.table import read_clean
from .leaks.check import Check
from .leaks.parts import check_copies, check_groups, check_pixels
from .leaks.runs import check_runs
from .leaks.suites import check_suites
from .paging import paged


def find_leaks(artifacts: Path) -> list[Check]:
    """Every check of an artifacts folder, computed from pixels and files, not from what other steps claim.

    Args:
        artifacts: A, with data/ and split/; runs, ensemble and suites are looked at as far as they are there.

    Raises:
        KitError: data or split is missing or damaged.
    """
    data = paged(open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}"))
    path = artifacts / "split" / "folds.csv"
    folds = load_folds(path)
    sha256 = sha256_file(path)
    checks = [_check_table(artifacts, data, folds), check_groups(folds)]
    if checks[0].leaks:
        return checks  # the rows of folds.csv mean other images: nothing else can be said
    pixels, ids = check_pixels(data, folds)
    return [
        *checks,
        pixels,
        check_copies(data, folds),
        *check_runs(artifacts, data, folds, sha256),
        *check_suites(artifacts, folds, sha256, ids),
    ]


def _check_table(artifacts: Path, data: ImageSet, folds: Folds) -> Check:
    """folds.csv is of these images, and of those that cleaning kept."""
    check = Check("ids and labels of the split are those of the images", f"{len(folds)} of {len(data)} images")
    try:
        folds.check_of(data, f"python -m training.split --artifacts {artifacts}")
    except KitError as error:
        check.leaks.append(str(error))
        return check
    path = artifacts / "clean" / "clean.csv"
    if path.exists():
        table = read_clean(path, f"python -m training.clean --artifacts {artifacts}")
        if difference := table.first_difference(data.ids):
            check.leaks.append(f"clean.csv is of other images: {difference}")
        elif dropped := int((~table.keep[folds.index]).sum()):
            check.leaks.append(f"{dropped} images are in the split that clean.csv drops: run `make split` again")
    return check


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.check_leaks",
        description="Look for leaks: a picture in two parts of the split, a run that used the hold-out, a suite with "
        "images that are trained on. Exit 1 where there is one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    options = parser.parse_args(argv)
    checks = find_leaks(options.artifacts)
    for check in checks:
        print("\n".join(check.lines()))
    failed = [check for check in checks if check.leaks]
    total = sum(len(check.leaks) for check in failed)
    print(
        f"{options.artifacts}: {total} leaks in {len(failed)} of {len(checks)} checks"
        if failed
        else f"{options.artifacts}: no leak, {len(checks)} checks"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    run_main(main)
