"""Pack the exported ensemble into a Codabench zip, check every rule, and run the zip against training's numbers."""

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.blend import blend
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file
from submission.kit.latest import write_latest
from submission.kit.member import TFLITE
from submission.kit.precisions import FLOAT32
from submission.kit.zip_file import write_zip

from .engine import TOLERANCE as ENGINE_TOLERANCE
from .expected import TOLERANCE, check_same, load_expected
from .precision import LEAST_EQUAL, check_labels
from .zip_run import predict_with_zip

_HERE = Path(__file__).resolve().parent
OPTIONAL_KEYS = ("pool_temperature", "order", "adapt", "class_prior", "limit_s")
"""Of ensemble.json and the manifest; a zip without them is blended as is, in order, and adapts to nothing."""


@dataclass(frozen=True)
class Package:
    """path: the zip; largest_difference: from training's probabilities; is_new: False if it was there, identical."""

    path: Path
    sha256: str
    size_bytes: int
    largest_difference: float
    is_new: bool


def package(artifacts: Path, out: Path | None = None, tolerance: float = TOLERANCE) -> Package:
    """Make the zip from A/ensemble and A/export; point A/submissions/latest.json to it.

    The same files give the same bytes, on any machine. The zip takes its name only after it broke no rule and predicted
    what training did, in a process of its own; an existing zip is never overwritten.

    Args:
        artifacts: A.
        out: the zip; by default A/submissions/submission-<first 8 digits of its sha256>.zip.
        tolerance: largest difference of a probability; 1e-4 more where the interpreter runs a member. For weights in
            less than float32 it is labels that must be equal, as many as `LEAST_EQUAL` says; the manifest tells it.

    Raises:
        KitError: `out` exists, files are missing or do not belong together, a rule is broken, or numbers differ.
    """
    if out is not None and out.exists():
        raise KitError(f"{out} exists and a submission is never overwritten: name another --out, or leave it out.")
    ensemble = read_json(artifacts / "ensemble" / "ensemble.json", f"python -m ensembles.fit --artifacts {artifacts}")
    files = _files(artifacts, ensemble)
    folder = out.parent if out is not None else artifacts / "submissions"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".package.", dir=folder) as scratch:
        new = Path(scratch) / "submission.zip"
        write_zip(new, files)
        _check_rules(new)
        largest = _check_numbers(new, artifacts, ensemble, tolerance)
        sha256, size_bytes = sha256_file(new), new.stat().st_size
        path = out if out is not None else folder / f"submission-{sha256[:8]}.zip"
        is_new = not path.exists()
        if is_new:
            new.replace(path)
        elif out is not None or sha256_file(path) != sha256:
            raise KitError(f"{path} exists with other contents and a submission is never overwritten: move it away.")
    write_latest(artifacts, path, sha256, size_bytes)
    return Package(path, sha256, size_bytes, largest, is_new)


