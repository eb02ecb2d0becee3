"""Run a zip under the libraries of every platform in submission/runtimes/ and check that its predictions agree."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from submission.kit.latest import read_latest

from .agreement import different_labels, largest_difference
from .runtime import RUNTIMES, Runtime, find_runtime, list_runtimes
from .runtime_venv import CACHE, build_venv
from .zip_run import ZipRun, run_zip
from .zip_shape import image_shape, least_equal_labels

TOLERANCE = 1e-4
NUM_IMAGES = 256
SUITE = ("an2dl", "select")


@dataclass(frozen=True)
class Outcome:
    """What became of one runtime: either a run, or the error that kept it from running."""

    runtime: Runtime
    run: ZipRun | None = None
    error: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 when a runtime fails or disagrees."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.check_runtimes",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("zip", type=Path, nargs="?", help="any submission; by default that of submissions/latest.json")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--runtime", action="append", metavar="NAME", help="only this one, repeatable; by default all")
    parser.add_argument("--runtimes", type=Path, default=RUNTIMES, help="folder of the requirements files")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the environments")
    parser.add_argument("--images", type=int, default=NUM_IMAGES, help="how many images, at most")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="largest difference of a probability")
    parser.add_argument("--limit-s", type=float, default=600, help="seconds that one runtime may take to predict")
    args = parser.parse_args(argv)
    if args.images < 1:
        parser.error(f"--images must be at least 1. Received: {args.images}")
    path = args.zip or read_latest(args.artifacts).path
    if not path.is_file():
        raise KitError(f"expected a zip at {path}, which does not exist: run `python -m submission.package` first.")
    names = list(dict.fromkeys(args.runtime or ()))
    runtimes = [find_runtime(name, args.runtimes) for name in names] or list_runtimes(args.runtimes)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    images, told = choose_images(path, args.artifacts, args.images)
    outcomes = check_runtimes(path, images, runtimes, args.cache, args.limit_s)
    print(table(outcomes))
    if failures := find_failures(outcomes, args.tolerance, least_equal_labels(path)):
        raise KitError(f"{path.name} does not run alike under {len(runtimes)} runtimes:\n" + "\n".join(failures))
    count = f"{len(runtimes)} runtimes" if len(runtimes) > 1 else "1 runtime, so that nothing was compared,"
    print(f"{path.name}: runs alike under {count} on {told}")
    return 0


def choose_images(path: Path, artifacts: Path, count: int) -> tuple[np.ndarray, str]:
    """Images uint8 (n, H, W, C), evenly spaced of the contest's suite or else noise, and what they are in words.

    Raises:
        KitError: there is no suite and the zip does not tell its image shape.
    """
    folder = artifacts.joinpath("suites", *SUITE)
    shape = image_shape(path)
    if folder.is_dir():
        images = open_image_set(folder, f"python -m local_eval.suites --artifacts {artifacts}").images
        if shape is None or images.shape[1:] == shape:
            rows = np.unique(np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int64))
            return images[rows], f"{len(rows)} images of {folder}"
    if shape is None:
        raise KitError(
            f"expected images in {folder}, as {path.name} has no manifest that tells their shape. Received: none. "
            f"Run `python -m local_eval.suites --artifacts {artifacts}` first."
        )
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8), f"{count} images of noise"


def check_runtimes(
    path: Path, images: np.ndarray, runtimes: Sequence[Runtime], cache: Path, limit_s: float | None = None
) -> list[Outcome]:
    """Build each runtime's environment where needed and run the zip in it; a failure of one does not stop the others.

    Args:
        path: the zip.
        images: uint8 (n, H, W, C).
        runtimes: which.
        cache: folder of the environments.
        limit_s: seconds that one runtime may take to predict.
    """
    outcomes = []
    with tqdm(runtimes, desc="runtimes", unit="runtime", file=sys.stderr, disable=None) as bar:
        for runtime in bar:
            try:
                bar.set_description(f"{runtime.name}: install")
                python = build_venv(runtime, cache, lambda line: bar.set_postfix_str(line[:60]))
                bar.set_description(f"{runtime.name}: predict")
                bar.set_postfix_str("")
                outcomes.append(Outcome(runtime, run_zip(path, images, python, limit_s)))
            except KitError as error:
                outcomes.append(Outcome(runtime, error=str(error)))
    return outcomes


def find_failures(outcomes: Sequence[Outcome], tolerance: float, least_equal: float = 1.0) -> list[str]:
    """A text for each runtime that failed, and for each whose predictions differ from another's.

    Args:
        outcomes: of all runtimes.
        tolerance: largest difference of a probability.
        least_equal: share of equal labels; below 1 the zip's weights are not exact, and probabilities may differ.
    """
    ran = [(outcome.runtime.name, outcome.run) for outcome in outcomes if outcome.run is not None]
    runs = [run for _, run in ran]
    failures = [f"{outcome.runtime.name}: {outcome.error}" for outcome in outcomes if outcome.run is None]
    for n, (name, run) in enumerate(ran):
        difference, labels = largest_difference(runs, n), different_labels(runs, n)
        if least_equal == 1 and difference is not None and not difference <= tolerance:
            failures.append(
                f"{name}: expected probabilities within {tolerance:g} of the others'. Received: {difference:.2g}"
            )
        if labels > (1 - least_equal) * np.size(run.labels):
            failures.append(f"{name}: expected the others' labels. Received: {labels} of {np.size(run.labels)} differ")
    return failures


def table(outcomes: Sequence[Outcome]) -> str:
    """A line a runtime, for the screen."""
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    head = (
        "runtime",
        "python",
        "tensorflow",
        "keras",
        "engines",
        "load s",
        "images/s",
        "max difference",
        "labels equal",
    )
    rows: list[tuple[str, ...]] = [head]
    for outcome in outcomes:
        run = outcome.run
        if run is None:
            rows.append((outcome.runtime.name, outcome.runtime.python, *("-",) * 6, "FAILED"))
            continue
        which = next(n for n, one in enumerate(runs) if one is run)
        difference, labels = largest_difference(runs, which), different_labels(runs, which)
        rows.append(
            (
                outcome.runtime.name,
                *(run.versions.get(name, "-") for name in ("python", "tensorflow", "keras")),
                "+".join(f"{count} {name}" for name, count in sorted(Counter(run.engines).items())) or "-",
                f"{run.load_s:.1f}",
                f"{np.size(run.labels) / max(run.predict_s, 1e-9):.0f}",
                "-" if difference is None else f"{difference:.1e}",
                f"no: {labels}" if labels else "yes" if len(runs) > 1 else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    run_main(main)
