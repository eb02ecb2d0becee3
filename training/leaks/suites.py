"""Suites are made from the hold-out alone, each half from its own part."""

from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.folds import JUDGE, SELECT, Folds
from submission.kit.image_set import ImageSet, image_id, open_image_set

from ..paging import paged
from .check import Check


def check_suites(artifacts: Path, folds: Folds, folds_sha256: str, pixel_ids: np.ndarray) -> list[Check]:
    """Ids, labels and pixels of every written suite.

    Args:
        folds_sha256: of folds.csv.
        pixel_ids: unicode (n,), computed from the pixels, in the order of `folds`.
    """
    folders = sorted(path.parent for path in artifacts.glob("suites/*/*/meta.json"))
    told = f"{len(folders)} parts of suites" if folders else "no suites yet"
    made = Check("suites hold images of their own part alone", told)
    whole = Check("suites are as they were written, of today's split", told)
    pixels = Check("no image of a suite is one that is trained on", told)
    trained = set(pixel_ids[np.char.startswith(folds.part, "fold")].tolist())
    for folder in folders:
        name = f"{folder.parent.name}/{folder.name}"
        try:
            suite = paged(open_image_set(folder, f"make suites ARTIFACTS={artifacts}"))
        except KitError as error:
            whole.leaks.append(f"{name}: {error}")
            continue
        whole.leaks += _changed(name, folder, suite, folds_sha256)
        made.leaks += _foreign(name, folder.name, suite, folds)
        inside = sum(image_id(suite.images[row]) in trained for row in range(len(suite)))
        if inside:
            pixels.leaks.append(f"{name}: {inside} images are pixel by pixel images of the folds")
    return [made, whole, pixels]


def _changed(name: str, folder: Path, suite: ImageSet, folds_sha256: str) -> list[str]:
    leaks = []
    if suite.meta.get("folds_sha256", folds_sha256) != folds_sha256:
        leaks.append(f"{name}: written for another split, it may hold images that are trained on now")
    if "sha256" in suite.meta and suite.meta["sha256"] != sha256_file(folder / "images.npy"):
        leaks.append(f"{name}: images.npy was changed after it was written")
    return leaks


def _foreign(name: str, part: str, suite: ImageSet, folds: Folds) -> list[str]:
    if part not in (SELECT, JUDGE):
        return [f"{name}: expected a folder select or judge"]
    here = folds.part == part
    allowed = dict(zip(folds.id[here].tolist(), folds.label[here].tolist(), strict=True))
    original = [str(one).split(":")[0] for one in suite.ids]  # id:corruption:severity in a full table
    parts = dict(zip(folds.id.tolist(), folds.part.tolist(), strict=True))
    foreign = [parts.get(one, "nowhere in the split") for one in original if one not in allowed]
    leaks = []
    if foreign:
        where = ", ".join(
            f"{count} of {one}" for one, count in zip(*np.unique(foreign, return_counts=True), strict=True)
        )
        leaks.append(f"{name}: {len(foreign)} images are not of {part}: {where}")
    other = sum(allowed.get(one, int(label)) != int(label) for one, label in zip(original, suite.labels, strict=True))
    if other:
        leaks.append(f"{name}: {other} labels are not those of folds.csv")
    return leaks
