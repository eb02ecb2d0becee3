"""What weights of less precision change on the select parts of all suites, compared with what training predicted."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from submission.kit.image_set import open_image_set
from submission.kit.probs_file import load_probs

from .precision import equal_labels

_BATCH_SIZE = 64
_LEAST_PROB = 1e-12


def change_under_shift(
    artifacts: Path, run: str, member: Callable[[np.ndarray], np.ndarray], num_images: int
) -> dict[str, dict[str, float]]:
    """Accuracy, log-loss and labels under the identity view, of every suite that the run has predicted.

    Args:
        artifacts: A.
        run: its name.
        member: uint8 (n, H, W, C) -> probabilities (n, K), as it is shipped.
        num_images: of each suite, evenly spaced; fewer where there are fewer.

    Returns:
        Name of each suite, clean first -> "images", "accuracy" and "log_loss" (nats) of the member, their changes
        "accuracy_change" and "log_loss_change" from float32, and "equal_labels", the share of images.

    Raises:
        KitError: predictions are damaged, or of other images.
    """
    predict = f"python -m training.predict --artifacts {artifacts} --run {run}"
    changes = {}
    for path in sorted((artifacts / "runs" / run).glob("probs_*_select.npz")):
        suite = path.name[len("probs_") : -len("_select.npz")]
        folder = artifacts / "suites" / suite / "select"
        if not folder.is_dir():  # removed since
            continue
        images = open_image_set(folder, f"python -m local_eval.suites --artifacts {artifacts}")
        rows = np.unique(np.linspace(0, len(images) - 1, min(num_images, len(images))).astype(np.int64))
        before = load_probs(path, predict).at(images.ids[rows], predict)
        expected = before.probs_vnk[before.views.index("identity")]
        given = np.concatenate(
            [member(images.images[rows[i : i + _BATCH_SIZE]]) for i in range(0, len(rows), _BATCH_SIZE)]
        )
        told, whole = (_scores(probs, before.labels) for probs in (given, expected))
        changes[suite] = {
            "images": len(rows),
            **told,
            **{f"{name}_change": told[name] - whole[name] for name in told},
            "equal_labels": equal_labels(given, expected),
        }
    return dict(sorted(changes.items(), key=lambda item: (item[0] != "clean", item[0])))


def change_table(changes: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A line for each variant (run and precision) and suite, for the screen."""
    width = max((len(name) for name in changes), default=0)
    suites = max((len(suite) for one in changes.values() for suite in one), default=0)
    lines = [f"{'':{width}}  {'':{suites}}  images  accuracy  points  log-loss   change  equal labels"]
    for name, one in changes.items():
        lines += [
            f"{name:{width}}  {suite:{suites}}  {told['images']:6}  {told['accuracy']:8.4f}  "
            f"{100 * told['accuracy_change']:+6.2f}  {told['log_loss']:8.4f}  {told['log_loss_change']:+7.4f}  "
            f"{told['equal_labels']:12.2%}"
            for suite, told in one.items()
        ]
    return "\n".join(lines)


def _scores(probs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    of_label = np.maximum(probs[np.arange(len(labels)), labels].astype(np.float64), _LEAST_PROB)
    return {"accuracy": float((probs.argmax(-1) == labels).mean()), "log_loss": float(-np.log(of_label).mean())}
