"""An image set as Codabench's two data folders: what prediction sees, and what only scoring sees."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.files import write_json
from submission.kit.image_set import ImageSet

_CHUNK = 1024  # images copied at a time


@dataclass(frozen=True)
class Case:
    """input_dir: images.npy, ids.npy, class_names.json. reference_dir: labels.npy, ids.npy, class_names.json.

    ids: unicode (n,), the set's own ids of the chosen rows; in the two folders a repeated id is made unique.
    """

    input_dir: Path
    reference_dir: Path
    ids: np.ndarray


def make_case(images: ImageSet, folder: Path, rows: np.ndarray) -> Case:
    """Write the two folders; memory is that of a chunk.

    Args:
        images: where the rows come from.
        folder: new; the two lie in it.
        rows: int64 (n,), which images, in this order.
    """
    input_dir, reference_dir = folder / "input", folder / "reference"
    input_dir.mkdir(parents=True)
    reference_dir.mkdir()
    with open(input_dir / "images.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *images.image_shape)}
        )
        for start in range(0, len(rows), _CHUNK):
            file.write(np.ascontiguousarray(images.images[rows[start : start + _CHUNK]]).data)
    ids = np.asarray(images.ids)[rows]
    np.save(reference_dir / "labels.npy", np.asarray(images.labels)[rows])
    for part in (input_dir, reference_dir):
        np.save(part / "ids.npy", unique_ids(ids))
        write_json(part / "class_names.json", images.class_names)
    return Case(input_dir, reference_dir, ids)


def unique_ids(ids: np.ndarray) -> np.ndarray:
    """The ids (n,), each occurrence of a repeated one with its row appended: equal pictures have equal ids."""
    _, first, count = np.unique(ids, return_inverse=True, return_counts=True)
    if count.max(initial=1) == 1:
        return ids
    return np.array([f"{one}#{n}" if count[first[n]] > 1 else str(one) for n, one in enumerate(ids)])


def spread_rows(total: int, limit: int | None) -> np.ndarray:
    """At most `limit` rows of `total`, evenly spread, int64; all of them for None."""
    if limit is None or limit >= total:
        return np.arange(total)
    return np.linspace(0, total - 1, limit).round().astype(np.int64)
