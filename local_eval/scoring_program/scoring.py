"""Codabench scoring program: compare the predictions with the labels, image id by image id.

    python scoring.py INPUT OUTPUT

INPUT/ref  labels.npy int64 (N,), ids.npy (N,), class_names.json (K strings); or folders of these, one a suite
INPUT/res  what the ingestion program left: predictions.npz (ids, labels), timing.json and a seal, in the same folders;
           failed.json after a failure
OUTPUT     scores.json (finite numbers only), detailed_results.html. Scores of suites in folders carry the suite's
           name: accuracy_<suite>; prediction_seconds is the sum.

Exits 1, which makes the platform say Failed, unless every image of the reference has exactly one valid prediction.
Standard library and numpy only, Python 3.7 and later.
"""

import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
from results_page import results_page


class RefusedError(Exception):
    """The predictions cannot be scored; the message says why."""


def read_json(path):
    """The parsed file; `RefusedError` where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RefusedError(f"{path.name} is missing: the prediction step did not finish.") from None
    except ValueError as error:
        raise RefusedError(f"{path.name} is not valid JSON ({error}).") from None


def refuse_marker(res_dir):
    """`RefusedError` where the ingestion program left its failure marker."""
    marker = res_dir / "failed.json"
    if marker.exists():
        try:
            message = json.loads(marker.read_text(encoding="utf-8"))["message"]
        except (ValueError, KeyError, TypeError):
            message = "failed.json is there but cannot be read"
        raise RefusedError(f"prediction failed: {message}")


def load_predictions(res_dir):
    """Ids and labels as the ingestion program wrote them, and the seconds that prediction took.

    Raises:
        RefusedError: missing or damaged file, or a file that is not the ingestion program's.
    """
    path = res_dir / "predictions.npz"
    if not path.is_file():
        raise RefusedError("predictions.npz is missing: the prediction step wrote nothing.")
    timing = read_json(res_dir / "timing.json")
    seconds = timing.get("prediction_seconds") if isinstance(timing, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise RefusedError("timing.json has no prediction_seconds.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if [seal.name for seal in res_dir.glob("predictions-*.seal")] != [f"predictions-{digest}.seal"]:
        raise RefusedError(
            "predictions.npz is not the file that the ingestion program wrote. Is an old one in the zip? Remove it."
        )
    try:
        with np.load(str(path), allow_pickle=False) as file:
            return file["ids"], file["labels"], float(seconds)
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        raise RefusedError(f"predictions.npz cannot be read ({type(error).__name__}: {error}).") from None


def align(ids, labels, wanted_ids, num_classes):
    """The predicted labels int64 (N,) in the order of `wanted_ids`.

    Raises:
        RefusedError: wrong shape or type, missing, extra or duplicate ids, labels outside [0, num_classes).
    """
    if ids.ndim != 1 or labels.shape != ids.shape or labels.dtype.kind not in "iu":
        raise RefusedError(
            f"expected ids (n,) and integer labels (n,). Received: ids {ids.shape}, "
            f"labels {labels.shape} {labels.dtype}."
        )
    row = {name: n for n, name in enumerate(ids.tolist())}
    wanted = wanted_ids.tolist()
    missing = [name for name in wanted if name not in row]
    extra = sorted(set(row).difference(wanted))
    if missing or extra or len(row) != len(ids):
        raise RefusedError(
            f"expected one prediction for each of {len(wanted)} images. Received: "
            f"{len(missing)} missing {missing[:3]}, {len(extra)} extra {extra[:3]}, {len(ids) - len(row)} duplicates."
        )
    labels = labels[[row[name] for name in wanted]].astype(np.int64)
    if labels.min() < 0 or labels.max() >= num_classes:
        raise RefusedError(f"expected labels in [0, {num_classes}). Received: {labels.min()} to {labels.max()}.")
    return labels


def confusion_matrix(truth, predicted, num_classes):
    """Counts int64 (K, K): row the true class, column the predicted one."""
    counts = np.bincount(truth * num_classes + predicted, minlength=num_classes * num_classes)
    return counts.reshape(num_classes, num_classes)


def compute_scores(counts, prediction_seconds):
    """Accuracy, balanced accuracy (mean recall of the classes that occur), recall_<class index>, prediction_seconds."""
    totals = counts.sum(axis=1)
    occurring = np.flatnonzero(totals)
    recalls = {int(k): float(counts[k, k] / totals[k]) for k in occurring}
    scores = {
        "accuracy": float(np.trace(counts) / counts.sum()),
        "balanced_accuracy": float(np.mean(list(recalls.values()))),
        "prediction_seconds": prediction_seconds,
    }
    scores.update((f"recall_{k}", recall) for k, recall in recalls.items())
    return scores


def suite_folders(ref_dir):
    """The suites: [""] for labels.npy in `ref_dir` itself, else the names of the folders that hold one."""
    if (ref_dir / "labels.npy").exists():
        return [""]
    found = sorted(path.parent.name for path in ref_dir.glob("*/labels.npy"))
    if not found:
        raise RefusedError("the reference data are damaged: expected labels.npy or folders with one.")
    return found


def score_suite(ref_dir, res_dir):
    """Scores, confusion counts int64 (K, K) and class names of one suite."""
    truth = np.load(str(ref_dir / "labels.npy"), allow_pickle=False).astype(np.int64)
    wanted_ids = np.load(str(ref_dir / "ids.npy"), allow_pickle=False)
    class_names = json.loads((ref_dir / "class_names.json").read_text(encoding="utf-8"))
    if not 0 < len(truth) == len(wanted_ids) == len(set(wanted_ids.tolist())):
        raise RefusedError("the reference data are damaged: expected as many labels as ids, no id twice, at least one.")
    ids, labels, seconds = load_predictions(res_dir)
    predicted = align(ids, labels, wanted_ids, len(class_names))
    counts = confusion_matrix(truth, predicted, len(class_names))
    return compute_scores(counts, seconds), counts, class_names


def score(input_dir, output_dir):
    """Write scores.json and detailed_results.html; return the scores."""
    refuse_marker(input_dir / "res")
    results = {
        suite: score_suite(input_dir / "ref" / suite, input_dir / "res" / suite)
        for suite in suite_folders(input_dir / "ref")
    }
    scores = {"prediction_seconds": sum(one[0]["prediction_seconds"] for one in results.values())}
    for suite, (of_suite, _, _) in results.items():
        named = {f"{key}_{suite}" if suite else key: value for key, value in of_suite.items()}
        scores.update({key: value for key, value in named.items() if not key.startswith("prediction_seconds")})

    (output_dir / "detailed_results.html").write_text(results_page(results), encoding="utf-8")
    new = output_dir / "scores.json.new"  # scores.json is whole or not there
    new.write_text(json.dumps(scores, indent=1, allow_nan=False), encoding="utf-8")
    new.replace(output_dir / "scores.json")
    return scores


def main(argv):
    """Exit code: 0, or 1 with the reason on standard error."""
    input_dir, output_dir = (Path(argument) for argument in argv)
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        scores = score(input_dir, output_dir)
    except RefusedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(", ".join(f"{key} {value:.4f}" for key, value in sorted(scores.items()) if "accuracy" in key))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
