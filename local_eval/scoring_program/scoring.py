"""Codabench scoring program: compare the predictions with the labels, image id by image id.

    python scoring.py INPUT OUTPUT

INPUT/ref  labels.npy int64 (N,), ids.npy (N,), class_names.json (K strings)
INPUT/res  what the ingestion program left: predictions.npz (ids, labels), timing.json; failed.json after a failure
OUTPUT     scores.json (finite numbers only), detailed_results.html

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


def load_predictions(res_dir):
    """Ids and labels as the ingestion program wrote them, and its timing.

    Raises:
        RefusedError: failure marker, missing or damaged file, or a file that is not the ingestion program's.
    """
    marker = res_dir / "failed.json"
    if marker.exists():
        try:
            message = json.loads(marker.read_text(encoding="utf-8"))["message"]
        except (ValueError, KeyError, TypeError):
            message = "failed.json is there but cannot be read"
        raise RefusedError(f"prediction failed: {message}")
    path = res_dir / "predictions.npz"
    if not path.exists():
        raise RefusedError("predictions.npz is missing: the prediction step wrote nothing.")
    timing = read_json(res_dir / "timing.json")
    if not isinstance(timing, dict):
        raise RefusedError("timing.json does not hold an object.")
    if timing.get("predictions_sha256") != hashlib.sha256(path.read_bytes()).hexdigest():
        raise RefusedError(
            "predictions.npz is not the file that the ingestion program wrote. Is an old one in the zip? Remove it."
        )
    try:
        with np.load(str(path), allow_pickle=False) as file:
            return file["ids"], file["labels"], timing
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


def score(input_dir, output_dir):
    """Write scores.json and detailed_results.html; return the scores."""
    ref_dir = input_dir / "ref"
    truth = np.load(str(ref_dir / "labels.npy"), allow_pickle=False).astype(np.int64)
    wanted_ids = np.load(str(ref_dir / "ids.npy"), allow_pickle=False)
    class_names = json.loads((ref_dir / "class_names.json").read_text(encoding="utf-8"))
    if not 0 < len(truth) == len(wanted_ids) == len(set(wanted_ids.tolist())):
        raise RefusedError("the reference data are damaged: expected as many labels as ids, no id twice, at least one.")

    ids, labels, timing = load_predictions(input_dir / "res")
    predicted = align(ids, labels, wanted_ids, len(class_names))
    seconds = timing.get("prediction_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        raise RefusedError("timing.json has no prediction_seconds.")
    counts = confusion_matrix(truth, predicted, len(class_names))
    scores = compute_scores(counts, float(seconds))

    (output_dir / "detailed_results.html").write_text(results_page(scores, counts, class_names), encoding="utf-8")
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
    print("accuracy {accuracy:.4f}, balanced accuracy {balanced_accuracy:.4f}".format(**scores))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
