"""The ensemble of a submission: streams images through every member and view, one batch in memory at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .blend import blend, check_weights
from .errors import KitError
from .image_input import batches
from .member import Member
from .tta import VIEWS, check_views


class Predictor:
    """Predicts with the members, views and weights of `folder`/manifest.json.

    Peak memory does not grow with the number of images, but for the K probabilities of each: views are made lazily,
    one at a time, of one batch. Equal images in equal batches on one machine and one TensorFlow give equal results;
    another machine or version may differ by rounding.

    Args:
        folder: an unpacked submission (manifest.json, members/).
        batch_size: images a batch; 128 instead of 64 is 2 to 9 % faster (96x96, 2 cores) for twice the memory.

    Raises:
        KitError: the manifest or a member is missing, damaged, or they do not fit together.
    """

    def __init__(self, folder: str | os.PathLike[str], batch_size: int = 64):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
        self.folder = Path(folder)
        self.batch_size = batch_size
        manifest = _read_manifest(self.folder / "manifest.json")
        self.class_names: list[str] = manifest["class_names"]
        self.image_shape: tuple[int, int, int] = tuple(manifest["image_shape"])
        self.views: list[str] = manifest["views"]
        self.member_names = [member["name"] for member in manifest["members"]]
        self.temperatures = [float(member["temperature"]) for member in manifest["members"]]
        self.weights_mv = np.array(manifest["weights_mv"], np.float64)
        self.pool_temperature = float(manifest.get("pool_temperature", 1.0))
        check_views(self.views, self.image_shape)
        self.members = [self._load_member(member["path"]) for member in manifest["members"]]

    def predict(self, images: Any) -> np.ndarray:
        """Class indices int64 (n,) of images (n, H, W, C); for what is accepted see `image_input.batches`."""
        return self.predict_probs(images).argmax(-1).astype(np.int64)

    def predict_probs(self, images: Any) -> np.ndarray:
        """Blended probabilities float32 (n, K); a member and view of weight 0 is not run."""
        wanted_mv = self.weights_mv > 0
        how = (self.weights_mv, self.temperatures, self.pool_temperature)
        parts = [blend(table, *how) for table in self._tables(images, wanted_mv)]
        return np.concatenate([np.empty((0, len(self.class_names)), np.float32), *parts])

    def predict_table(self, images: Any) -> np.ndarray:
        """Every member's and view's own probabilities, float32 (M, V, n, K), neither tempered nor weighted."""
        wanted_mv = np.ones(self.weights_mv.shape, bool)
        empty = np.empty((*wanted_mv.shape, 0, len(self.class_names)), np.float32)
        return np.concatenate([empty, *self._tables(images, wanted_mv)], axis=2)

    def _tables(self, images: Any, wanted_mv: np.ndarray) -> Iterator[np.ndarray]:
        """Yield (M, V, n, K) for each batch, 0 where not wanted."""
        for batch in batches(images, self.image_shape, self.batch_size):
            table = np.zeros((*wanted_mv.shape, len(batch), len(self.class_names)), np.float32)
            for v, name in enumerate(self.views):
                if wanted_mv[:, v].any():
                    view = np.ascontiguousarray(VIEWS[name](batch))  # once for all members
                    for m in np.flatnonzero(wanted_mv[:, v]):
                        table[m, v] = self.members[m](view)
            yield table

    def _load_member(self, path: str) -> Member:
        member = Member(self.folder / path)
        expected = (self.image_shape, len(self.class_names))
        if (member.image_shape, member.num_classes) != expected:
            raise KitError(
                f"expected {path} to take images {expected[0]} and return {expected[1]} classes. "
                f"Received: {member.image_shape}, {member.num_classes}"
            )
        return member


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KitError(f"expected a JSON manifest at {path}: {error}") from None
    missing = sorted({"class_names", "image_shape", "views", "members", "weights_mv"} - set(manifest))
    if missing:
        raise KitError(f"{path}: expected the keys of a submission's manifest. Received: none for {missing}")
    weights_mv = np.array(manifest["weights_mv"], np.float64)
    if weights_mv.shape != (len(manifest["members"]), len(manifest["views"])):
        raise KitError(
            f"{path}: expected weights of shape (members, views) = "
            f"{(len(manifest['members']), len(manifest['views']))}. Received: {weights_mv.shape}"
        )
    try:
        check_weights(weights_mv)
    except ValueError as error:
        raise KitError(f"{path}: {error}") from None
    return manifest
