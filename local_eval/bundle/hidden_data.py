"""A phase's images and labels, so that neither order nor ids tell anything about the labels."""

import hashlib
from pathlib import Path

import numpy as np

from submission.kit.image_set import ImageSet

from ..case import make_case


def write_hidden_data(images: ImageSet, name: str, folder: Path) -> dict[str, Path]:
    """Write the two folders of one suite in one phase; memory is that of a chunk.

    The ids of the artifacts are hashes of the originals' pixels and join the suites: here each set gets an order and
    ids of its own. Both come from the labels, which nobody outside has, so the same artifacts give the same bytes.

    Args:
        images: the hidden images with their labels.
        name: phase and suite; sets with different names share no id.
        folder: new; the two lie in it.

    Returns:
        "input_data" (images.npy, ids.npy, class_names.json) and "reference_data" (labels.npy, ids.npy,
        class_names.json).
    """
    key = hashlib.sha256(name.encode())
    key.update(np.ascontiguousarray(images.labels, np.int64).data)
    key.update("\n".join(images.ids.tolist()).encode())
    rows = np.random.default_rng(int.from_bytes(key.digest()[:8], "big")).permutation(len(images))
    case = make_case(images, folder, rows)
    ids = np.array([hashlib.sha256(key.digest() + str(n).encode()).hexdigest()[:16] for n in range(len(images))])
    for part in (case.input_dir, case.reference_dir):
        np.save(part / "ids.npy", ids)
    return {"input_data": case.input_dir, "reference_data": case.reference_dir}
