"""A folder of labelled images that is memory-mapped, never read whole.

images.npy  uint8 (N, H, W, C), 0-255
labels.npy  int64 (N,), 0..K-1
ids.npy     unicode (N,), sha1 of the pixels (`image_id`); equal images have equal ids
meta.json   class_names (K strings) and whatever the maker records (source, sha256, suite, seed ...)
"""

from __future__ import annotations  # platforms run Python 3.9

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import KitError
from .files import atomic_path, read_json, write_json


def image_id(image: np.ndarray) -> str:
    """Sha1 of an image's shape and pixels: 40 hex digits.

    Args:
        image: uint8 (H, W, C).
    """
    digest = hashlib.sha1(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class ImageSet:
    """Images with labels and ids; `images` is a read-only memory map."""

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    meta: dict[str, Any]

    @property
    def class_names(self) -> list[str]:
        return self.meta["class_names"]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)"""
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.ids)


def open_image_set(folder: str | Path, mend: str) -> ImageSet:
    """Open a folder written by `write_image_set`; the images stay on disk.

    Args:
        folder: the folder.
        mend: the command that makes it; it is named in the error.

    Raises:
        KitError: a file is missing, damaged, or its length differs from the others'.
    """
    folder = Path(folder)
    meta = read_json(folder / "meta.json", mend)
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
        labels = np.load(folder / "labels.npy")
        ids = np.load(folder / "ids.npy")
    except FileNotFoundError as error:
        raise KitError(f"{error.filename} is missing: run `{mend}` first.") from None
    except (ValueError, EOFError) as error:
        raise KitError(f"an array in {folder} is damaged ({error}): delete the folder and run `{mend}`.") from None
    if not (len(images) == len(labels) == len(ids)):
        raise KitError(
            f"{folder}: expected as many labels and ids as images. Received: {len(images)} images, "
            f"{len(labels)} labels, {len(ids)} ids. Delete the folder and run `{mend}`."
        )
    return ImageSet(images, labels, ids, meta)


def write_image_set(
    folder: str | Path,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    num_images: int,
    image_shape: tuple[int, int, int],
    meta: dict[str, Any],
    ids: np.ndarray | None = None,
    at_most: bool = False,
) -> None:
    """Write an image set batch by batch; memory is that of one batch. Atomic: the old folder survives a failure.

    Args:
        folder: where.
        batches: pairs of images uint8 (n, H, W, C) and labels (n,); the n sum up to `num_images`.
        num_images: N.
        image_shape: (H, W, C).
        meta: for meta.json; must hold `class_names`.
        ids: (N,) ids to keep (a shifted image keeps the id of its original); by default `image_id` of each image.
        at_most: fewer than `num_images` may come, since a picture shows only when it is decoded that it is broken.
    """
    if "class_names" not in meta:
        raise ValueError("meta must hold class_names")
    labels = np.empty(num_images, np.int64)
    new_ids: list[str] = []
    with atomic_path(folder) as new:
        new.mkdir()
        start = 0
        with open(new / "images.npy", "wb") as file:  # not a memory map: that dies of SIGBUS on a full disk
            _write_header(file, (num_images, *image_shape))
            pixels_at = file.tell()
            for batch, batch_labels in batches:
                if batch.dtype != np.uint8 or batch.shape[1:] != tuple(image_shape):
                    raise ValueError(f"expected uint8 images {image_shape}. Received: {batch.dtype} {batch.shape[1:]}")
                stop = start + len(batch)
                file.write(np.ascontiguousarray(batch).data)
                labels[start:stop] = batch_labels
                if ids is None:
                    new_ids.extend(image_id(image) for image in batch)
                start = stop
            if at_most and 0 < start < num_images:
                file.seek(0)
                _write_header(file, (start, *image_shape))
                if file.tell() != pixels_at:  # numpy leaves room for a first axis that changes
                    raise RuntimeError("the header of images.npy has another length for fewer images")
                num_images = start
        if start != num_images:
            raise ValueError(f"expected {num_images} images in all. Received: {start}")
        np.save(new / "labels.npy", labels[:num_images])
        np.save(new / "ids.npy", np.array(new_ids if ids is None else ids, dtype=np.str_))
        write_json(new / "meta.json", meta)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
