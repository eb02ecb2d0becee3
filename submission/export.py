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
from submission.kit.tta import get_view

from .engine import ENGINES
from .engine import TOLERANCE as ENGINE_TOLERANCE
from .expected import TOLERANCE, Expected, check_same, load_expected
from .export_run import FOLDER, export_run, versions

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 64


def export_ensemble(
    artifacts: Path,
    load_net: "Callable[[Path], keras.Model]",
    tolerance: float = TOLERANCE,
    engine: str = "auto",
    again: bool = False,
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

    Returns:
        What export.json holds: members (run, sha256 of the weights, engine, times, largest difference from training),
        image_shape, class_names and versions.

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
        exported = export_run(run_dir, load_net, expected.images, engine, again)
        folder = artifacts / "export" / member["name"]
        with atomic_path(folder) as new:
            shutil.copytree(run_dir / FOLDER, new, copy_function=_link_or_copy)
        checks = {SAVEDMODEL: tolerance, exported["name"]: tolerance}
        if exported["name"] != SAVEDMODEL:
            checks[exported["name"]] += ENGINE_TOLERANCE
        largest = {name: _check(Member(folder, name), expected, m, views, checks[name], mend) for name in checks}
        members[member["name"]] = {
            "run": member["run"],
            "weights_sha256": exported["weights_sha256"],
            "engine": exported["name"],
            "reason": exported["reason"],
            "ms_per_image": exported["ms_per_image"],
            "largest_difference": max(largest.values()),
        }
    written = {
        "members": members,
        "image_shape": list(expected.images.shape[1:]),
        "class_names": expected.class_names,
        "versions": versions(),
    }
    write_json(artifacts / "export" / "export.json", written)
    return written


def _check(member: Member, expected: Expected, m: int, views: list[str], tolerance: float, mend: str) -> float:
    largest = 0.0
    for v, name in enumerate(views):
        view = np.ascontiguousarray(get_view(name)(expected.images))
        probs = np.concatenate([member(view[i : i + _BATCH_SIZE]) for i in range(0, len(view), _BATCH_SIZE)])
        what = f"{member.folder.name} as {member.engine}, view {name}"
        largest = max(largest, check_same(what, probs, expected.probs_mvnk[m, v], tolerance, mend))
    return largest


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
    parser.add_argument("--again", action="store_true", help="export anew what is up to date, too")
    args = parser.parse_args(argv)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever trained: weights are the same in every backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.net import load_net  # only here: the rest of submission/ knows nothing of training
    from training.runs import open_run

    exported = export_ensemble(
        args.artifacts, lambda run_dir: load_net(open_run(run_dir)), args.tolerance, args.engine, args.again
    )
    largest = max(member["largest_difference"] for member in exported["members"].values())
    engines = Counter(member["engine"] for member in exported["members"].values())
    told = ", ".join(f"{count} {name}" for name, count in sorted(engines.items()))
    print(
        f"{args.artifacts / 'export'}: {sum(engines.values())} members ({told}), at most {largest:.1e} from training. "
        f"Next: python -m submission.package --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
