"""BloodMNIST of MedMNIST v2: 17,092 blood cells of eight types at 28, 64, 128 or 224 pixels, in three official parts.

Addresses, MD5 sums and names (the longest cut short) are those of the published package (medmnist/info.py of version 3,
record 10519652 of Zenodo).
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet, write_image_set

from .download.fetch import RemoteFile
from .licence import ACEVEDO, CC_BY_4, LICENCE_FILE, Licence
from .npz_labels import read_labels
from .npz_member import NpzMember, npz_keys, npz_member
from .resize import resized

USUAL_PIXELS, USUAL_SIDE = 128, 96
CLASS_NAMES = (
    "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil",
    "platelet",
)  # fmt: skip

PARTS = ("train", "val")
TEST = "test"
TEST_FOLDER = "test"

LICENCE = Licence(
    *CC_BY_4,
    "https://medmnist.com",
    (
        "Yang, J., Shi, R., Wei, D., Liu, Z., Zhao, L., Ke, B., Pfister, H., Ni, B.: MedMNIST v2 - A large-scale "
        "lightweight benchmark for 2D and 3D biomedical image classification. Scientific Data 10, 41 (2023). "
        "doi:10.1038/s41597-022-01721-8",
        ACEVEDO,
    ),
)

_RECORD = "https://zenodo.org/records/10519652/files/"
_MD5 = {
    28: "7053d0359d879ad8a5505303e11de1dc",
    64: "2b94928a2ae4916078ca51e05b6b800b",
    128: "adace1e0ed228fccda1f39692059dd4c",
    224: "b718ff6835fcbdb22ba9eacccd7b2601",
}
PIXELS = tuple(_MD5)
"""Sides at which it is published."""

_BATCH_BYTES = 1 << 24


def remote_file(pixels: int) -> RemoteFile:
    """The published file of one size; `KitError` for another."""
    if pixels not in _MD5:
        raise KitError(f"BloodMNIST is published at {', '.join(map(str, PIXELS))} pixels. Received: --pixels {pixels}.")
    name = "bloodmnist.npz" if pixels == 28 else f"bloodmnist_{pixels}.npz"
    return RemoteFile(name, f"{_RECORD}{name}?download=1", f"md5:{_MD5[pixels]}")


def meta_of(pixels: int, size: int, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """For meta.json; known before anything is downloaded, since the MD5 says what it will be."""
    identity = f"bloodmnist {remote_file(pixels).known_hash} {'+'.join(parts)} size={size}"
    return {
        "class_names": list(CLASS_NAMES),
        "source": f"bloodmnist, {pixels} px",
        "source_sha256": hashlib.sha256(identity.encode()).hexdigest(),
        **LICENCE.meta,
    }


class BloodMnist:
    """The official train and val parts as the contest's images; the official test part is written apart.

    The kit draws folds and a hold-out of its own from all images of a contest, so train and val are joined. The test
    part stays what it is for: no step reads it. `A/data/test`, an image set, stands in for a contest's hidden test:
    `python -m local_eval.run --images A/data/test` says what a zip scores there, and
    `make score UNLABELLED=A/data/test/images.npy` forecasts that without the labels.

    Args:
        path: the published file.
        pixels: its size.
        size: height and width of the images made of it.

    Raises:
        KitError: not such a file.
    """

    exact = True
    beside = (TEST_FOLDER, LICENCE_FILE)

    def __init__(self, path: Path, pixels: int, size: int):
        self._path = path
        self._size = size
        keys = npz_keys(path)
        missing = [f"{part}_{what}" for part in (*PARTS, TEST) for what in ("images", "labels")]
        missing = [key for key in missing if key not in keys]
        if missing:
            raise KitError(f"{path}: expected the arrays of BloodMNIST. Received: {keys}, without {missing}.")
        self._images = {part: self._checked(part, pixels) for part in (*PARTS, TEST)}
        self._labels = {
            part: read_labels(npz_member(path, f"{part}_labels"), self._images[part].shape[0], CLASS_NAMES)
            for part in (*PARTS, TEST)
        }
        self.labels = np.concatenate([self._labels[part] for part in PARTS])
        self.meta = {**meta_of(pixels, size), "parts": {part: len(self._labels[part]) for part in PARTS}}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(size, size, 3)"""
        return self._size, self._size, 3

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Train, then val: uint8 (n, size, size, 3), 0-255, and labels int64 (n,); `KitError` if damaged."""
        for part in PARTS:
            yield from self._batches(part)

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]:
        """Write the official test part and the licence."""
        count = len(self._labels[TEST])
        meta = {"class_names": list(CLASS_NAMES), "source": f"{self.meta['source']}, {TEST}"}
        write_image_set(folder / TEST_FOLDER, self._batches(TEST), count, self.image_shape, meta)
        LICENCE.write(folder)
        return {"test_images": count}

    def remarks(self) -> list[str]:
        """For people."""
        counts = " and ".join(f"{len(self._labels[part])} of its part {part}" for part in PARTS)
        apart = f"its part {TEST}, {len(self._labels[TEST])} images that no step reads, stands in for a hidden test"
        command = f"python -m local_eval.run --artifacts A --images A/data/{TEST_FOLDER}"
        return [f"{counts}; {apart}: {command}", *LICENCE.lines()]

    def _batches(self, part: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        images, labels = self._images[part], self._labels[part]
        rows = max(1, _BATCH_BYTES // int(np.prod(images.shape[1:])))
        start = 0
        for piece in images.pieces(rows):
            yield resized(piece, (self._size, self._size)), labels[start : start + len(piece)]
            start += len(piece)

    def _checked(self, part: str, pixels: int) -> NpzMember:
        member = npz_member(self._path, f"{part}_images")
        if member.dtype != np.uint8 or member.shape[1:] != (pixels, pixels, 3) or member.fortran_order:
            raise KitError(
                f"{self._path}: expected `{member.key}` to be uint8 (N, {pixels}, {pixels}, 3). "
                f"Received: {member.dtype} {member.shape}. Give its size with --pixels."
            )
        return member
