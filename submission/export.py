"""Export the members of A/ensemble/ensemble.json to A/export, each with its engine, and check them against training."""

import argparse
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.files import atomic_path, read_json, write_json
from submission.kit.member import SAVEDMODEL, Member
from submission.kit.precisions import FLOAT32, PRECISIONS
from submission.kit.tta import get_view

from .engine import ENGINES
from .engine import TOLERANCE as ENGINE_TOLERANCE
from .expected import TOLERANCE, Expected, check_same, load_expected
from .export_run import export_paths, export_run, versions
from .precision import check_labels, equal_labels

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 64


def export_ensemble(
    artifacts: Path,
    load_net: "Callable[[Path], keras.Model]",
    tolerance: float = TOLERANCE,
    engine: str = "auto",
    again: bool = False,
    precision: str = FLOAT32,
) -> dict[str, Any]:
    """Write A/export/<member>/ for every member, then A/export/export.json.

    A member is exported into its run's directory first, once for each state of its weights. Every engine that it ships
    with is run again from disk and must give what training stored, for up to 256 images of a select suite, on the
    ensemble's first view and on its last.

    Args:
        artifacts: A.
        load_net: run directory -> net, uint8 (n, H, W, C) -> probabilities (n, K).
        tolerance: largest difference of a SavedModel's probability; the interpreter may differ by 1e-4 more.
        engine: "auto", "tflite" or "savedmodel", as of `choose_engine`.
        again: export anew what is up to date, too.
        precision: of the weights. Below float32 it is labels that must be training's, as many as `LEAST_EQUAL` says.

    Returns:
        What export.json holds: members (run, sha256 of the weights, engine, times, largest difference from training,
        share of equal labels), precision, image_shape, class_names and versions.

    Raises:
        KitError: files are missing, or a member differs from training.
    """
    ensemble = read_json(artifacts / "ensemble" / "ensemble.json", f"python -m ensembles.fit --artifacts {artifacts}")
    views = list(dict.fromkeys([ensemble["views"][0], ensemble["views"][-1]]))
    expected = load_expected(artifacts, [member["run"] for member in ensemble["members"]], views)
    members: dict[str, Any] = {}
    for m, member in enumerate(tqdm(ensemble["members"], desc="export", unit="member", file=sys.stderr, disable=None)):
        run_dir = artifacts / "runs" / member["run"]
        mend = (
            f"Run `python -m training.predict --artifacts {artifacts} --run {member['run']}` on this machine, "
            "or raise --tolerance."
        )
        exported = export_run(run_dir, load_net, expected.images, engine, again, precision)
        folder = artifacts / "export" / member["name"]
        with atomic_path(folder) as new:
            shutil.copytree(export_paths(run_dir, precision)[0], new, copy_function=_link_or_copy)
        tolerances = {SAVEDMODEL: tolerance, exported["name"]: tolerance}
        if exported["name"] != SAVEDMODEL:
            tolerances[exported["name"]] += ENGINE_TOLERANCE
        if precision != FLOAT32:
            tolerances = dict.fromkeys(tolerances, np.inf)
        found = [
            _check(Member(folder, name), expected, m, views, tolerances[name], precision, mend) for name in tolerances
        ]
        members[member["name"]] = {
            "run": member["run"],
            "weights_sha256": exported["weights_sha256"],
            "engine": exported["name"],
            "reason": exported["reason"],
            "ms_per_image": exported["ms_per_image"],
            "largest_difference": max(difference for difference, _ in found),
            "equal_labels": min(share for _, share in found),
        }
    written = {
        "members": members,
        "precision": precision,
        "image_shape": list(expected.images.shape[1:]),
        "class_names": expected.class_names,
        "versions": versions(),
    }
    write_json(artifacts / "export" / "export.json", written)
    return written


def _check(
    member: Member, expected: Expected, m: int, views: list[str], tolerance: float, precision: str, mend: str
) -> tuple[float, float]:
    """The largest difference from training, and the least share of equal labels."""
    largest, least = 0.0, 1.0
    for v, name in enumerate(views):
        view = np.ascontiguousarray(get_view(name)(expected.images))
        probs = np.concatenate([member(view[i : i + _BATCH_SIZE]) for i in range(0, len(view), _BATCH_SIZE)])
        what, wanted = f"{member.folder.name} as {member.engine}, view {name}", expected.probs_mvnk[m, v]
        largest = max(largest, check_same(what, probs, wanted, tolerance, mend))
        if precision != FLOAT32:
            check_labels(what, probs, wanted, precision)
        least = min(least, equal_labels(probs, wanted))
    return largest, least


def _link_or_copy(source: str, target: str) -> None:
    """Without a second copy of the weights on this disk, where it can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.export", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="largest difference of a SavedModel from training"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="tflite: TensorFlow's interpreter, with the SavedModel for platforms where that fails; savedmodel: that "
        "alone, half the size; auto: the interpreter where it is faster here",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FLOAT32,
        help="of the weights: float16 halves the size, int8 quarters it; what that costs under shift: python -m "
        "submission.cost --precision int8",
    )
    parser.add_argument("--again", action="store_true", help="export anew what is up to date, too")
    args = parser.parse_args(argv)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever trained: weights are the same in every backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.net import load_net  # only here: the rest of submission/ knows nothing of training
    from training.runs import open_run

    exported = export_ensemble(
        args.artifacts,
        lambda run_dir: load_net(open_run(run_dir)),
        args.tolerance,
        args.engine,
        args.again,
        args.precision,
    )
    largest = max(member["largest_difference"] for member in exported["members"].values())
    engines = Counter(member["engine"] for member in exported["members"].values())
    told = ", ".join(f"{count} {name}" for name, count in sorted(engines.items()))
    if args.precision != FLOAT32:
        least = min(member["equal_labels"] for member in exported["members"].values())
        told += f"; {args.precision}, {least:.1%} of the labels or more as in training"
    print(
        f"{args.artifacts / 'export'}: {sum(engines.values())} members ({told}), at most {largest:.1e} from training. "
        f"Next: python -m submission.package --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