def _files(artifacts: Path, ensemble: dict[str, Any]) -> dict[str, Path | bytes]:
    """Name in the zip -> file or contents, manifest.json included."""
    export = artifacts / "export"
    mend = f"python -m submission.export --artifacts {artifacts}"
    exported = read_json(export / "export.json", mend)
    files: dict[str, Path | bytes] = {"model.py": _HERE / "model.py"}
    files |= {f"kit/{path.name}": path for path in (_HERE / "kit").glob("*.py")}
    for member in ensemble["members"]:
        name = member["name"]
        found = exported["members"].get(name, {}).get("run")
        if found != member["run"]:
            raise KitError(f"expected {name} in {export}, of run {member['run']}. Received: {found}. Run `{mend}`.")
        weights = artifacts / "runs" / found / "best.weights.h5"
        if not weights.is_file() or sha256_file(weights) != exported["members"][name]["weights_sha256"]:
            raise KitError(f"{weights} is not what was exported: run `{mend}`.")
        saved = [path for path in (export / name).rglob("*") if path.is_file()]
        if not saved:
            raise KitError(f"{export / name} is missing or empty: run `{mend}`.")
        files |= {f"members/{name}/{path.relative_to(export / name).as_posix()}": path for path in saved}
    sha256 = {name: sha256_file(path) for name, path in files.items() if isinstance(path, Path)}
    code = "".join(sha256[name] for name in sorted(sha256) if name.endswith(".py"))
    manifest = {
        "members": [
            {"name": member["name"], "path": f"members/{member['name']}", "temperature": member["temperature"]}
            for member in ensemble["members"]
        ],
        "views": ensemble["views"],
        "weights_mv": ensemble["weights_mv"],
        **{key: ensemble[key] for key in OPTIONAL_KEYS if key in ensemble},
        "class_names": exported["class_names"],
        "image_shape": exported["image_shape"],
        "versions": {**exported["versions"], "kit": hashlib.sha256(code.encode()).hexdigest()[:8]},
        "files": sha256,
        "policies": _policies(artifacts, ensemble),
        **_precision(exported),
    }
    files["manifest.json"] = (json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    return files


def _precision(exported: dict[str, Any]) -> dict[str, Any]:
    """The manifest's word on weights that are less exact than in training: nothing for float32."""
    precision = exported.get("precision", FLOAT32)
    if precision == FLOAT32:
        return {}
    shares = {name: member["equal_labels"] for name, member in exported["members"].items()}
    told = {"weights": precision, "least_equal_labels": LEAST_EQUAL[precision], "equal_labels": shares}
    return {"precision": told}


def _policies(artifacts: Path, ensemble: dict[str, Any]) -> dict[str, Any]:
    """Member -> what its training may have done to an image (policy.json of its run), for those where that is known."""
    paths = {member["name"]: artifacts / "runs" / member["run"] / "policy.json" for member in ensemble["members"]}
    return {name: read_json(path, "make train") for name, path in paths.items() if path.is_file()}


def _check_rules(path: Path) -> None:
    from .rules import check_zip

    findings = check_zip(path)
    if findings:
        raise KitError("the zip breaks rules of the platform:\n" + "\n".join(str(finding) for finding in findings))


def _check_numbers(path: Path, artifacts: Path, ensemble: dict[str, Any], tolerance: float) -> float:
    """The largest difference; with the interpreter among the engines it may be larger by what that is allowed."""
    export = f"python -m submission.export --artifacts {artifacts}"
    exported = read_json(artifacts / "export" / "export.json", export)
    engines = [exported["members"][member["name"]]["engine"] for member in ensemble["members"]]
    if TFLITE in engines:
        tolerance += ENGINE_TOLERANCE
    expected = load_expected(artifacts, [member["run"] for member in ensemble["members"]], ensemble["views"])
    temperatures = [member["temperature"] for member in ensemble["members"]]
    wanted = blend(expected.probs_mvnk, ensemble["weights_mv"], temperatures, ensemble.get("pool_temperature", 1.0))
    run = predict_with_zip(path, expected.images)
    if run.engines != engines:
        raise KitError(
            f"the zip: expected its members to run as {engines}. Received: {run.engines}. Run `{export}` again."
        )
    mend = f"Run `{export}` on the machine that predicted, or raise --tolerance."
    precision = exported.get("precision", FLOAT32)
    if precision != FLOAT32:
        assert run.probs is not None
        check_labels("the zip", run.probs, wanted, precision)
        if (run.labels != run.probs.argmax(-1)).any():
            raise KitError(f"the zip: expected the most probable class of each image. Received: {run.labels}")
        return check_same("the zip", run.probs, wanted, np.inf, mend)
    assert run.probs is not None  # of a zip of this kit
    largest = check_same("the zip", run.probs, wanted, tolerance, mend)
    # of two classes whose probabilities are closer than they may differ here, either is right
    least, num_images = wanted.max(-1) - 2 * tolerance, len(wanted)
    if run.labels.shape != (num_images,) or not (wanted[range(num_images), run.labels] >= least).all():
        raise KitError(
            f"the zip: expected the most probable class of each of {num_images} images. Received: {run.labels}"
        )
    return largest


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.package", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--out", type=Path, help="the zip; without it A/submissions/submission-<sha8>.zip")
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="largest difference of SavedModels from training"
    )
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    made = package(args.artifacts, args.out, args.tolerance)
    state = "" if made.is_new else " (up to date)"
    print(
        f"{made.path}{state}: {made.size_bytes / 1e6:.1f} MB, at most {made.largest_difference:.1e} from training. "
        f"Next: python -m local_eval.run --artifacts {args.artifacts}"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
