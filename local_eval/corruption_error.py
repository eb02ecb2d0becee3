"""Error by corruption and severity of a judged zip on a table of corruptions, as published benchmarks report it.

Reads the runs that `python -m local_eval.score --suite clean SUITE` left. Of a suite in full (SUITE-full) the numbers
are defined as in the papers; of the stored suite, where each image has one cell, a corruption's error is that of its
images over all severities, an estimate of the same. Balanced error (the mean over classes of the share missed) for
bloodmnist-c, plain error for the others.

    CE_c = error_c / baseline_c, mCE (BE) = its mean; relative: both minus their clean error (rBE)

Sources: Hendrycks and Dietterich 2019; Di Salvo et al. 2024, whose AlexNet at 224 pixels is bloodmnist-c's baseline.
No net is published on small images for the others: there the raw mean stands alone, or --baseline names a file, which
--write-baseline makes of any net.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.latest import read_latest

from .judged import open_judged
from .kept_run import run_folder
from .operations_file import read_cells
from .suite_folder import FULL, check_suite

PART = "judge"


@dataclass(frozen=True)
class Baseline:
    """Another net's errors, in [0, 1]: on clean images, and of each corruption, the mean over severities."""

    clean: float
    errors: Mapping[str, float]


ALEXNET_BLOODMNIST_C = Baseline(
    clean=0.0184,
    errors={
        "pixelate": 0.0598,
        "jpeg_compression": 0.1398,
        "defocus_blur": 0.2240,
        "motion_blur": 0.1845,
        "brightness_up": 0.0695,
        "brightness_down": 0.0790,
        "contrast_up": 0.0522,
        "contrast_down": 0.0797,
        "saturate": 0.0348,
        "stain_deposit": 0.1854,
        "bubble": 0.1290,
    },
)
_BALANCED = {"bloodmnist-c": ALEXNET_BLOODMNIST_C}


@dataclass(frozen=True)
class CorruptionError:
    """errors, by_severity: in [0, 1], of each corruption and of each severity over all corruptions; images: of each
    corruption; mean: of `errors`; normalised, relative: mCE and relative mCE (BE and rBE where balanced), 1 being the
    baseline, None without one."""

    clean: float
    errors: dict[str, float]
    images: dict[str, int]
    by_severity: dict[int, float]
    mean: float
    normalised: float | None
    relative: float | None
    balanced: bool


def corruption_error(
    labels: np.ndarray,
    predictions: np.ndarray,
    cells: Sequence[tuple[str, int]],
    clean: float,
    balanced: bool,
    full: bool,
    baseline: Baseline | None = None,
) -> CorruptionError:
    """Errors of one net.

    Args:
        labels, predictions: int (n,).
        cells: n corruptions with severity.
        clean: the net's error on clean images, balanced or not as here.
        balanced: mean over the classes present of the share missed, instead of the share missed.
        full: every image has every cell: severities are averaged, not pooled.
        baseline: for the normalised numbers.

    Raises:
        KitError: the baseline lacks a corruption, or has one with an error of 0.
    """
    names = np.array([name for name, _ in cells])
    grades = np.array([grade for _, grade in cells])
    measure = balanced_error if balanced else plain_error

    def error(chosen: np.ndarray) -> float:
        return measure(labels[chosen], predictions[chosen])

    errors: dict[str, float] = {}
    for name in dict.fromkeys(name for name, _ in cells):
        own = names == name
        parts = [own & (grades == grade) for grade in np.unique(grades[own])] if full else [own]
        errors[name] = float(np.mean([error(part) for part in parts]))
    by_severity = {int(grade): error(grades == grade) for grade in np.unique(grades)}
    normalised, relative = _normalised(errors, clean, baseline) if baseline is not None else (None, None)
    return CorruptionError(
        clean=clean,
        errors=errors,
        images={name: int((names == name).sum()) for name in errors},
        by_severity=by_severity,
        mean=float(np.mean(list(errors.values()))),
        normalised=normalised,
        relative=relative,
        balanced=balanced,
    )


