"""A contest's training file: an npz with `images` and `labels`, checked, then streamed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.image_set import ImageSet

from .an2dl import CLASS_NAMES, is_contest_file
from .npz_labels import read_labels
from .npz_member import NpzMember, npz_keys, npz_member

MIN_SIDE = 8
"""Smaller pictures are taken for an array that is laid out otherwise."""

_BATCH_BYTES = 1 << 24
_SAVE = "np.savez('training_set.npz', images=images, labels=labels)"


@dataclass(frozen=True)
class NpzContest:
    """A checked npz; the images are read from it batch by batch.

    Attributes:
        labels: int64 (N,), 0..K-1.
        image_shape: (H, W, C), C is 1 or 3.
        class_names: K names.
    """

    path: Path
    labels: np.ndarray
    image_shape: tuple[int, int, int]
    class_names: list[str]
    _images: NpzMember
    exact: bool = True
    beside: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def meta(self) -> dict[str, Any]:
        """For meta.json; reads the file once for its sha256."""
        return {
            "class_names": self.class_names,
            "source": self.path.name,
            "source_sha256": sha256_file(self.path),
            "source_size": self.path.stat().st_size,
        }

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All images in order: uint8 (n, H, W, C) and labels int64 (n,); `KitError` if the file is damaged."""
        rows = max(1, _BATCH_BYTES // int(np.prod(self.image_shape)))
        start = 0
        for piece in self._images.pieces(rows):
            stop = start + len(piece)
            yield piece.reshape(len(piece), *self.image_shape), self.labels[start:stop]
            start = stop

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]:
        """Nothing lies beside the images of an npz."""
        return {}

    def remarks(self) -> list[str]:
        """None."""
        return []


def open_npz(path: str | Path, class_names: Sequence[str] | None = None) -> NpzContest:
    """Check a training file; no image is read yet.

    Args:
        path: an npz with `images` uint8 (N, H, W, 3), (N, H, W, 1) or (N, H, W), `labels` of any integer type (N,) or
            (N, 1), and perhaps `class_names` (K,) strings. Compressed or not.
        class_names: K names, instead of the file's.

    Raises:
        KitError: not such a file; the message says what was expected, what came, and what mends it.
    """
    path = Path(path)
    keys = _checked_keys(path)
    images = npz_member(path, "images")
    images = replace(images, shape=_checked_shape(images))
    num_images = images.shape[0]
    names = list(class_names) if class_names is not None else _names_in(path) if "class_names" in keys else None
    labels = read_labels(npz_member(path, "labels"), num_images, names)
    height, width, channels = images.shape[1:]
    image_shape = height, width, channels
    if names is None:
        known = is_contest_file(labels, image_shape)
        names = list(CLASS_NAMES) if known else [f"class {label}" for label in range(int(labels.max()) + 1)]
    return NpzContest(path, labels, image_shape, names, images)


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raise `KitError` unless the names are at least two, all different, none empty; `where` they are from."""
    if len(names) < 2 or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise KitError(
            f"{where}: expected two or more different names, none empty. Received: {list(names)}. "
            f"Give `--class-names first,second,...` in the order of the labels."
        )


def _checked_keys(path: Path) -> list[str]:
    if not path.exists():
        raise KitError(
            f"expected a training file (npz). Received: {path}, which does not exist. Put the contest's file there, "
            f"give `--data FILE.npz`, or try the kit with `--data synthetic`."
        )
    if path.is_dir():
        raise KitError(f"expected a training file (npz). Received: {path}, a folder. Give `--data FILE.npz`.")
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic == b"\x93NUMPY":
        raise KitError(
            f"expected an npz with `images` and `labels`. Received: {path}, a single array (npy). Write both: {_SAVE}"
        )
    if magic[:2] != b"PK":
        raise KitError(
            f"expected an npz. Received: {path}, which is not one (it begins with {magic!r}). Write it: {_SAVE}"
        )
    keys = npz_keys(path)
    missing = [key for key in ("images", "labels") if key not in keys]
    if missing:
        raise KitError(
            f"{path}: expected the arrays `images` and `labels`. Received: {keys}, without {missing}. Write it: {_SAVE}"
        )
    return keys


def _checked_shape(images: NpzMember) -> tuple[int, int, int, int]:
    """(N, H, W, C) of the images, a missing C added."""
    what, shape = f"{images.path}: `images`", images.shape
    if images.dtype != np.uint8:
        hints = {
            "f": "(images * 255).round().astype(np.uint8) if they are 0..1, else images.round().astype(np.uint8)",
            "b": "images.astype(np.uint8) * 255",
        }
        hint = hints.get(images.dtype.kind, "images.astype(np.uint8) if all are 0..255")
        raise KitError(
            f"{what}: expected uint8, 0..255. Received: dtype={images.dtype}. Convert them: {hint}; then {_SAVE}"
        )
    layout = f"expected (N, H, W, 3), (N, H, W, 1) or (N, H, W), H and W at least {MIN_SIDE}. Received: shape={shape}"
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or shape[3] not in (1, 3) or min(shape[1:3]) < MIN_SIDE:
        hint = "Reshape them"
        if len(shape) == 4 and shape[1] in (1, 3) and min(shape[2:]) >= MIN_SIDE:
            hint = "Channels go last: images.transpose(0, 2, 3, 1)"
        elif len(shape) == 4 and shape[3] == 4:
            hint = "Leave the transparency out: images[..., :3]"
        raise KitError(f"{what}: {layout}. {hint}; then {_SAVE}")
    if shape[0] < 1:
        raise KitError(
            f"{what}: expected at least one image. Received: shape={images.shape}. Write the file again: {_SAVE}"
        )
    if images.fortran_order:
        raise KitError(
            f"{what}: expected C order, one image after the other. Received: Fortran order, which can only be read "
            f"whole. Write it again: np.savez('training_set.npz', images=np.ascontiguousarray(images), labels=labels)"
        )
    return shape


def _names_in(path: Path) -> list[str]:
    member = npz_member(path, "class_names")
    if member.dtype.kind not in "US" or len(member.shape) != 1:
        raise KitError(
            f"{path}: expected `class_names` to be strings (K,). Received: {member.dtype} {member.shape}. "
            f"Give `--class-names first,second,...`."
        )
    array = member.read()
    if member.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", errors="replace")
    names = [str(name) for name in array]
    check_class_names(names, f"{path}, `class_names`")
    return names
