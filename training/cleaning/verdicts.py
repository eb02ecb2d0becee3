"""One verdict for each image, from all rules together."""

import numpy as np

from submission.kit.image_set import ImageSet

from .invalid import invalid_reason
from .near import near_groups
from .table import CleanTable

KINDS = ("blank", "repeated picture", "same picture under several labels", "exact duplicate", "near duplicate")
"""How a reason begins, in the order of the picture sheet."""


def kind_of(reason: str) -> str:
    """The one of `KINDS` with which a reason begins, or "by hand" for a reason that none of the rules wrote."""
    return next((kind for kind in KINDS if reason.startswith(kind)), "by hand")


def judge_images(image_set: ImageSet, repeats: int) -> CleanTable:
    """Apply the rules: blank images, then groups of the same picture.

    In a group of `repeats` images or more all are dropped (a joke, or a filler); in a smaller one under several labels
    all are dropped too, because nothing says which label is right; otherwise the first stays.

    Args:
        image_set: the images; read one by one.
        repeats: at least 2.
    """
    groups, reasons = _picture_groups(image_set)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if len(members) > 1 and not reasons[members[0]]:
            for row, reason in zip(members, _group_reasons(image_set, members, repeats), strict=True):
                reasons[row] = reason
    keep = np.array([not reason for reason in reasons], bool)
    return CleanTable(image_set.ids, keep, reasons, groups)


def _picture_groups(image_set: ImageSet) -> tuple[np.ndarray, list[str]]:
    """For each image the row of its group's first image, int64 (N,), and the reason why it is blank or ""."""
    _, first, inverse = np.unique(image_set.ids, return_index=True, return_inverse=True)
    groups = first[inverse.ravel()]  # exact duplicates
    distinct = np.sort(first)
    blank = {int(row): reason for row in distinct if (reason := invalid_reason(image_set.images[row]))}
    valid = np.array([row for row in distinct if row not in blank], np.int64)
    joined = np.arange(len(image_set))
    joined[valid] = valid[near_groups(image_set.images, valid)]
    return joined[groups], [blank.get(int(row), "") for row in groups]


def _group_reasons(image_set: ImageSet, members: np.ndarray, repeats: int) -> list[str]:
    """A reason for each of the images that show one picture; "" for the one that stays, if any does."""
    labels = np.unique(image_set.labels[members])
    if len(members) >= repeats:
        return [f"repeated picture ({len(members)} times)"] * len(members)
    if len(labels) > 1:
        names = ", ".join(image_set.class_names[label] for label in labels)
        return [f"same picture under several labels ({names})"] * len(members)
    kept = members[0]
    same = image_set.ids[members] == image_set.ids[kept]
    return [""] + [f"{'exact' if exact else 'near'} duplicate of {kept}" for exact in same[1:]]
