"""Split the kept images into folds and a hold-out of two halves: `python -m training.split`."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import write_json, write_text
from submission.kit.folds import JUDGE, SELECT, Folds, fold_name, format_folds
from submission.kit.image_set import ImageSet, open_image_set

from .assign import assign_parts
from .cleaning.table import CleanTable, read_clean


def split_images(image_set: ImageSet, clean: CleanTable, num_folds: int, holdout: float, seed: int) -> Folds:
    """Give each kept image a part, stratified by label, each group wholly in one part.

    The parts depend on ids, labels, groups and the seed, not on the order of the images.

    Args:
        image_set: the images that `clean` speaks of.
        clean: verdicts and groups of these images, in their order.
        num_folds: F, at least 2.
        holdout: part of the images held out, between 0 and 1; half of it is `select`, half is `judge`.
        seed: any int.

    Raises:
        KitError: an option out of range, or a class has too few images.
    """
    if num_folds < 2:
        raise KitError(f"--folds must be at least 2. Received: {num_folds}")
    if not 0 < holdout < 1:
        raise KitError(f"--holdout must lie between 0 and 1. Received: {holdout}")
    index = np.flatnonzero(clean.keep)
    ids, labels = image_set.ids[index], image_set.labels[index]
    groups = _joined_groups(ids, clean.groups[index])
    parts = [*map(fold_name, range(num_folds)), SELECT, JUDGE]
    _check_counts(image_set.class_names, labels, groups, len(parts))
    shares = np.array([(1 - holdout) / num_folds] * num_folds + [holdout / 2] * 2)
    part = assign_parts(ids, labels, groups, shares, image_set.num_classes, seed)
    return Folds(index, ids, labels, groups, np.array(parts)[part])


def _joined_groups(ids: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Groups in which equal ids are together too, whatever an edit by hand made of them."""
    joined = groups.copy()
    while True:
        before = joined.copy()
        for keys in (ids, groups):
            _, inverse = np.unique(keys, return_inverse=True)
            smallest = np.full(inverse.max(initial=-1) + 1, np.iinfo(np.int64).max)
            np.minimum.at(smallest, inverse, joined)
            joined = smallest[inverse]
        if np.array_equal(joined, before):
            return joined


def _check_counts(class_names: list[str], labels: np.ndarray, groups: np.ndarray, num_parts: int) -> None:
    """Every part needs a picture of every class."""
    counts = [len(np.unique(groups[labels == label])) for label in range(len(class_names))]
    few = ", ".join(f"{name} {count}" for name, count in zip(class_names, counts, strict=True) if count < num_parts)
    if few:
        most = min(counts) - 2
        mend = f"Run it with --folds {most}." if most >= 2 else "Keep more images in clean.csv (at least 4 a class)."
        raise KitError(
            f"expected at least {num_parts} different pictures of each class: one for each of {num_parts - 2} folds, "
            f"select and judge. Received: {few}. {mend}"
        )


def _write(folder: Path, text: str, facts: dict[str, Any]) -> str:
    """Write both files unless they are so already; say "up to date", "replaced" or "new"."""
    table, settings = folder / "folds.csv", folder / "folds.json"
    existed = table.exists()
    if existed and table.read_bytes() == text.encode() and _holds(settings, facts):
        return "up to date"
    write_json(settings, facts)
    write_text(table, text)  # last: its presence says that all is there
    return "replaced" if existed else "new"


def _holds(path: Path, facts: dict[str, Any]) -> bool:
    """Whether a JSON file says just this; a missing or damaged one does not."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) == facts
    except (OSError, ValueError):
        return False


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.split",
        description="Split the kept images into folds and a hold-out (select, judge): A/split/folds.csv, folds.json.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--folds", type=int, default=10, help="number of folds")
    parser.add_argument("--holdout", type=float, default=0.15, help="part of the images that no net trains on")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another split")
    options = parser.parse_args(argv)

    artifacts = options.artifacts
    image_set = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    clean_csv, mend = artifacts / "clean" / "clean.csv", f"python -m training.clean --artifacts {artifacts}"
    clean = read_clean(clean_csv, mend)
    if difference := clean.first_difference(image_set.ids):
        raise KitError(
            f"{clean_csv}, {difference} Mend that line; if the images are others now, run `{mend}` (it keeps edits)."
        )
    folds = split_images(image_set, clean, options.folds, options.holdout, options.seed)
    text = format_folds(folds)
    facts = {
        "folds": options.folds,
        "holdout": options.holdout,
        "seed": options.seed,
        "images": {part: int(count) for part, count in zip(*np.unique(folds.part, return_counts=True), strict=True)},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    state = _write(artifacts / "split", text, facts)
    sizes = facts["images"]
    print(
        f"{artifacts / 'split' / 'folds.csv'} ({state}): {len(folds)} images, {options.folds} folds of about "
        f"{len(folds.training_rows(0)) // (options.folds - 1)}, select {sizes[SELECT]}, judge {sizes[JUDGE]}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
