"""Drop blank images, duplicates and joke pictures: `python -m training.clean`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import write_json
from submission.kit.image_set import ImageSet, open_image_set

from .cleaning.near import MAX_BITS
from .cleaning.same_picture import SAME
from .cleaning.sheet import write_sheet
from .cleaning.table import CleanTable, read_clean, write_clean
from .cleaning.verdicts import judge_images, kind_of


def summary(table: CleanTable, repeats: int) -> dict:
    """Counts for summary.json: images, kept, dropped by kind, and the rules' settings."""
    dropped = Counter(kind_of(reason) for reason, keep in zip(table.reasons, table.keep, strict=True) if not keep)
    return {
        "images": len(table),
        "kept": int(table.keep.sum()),
        "dropped": dict(sorted(dropped.items())),
        "rules": {"repeats": repeats, "phash_max_bits": MAX_BITS, "min_similarity": SAME},
    }


def _is_of(path: Path, image_set: ImageSet, anew: str) -> bool:
    """Whether a clean.csv has the image set's ids in their order; False if it has none of them.

    Args:
        anew: the command that makes it anew; it is named in the error.

    Raises:
        KitError: it cannot be read, or has only some of the ids: it may hold edits by hand, so it is not replaced.
    """
    table = read_clean(path, anew)
    difference = table.first_difference(image_set.ids)
    if difference and np.isin(table.ids, image_set.ids).any():
        raise KitError(
            f"{path}, {difference} Correct the line, or move the file away, or make it anew without your edits: "
            f"`{anew}`."
        )
    return not difference


def _put_aside(path: Path) -> Path:
    """Rename a file to the first of NAME.old, NAME.old2, NAME.old3 ... that is free; return where it is."""
    old, number = path.with_name(f"{path.name}.old"), 2
    while old.exists():
        old, number = path.with_name(f"{path.name}.old{number}"), number + 1
    return path.rename(old)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.clean",
        description="Decide for each image of A/data whether it is kept: A/clean/clean.csv, dropped.png, summary.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--repeats", type=int, default=5, help="a picture found so often is dropped wholly")
    parser.add_argument("--dry-run", action="store_true", help="print the counts, write nothing")
    parser.add_argument("--force", action="store_true", help="make clean.csv anew, over edits by hand")
    options = parser.parse_args(argv)
    if options.repeats < 2:
        raise KitError(f"--repeats must be at least 2. Received: {options.repeats}")

    image_set = open_image_set(options.artifacts / "data", f"make data ARTIFACTS={options.artifacts}")
    path = options.artifacts / "clean" / "clean.csv"
    exists = path.exists()
    of_others = False
    if exists and not options.dry_run and not options.force:
        if _is_of(path, image_set, f"python -m training.clean --artifacts {options.artifacts} --force"):
            print(f"{path}: up to date: kept as it is (edit keep by hand; --force makes it anew)")
            return 0
        of_others = True

    table = judge_images(image_set, options.repeats)
    counts = summary(table, options.repeats)
    told = ", ".join(f"{kind} {count}" for kind, count in counts["dropped"].items()) or "none"
    line = f"{counts['kept']} of {counts['images']} images kept; dropped: {told}"
    if options.dry_run:
        print(f"dry run, nothing written: {line}")
        return 0
    write_sheet(path.with_name("dropped.png"), image_set, table)
    write_json(path.with_name("summary.json"), counts)
    remark = " (made anew)" if exists else ""
    if of_others:
        remark = f" (made anew: the old one was of other images, it is now {_put_aside(path)})"
    write_clean(path, table)  # last: its presence says that all is there
    print(f"{path}{remark}: {line}; look at {path.with_name('dropped.png')}")
    return 0


if __name__ == "__main__":
    run_main(main)
