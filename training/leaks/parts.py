"""No picture is in two parts of the split: by group, by pixels, and by what looks like a copy."""

import numpy as np

from submission.kit.folds import Folds
from submission.kit.image_set import ImageSet, image_id

from ..cleaning.chains import is_chain
from ..cleaning.invalid import invalid_reason
from ..cleaning.looks import measure_looks
from ..cleaning.near import find_twins
from .check import Check


def check_groups(folds: Folds) -> Check:
    """Every group of folds.csv lies in one part, and no image is listed twice."""
    check = Check("a group of the split lies in one part", f"{len(np.unique(folds.group))} groups")
    check.leaks += _straddling(folds.group, folds.part, lambda group: f"group {group}")
    rows, times = np.unique(folds.index, return_counts=True)
    check.leaks += [f"index {row} is listed {count} times" for row, count in zip(rows, times, strict=True) if count > 1]
    return check


def check_pixels(data: ImageSet, folds: Folds) -> tuple[Check, np.ndarray]:
    """Ids are those of the pixels, and equal pixels lie in one part.

    Returns:
        The check, and the ids computed from the pixels, unicode (n,), in the order of `folds`.
    """
    ids = np.array([image_id(data.images[row]) for row in folds.index], np.str_)
    check = Check("equal pixels lie in one part", f"{len(folds)} images, ids computed again")
    wrong = np.flatnonzero(ids != data.ids[folds.index])
    check.leaks += [f"index {folds.index[row]}: ids.npy has another id than its pixels" for row in wrong]
    check.leaks += _straddling(ids, folds.part, lambda one: f"the picture {one[:10]}")
    return check, ids


def check_copies(data: ImageSet, folds: Folds) -> Check:
    """Pictures that hashes and pixels take for one another, as in cleaning, lie in one part."""
    valid = np.array([not invalid_reason(data.images[row]) for row in folds.index], bool)
    rows, parts = folds.index[valid], folds.part[valid]
    looks = measure_looks(data.images, rows)
    twins = find_twins(data.images, rows, looks)
    groups = twins.groups()
    if is_chain(data.images, rows, groups):  # as the cleaning sees it
        return Check("copies lie in one part", f"{len(rows)} images, too alike in their detail to tell altered copies")
    check = Check("copies lie in one part", f"{len(rows)} images, {len(rows) - len(np.unique(groups))} copies found")
    labels = {int(group): f"the picture of index {rows[group]}" for group in np.unique(groups)}
    check.leaks += _straddling(groups, parts, lambda group: labels[int(group)])
    return check


def _straddling(keys: np.ndarray, parts: np.ndarray, told) -> list[str]:
    """A line for each key that occurs in more than one part."""
    order = np.lexsort((parts, keys))
    keys, parts = keys[order], parts[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.array([], np.int64)
    stops = np.append(starts[1:], len(keys))
    return [
        f"{told(keys[start])} lies in {', '.join(np.unique(parts[start:stop]))}"
        for start, stop in zip(starts, stops, strict=True)
        if parts[start] != parts[stop - 1]
    ]
