"""Export the members of A/ensemble/ensemble.json as SavedModels to A/export and check them against training."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.tta import VIEWS

from .expected import TOLERANCE, Expected, check_same, load_expected
from .export_net import export_net

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 64


def export_ensemble(
    artifacts: Path, load_net: "Callable[[Path], keras.Model]", tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Write A/export/<member>/ for every member, then A/export/export.json.

    Each SavedModel is run again from disk and must give what training stored, for up to 256 images of a select suite,
    on the ensemble's first view and on its last.

    Args:
        artifacts: A.
        load_net: run directory -> net, uint8 (n, H, W, C) -> probabilities (n, K).
        tolerance: largest difference of a probability.

    Returns:
        What export.json holds: members (run, sha256 of the weights, largest difference), image_shape, class_names and
        versions.

    Raises:
        KitError: files are missing, or a member differs from training.
    """
    ensemble = read_json(artifacts / "ensemble" / "ensemble.json", f"python -m ensembles.fit --artifacts {artifacts}")
    views = list(dict.fromkeys([ensemble["views"][0], ensemble["views"][-1]]))
    expected = load_expected(artifacts, [member["run"] for member in ensemble["members"]], views)
    image_shape = expected.images.shape[1:]
    members: dict[str, Any] = {}
    for m, member in enumerate(tqdm(ensemble["members"], desc="export", unit="member", file=sys.stderr, disable=None)):
        run_dir = artifacts / "runs" / member["run"]
        mend = (
            f"Run `python -m training.predict --artifacts {artifacts} --run {member['run']}` on this machine, "
            "or raise --tolerance."
        )
        folder = artifacts / "export" / member["name"]
        export_net(load_net(run_dir), folder, image_shape)
        members[member["name"]] = {
            "run": member["run"],
            "weights_sha256": sha256_file(run_dir / "best.weights.h5"),
            "largest_difference": _check(folder, expected, m, views, tolerance, mend),
        }
    exported = {
        "members": members,
        "image_shape": list(image_shape),
        "class_names": expected.class_names,
        "versions": _versions(),
    }
    write_json(artifacts / "export" / "export.json", exported)
    return exported


def _check(folder: Path, expected: Expected, m: int, views: list[str], tolerance: float, mend: str) -> float:
    from submission.kit.member import Member

    member = Member(folder)
    largest = 0.0
    for v, name in enumerate(views):
        view = np.ascontiguousarray(VIEWS[name](expected.images))
        probs = np.concatenate([member(view[i : i + _BATCH_SIZE]) for i in range(0, len(view), _BATCH_SIZE)])
        what = f"{folder.name}, view {name}"
        largest = max(largest, check_same(what, probs, expected.probs_mvnk[m, v], tolerance, mend))
    return largest


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.export", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="largest difference from training's numbers")
    args = parser.parse_args(argv)
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever trained: weights are the same in every backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.net import load_net  # only here: the rest of submission/ knows nothing of training
    from training.runs import open_run

    exported = export_ensemble(args.artifacts, lambda run_dir: load_net(open_run(run_dir)), args.tolerance)
    largest = max(member["largest_difference"] for member in exported["members"].values())
    print(
        f"{args.artifacts / 'export'}: {len(exported['members'])} SavedModels, at most {largest:.1e} from training. "
        f"Next: python -m submission.package --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
