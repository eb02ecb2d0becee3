"""The labels of a training file: every way in which they can be wrong has its own message."""

from collections.abc import Sequence

import numpy as np

from submission.kit.errors import KitError

from .npz_member import NpzMember

_SHOWN = 5


def read_labels(member: NpzMember, num_images: int, class_names: Sequence[str] | None) -> np.ndarray:
    """Read and check the labels.

    Args:
        member: the array; (N,) or (N, 1) of any integer type.
        num_images: N.
        class_names: K names, or None: then K is the largest label + 1.

    Returns:
        int64 (N,), 0..K-1, every class at least once, K at least 2.

    Raises:
        KitError: anything else.
    """
    what = f"{member.path}: `labels`"
    if member.dtype.kind not in "iu":
        raise KitError(f"{what}: expected integers. Received: dtype={member.dtype}{_not_integers(member)}")
    if len(member.shape) not in (1, 2) or member.shape[1:] not in ((), (1,)):
        hint = "Is it one-hot? Then labels.argmax(1)" if len(member.shape) == 2 else "Reshape it: labels.reshape(-1)"
        raise KitError(f"{what}: expected shape (N,) or (N, 1). Received: shape={member.shape}. {hint}.")
    if member.shape[0] != num_images:
        raise KitError(
            f"{what}: expected one for each of the {num_images} images. Received: {member.shape[0]}. "
            f"Write the file again with as many labels as images."
        )
    labels = member.read().reshape(-1)
    _check_range(labels, what, class_names)
    return labels.astype(np.int64)


def _check_range(labels: np.ndarray, what: str, class_names: Sequence[str] | None) -> None:
    present = np.unique(labels)
    num_classes = len(class_names) if class_names is not None else int(present[-1]) + 1
    outside = (labels < 0) | (labels > num_classes - 1)
    if outside.any():
        rows = np.flatnonzero(outside)
        raise KitError(
            f"{what}: expected 0 to {num_classes - 1}{'' if class_names is None else f' ({num_classes} class names)'}. "
            f"Received: {labels[rows[:_SHOWN]].tolist()} at rows {rows[:_SHOWN].tolist()}, {len(rows)} such labels. "
            f"Correct them{'' if class_names is None else ', or give all names: `--class-names first,second,...`'}."
        )
    if len(present) == 1:
        raise KitError(
            f"{what}: expected two classes or more. Received: only label {present[0]}. Add images of another class."
        )
    if len(present) < num_classes:
        gaps = _first_gaps(present.tolist(), num_classes)
        raise KitError(
            f"{what}: expected at least one image of each class 0 to {num_classes - 1}. Received: none of class "
            f"{', '.join(map(str, gaps))}{', ...' if num_classes - len(present) > len(gaps) else ''}. Number the "
            f"classes without gaps: np.unique(labels, return_inverse=True)[1]"
        )


def _first_gaps(present: list[int], num_classes: int) -> list[int]:
    """The first labels that are missing; never a list as long as a wild label is large."""
    gaps: list[int] = []
    before = -1
    for label in [*present, num_classes]:
        gaps.extend(range(before + 1, min(label, before + 1 + _SHOWN - len(gaps))))
        before = label
    return gaps


def _not_integers(member: NpzMember) -> str:
    if member.dtype.kind == "f":
        labels = member.read().reshape(-1)
        bad = np.flatnonzero(~np.isfinite(labels) | (labels != np.floor(labels)))
        if len(bad):
            values = ", ".join(str(value) for value in labels[bad[:_SHOWN]])
            return f", {values} at rows {bad[:_SHOWN].tolist()}, {len(bad)} that are no whole number. Correct them."
        return ". Convert them: labels.astype(np.int64)."
    if member.dtype.kind in "US":
        return ". Number the classes: class_names, labels = np.unique(labels, return_inverse=True)."
    return ". Convert them: labels.astype(np.int64)."