def plain_error(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Share of wrong answers; labels and predictions int (n,), n > 0."""
    return float((labels != predictions).mean())


def balanced_error(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over the classes present of the share missed; labels and predictions int (n,), n > 0."""
    return float(np.mean([(predictions[labels == label] != label).mean() for label in np.unique(labels)]))


def _normalised(errors: Mapping[str, float], clean: float, baseline: Baseline) -> tuple[float, float | None]:
    wrong = [name for name in errors if not baseline.errors.get(name, 0) > 0]
    if wrong:
        raise KitError(f"expected a baseline with an error above 0 for each corruption. Received: none for {wrong}.")
    ratios = [error / baseline.errors[name] for name, error in errors.items()]
    more = [baseline.errors[name] - baseline.clean for name in errors]
    if min(more) <= 0:  # a baseline that some corruption does not hurt: the ratio has no meaning
        return float(np.mean(ratios)), None
    gains = [(error - clean) / extra for error, extra in zip(errors.values(), more, strict=True)]
    return float(np.mean(ratios)), float(np.mean(gains))


def read_baseline(path: Path) -> Baseline:
    """A file that `--write-baseline` wrote: {"clean": error, "errors": {corruption: error}}.

    Raises:
        KitError: missing, not JSON, or not errors in [0, 1].
    """
    value = read_json(path, "python -m local_eval.corruption_error --write-baseline")
    try:
        baseline = Baseline(float(value["clean"]), {str(name): float(e) for name, e in value["errors"].items()})
    except (KeyError, TypeError, ValueError, AttributeError):
        baseline = Baseline(math.nan, {})
    if not all(0 <= error <= 1 for error in (baseline.clean, *baseline.errors.values())):  # NaN is not
        raise KitError(f'{path}: expected {{"clean": error, "errors": {{corruption: error}}}}, errors in [0, 1].')
    return baseline


def of_zip(artifacts: Path, zip_path: Path, suite: str, baseline: Baseline | None = None) -> CorruptionError:
    """The errors of a zip whose runs on the suite and on clean images are there.

    Raises:
        KitError: one is not, or failed; a suite is not as it was written, or no table of corruptions.
    """
    mend = f"python -m local_eval.score --artifacts {artifacts} --zip {zip_path} --suite clean {suite}"
    sha256 = sha256_file(zip_path)
    for name in ("clean", suite):
        check_suite(artifacts / "suites" / name / PART, artifacts)
    cells = read_cells(artifacts / "suites" / suite / PART / "operations.csv", "python -m local_eval.suites")
    clean, shifted = (
        open_judged(run_folder(artifacts, sha256, name, PART), artifacts / "suites" / name / PART, mend)
        for name in ("clean", suite)
    )
    table = suite.removesuffix(FULL)
    balanced = table in _BALANCED
    measure = balanced_error if balanced else plain_error
    return corruption_error(
        shifted.images.labels,
        shifted.predictions,
        [cells[str(one)] for one in shifted.images.ids],
        measure(clean.images.labels, clean.predictions),
        balanced,
        full=suite.endswith(FULL),
        baseline=baseline or _BALANCED.get(table),
    )


def describe(result: CorruptionError) -> str:
    """A line a corruption, worst first, then the means."""
    width = max(len(name) for name in result.errors)
    what = "balanced error" if result.balanced else "error"
    lines = [f"{'clean':<{width}}  {what} {result.clean:.4f}"]
    for name, error in sorted(result.errors.items(), key=lambda item: -item[1]):
        lines.append(f"{name:<{width}}  {what} {error:.4f}  n={result.images[name]}")
    lines.append("by severity: " + ", ".join(f"{grade} {error:.4f}" for grade, error in result.by_severity.items()))
    short = ("BE", "rBE") if result.balanced else ("mCE", "relative mCE")
    told = f"mean {what} {result.mean:.4f}"
    if result.normalised is None:
        told += f"; no {short[0]}: no net is published for these images, give one with --baseline"
    else:
        told += f"; {short[0]} {result.normalised:.3f}"
        told += f", {short[1]} {result.relative:.3f}" if result.relative is not None else f", no {short[1]}"
    return "\n".join([*lines, told])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and write it beside the run as corruption_error.json."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.corruption_error",
        description="Error by corruption and severity of a zip that was scored on a table of corruptions.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--zip", type=Path, help="any submission; by default that of submissions/latest.json")
    parser.add_argument("--suite", default="bloodmnist-c", help="a table of corruptions, or one in full (SUITE-full)")
    parser.add_argument("--baseline", type=Path, help="another net's errors, instead of the published ones")
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="keep this net's errors as a baseline")
    args = parser.parse_args(argv)
    baseline = read_baseline(args.baseline) if args.baseline else None
    zip_path = args.zip or read_latest(args.artifacts).path
    if not zip_path.is_file():
        raise KitError(f"expected a zip at {zip_path}. Received: no such file.")
    result = of_zip(args.artifacts, zip_path, args.suite, baseline)
    value: dict[str, Any] = {"zip": zip_path.name, "suite": args.suite, **asdict(result)}
    folder = run_folder(args.artifacts, sha256_file(zip_path), args.suite, PART)
    write_json(folder / "corruption_error.json", value)
    if args.write_baseline:
        write_json(args.write_baseline, {"clean": result.clean, "errors": result.errors})
    print(describe(result))
    return 0


if __name__ == "__main__":
    run_main(main)
