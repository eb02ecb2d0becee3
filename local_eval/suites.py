"""Write the suites: altered copies of the hold-out, one folder for each suite and part.

A/suites/<suite>/<part>/ is an image set (ids are those of the originals) with operations.csv beside the arrays.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import atomic_path, sha256_file, write_json
from submission.kit.image_set import open_image_set, write_image_set

from .holdout import PARTS, Holdout, read_holdout
from .operations_file import write_operations
from .shifts.suite import Suite, get_suite, suite_names

BATCH_SIZE = 64

_MEND = "python -m local_eval.suites"


def write_suite(folder: str | Path, holdout: Holdout, suite: Suite, part: str, seed: int) -> bool:
    """Write one suite of one part, unless the folder holds just that already; memory is that of one batch.

    Args:
        folder: A/suites/<suite>/<part>.
        holdout: the originals.
        suite: the rule.
        part: `select` or `judge`.
        seed: the user's.

    Returns:
        Whether it was written; False if it was up to date.
    """
    folder = Path(folder)
    rows = holdout.rows[part]
    meta: dict[str, Any] = {
        "class_names": holdout.data.class_names,
        "suite": suite.name,
        "version": suite.version,
        "part": part,
        "seed": seed,
        "folds_sha256": holdout.folds_sha256,
    }
    ids, labels = holdout.data.ids[rows], holdout.data.labels[rows]
    if _is_up_to_date(folder, meta, ids, labels):
        return False
    applied: list[tuple[str, ...]] = []

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        with tqdm(total=len(rows), desc=f"{suite.name}/{part}", unit="image", leave=False, delay=2) as bar:
            for start in range(0, len(rows), BATCH_SIZE):
                here = slice(start, start + BATCH_SIZE)
                images, names = suite.apply(holdout.data.images[rows[here]], ids[here], part, seed)
                applied.extend(names)
                yield images, labels[here]
                bar.update(len(images))

    with atomic_path(folder) as new:
        write_image_set(new, batches(), len(rows), holdout.data.image_shape, meta, ids=ids)
        write_operations(new / "operations.csv", ids, applied)
        meta["sha256"] = sha256_file(new / "images.npy")
        meta["operations_sha256"] = sha256_file(new / "operations.csv")
        meta["images_by_operation"] = dict(Counter(name for names in applied for name in names))
        meta["images_by_operation_count"] = {str(n): k for n, k in Counter(len(names) for names in applied).items()}
        write_json(new / "meta.json", meta)
    return True


def _is_up_to_date(folder: Path, meta: dict[str, Any], ids: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the folder was made from the same inputs and its files are whole."""
    try:
        there = open_image_set(folder, _MEND)
    except KitError:
        return False  # not there or damaged: made anew
    operations = folder / "operations.csv"
    return (
        all(there.meta.get(key) == value for key, value in meta.items())
        and np.array_equal(there.ids, ids)
        and np.array_equal(there.labels, labels)
        and there.meta.get("sha256") == sha256_file(folder / "images.npy")
        and operations.exists()
        and there.meta.get("operations_sha256") == sha256_file(operations)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write suites; prints one line."""
    parser = argparse.ArgumentParser(
        prog=_MEND,
        description="Write altered copies of the hold-out images, for choosing (select) and for judging (judge).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument(
        "--suite",
        action="append",
        metavar="NAME",
        default=argparse.SUPPRESS,  # a list here would be appended to
        help=f"a suite out of {', '.join(suite_names())}; may be repeated (default: clean and an2dl)",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed alters each image in another way")
    args = parser.parse_args(argv)
    suites = [get_suite(name) for name in dict.fromkeys(getattr(args, "suite", ["clean", "an2dl"]))]
    holdout = read_holdout(args.artifacts)
    written = []
    for suite in suites:
        for part in PARTS:
            if write_suite(args.artifacts / "suites" / suite.name / part, holdout, suite, part, args.seed):
                written.append(f"{suite.name}/{part} ({len(holdout.rows[part])} images)")
    if written:
        print(f"Wrote {', '.join(written)} under {args.artifacts / 'suites'}.")
    else:
        print(f"Up to date: {', '.join(suite.name for suite in suites)} under {args.artifacts / 'suites'}.")
    return 0


if __name__ == "__main__":
    run_main(main)
