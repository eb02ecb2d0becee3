"""Features of images by a net: of a trained run, or of a backbone with given weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet

from ..runs import WEIGHTS, Run, open_run

MOST = 256  # dimensions that are kept: 200,000 images take 205 MB
BATCH_SIZE = 128
_SAMPLE = 4096  # images by which the dimensions are chosen


@dataclass(frozen=True)
class Embedder:
    """name: for people; net: float images (n, H, W, C) in [0, 255] -> features (n, D)."""

    name: str
    net: Callable[[np.ndarray], np.ndarray]

    def features(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Features of some rows, float32 (n, D); of more than `MOST` the principal ones.

        Args:
            images: uint8 (N, H, W, C), may be a memory map: one batch is read at a time.
            rows: int (n,).
        """
        return self._all(images, rows, [False])[0]

    def features_twice(self, images: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features of the images as they are, and mirrored left to right, in the same dimensions."""
        as_is, mirrored = self._all(images, rows, [False, True])
        return as_is, mirrored

    def _all(self, images: np.ndarray, rows: np.ndarray, mirrors: list[bool]) -> list[np.ndarray]:
        rotation = self._rotation(images, rows)
        found: list[list[np.ndarray]] = [[] for _ in mirrors]
        with tqdm(total=len(rows), desc=f"embed {self.name}", unit="image", disable=None, leave=False) as bar:
            for start in range(0, len(rows), BATCH_SIZE):
                pixels = images[rows[start : start + BATCH_SIZE]]
                for pieces, mirror in zip(found, mirrors, strict=True):
                    batch = self._of_batch(pixels[:, :, ::-1] if mirror else pixels)
                    pieces.append(batch if rotation is None else batch @ rotation)
                bar.update(len(pixels))
        return [np.concatenate(pieces) if pieces else np.empty((0, 1), np.float32) for pieces in found]

    def _of_batch(self, images: np.ndarray) -> np.ndarray:
        # a whole batch every time, so that the net is compiled once
        padded = np.resize(np.ascontiguousarray(images), (BATCH_SIZE, *images.shape[1:])).astype(np.float32)
        return np.asarray(self.net(padded), np.float32)[: len(images)]

    def _rotation(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """float32 (D, MOST), or None where D is no larger."""
        if not len(rows) or self._of_batch(images[rows[:1]]).shape[1] <= MOST:
            return None
        sample = rows[:: max(1, len(rows) // _SAMPLE)]
        seen = [self._of_batch(images[sample[s : s + BATCH_SIZE]]) for s in range(0, len(sample), BATCH_SIZE)]
        directions = np.linalg.eigh(np.cov(np.concatenate(seen), rowvar=False))[1]
        return directions[:, ::-1][:, :MOST].astype(np.float32)


def open_embedder(spec: str, artifacts: Path, image_set: ImageSet) -> Embedder:
    """The net that `--embed` names.

    Args:
        spec: the name or the path of a trained run; or backbone:FILE with a backbone of `python -m training.backbones`
            and its `.weights.h5` file or "imagenet".
        artifacts: the contest's files.
        image_set: the images to embed.

    Raises:
        KitError: no such run, backbone or file; the weights do not fit; a run of images of another shape.
    """
    backbone, colon, weights = spec.partition(":")
    if colon:
        if not weights:
            raise KitError("--embed takes a run, or BACKBONE:FILE.weights.h5. Received: no file after the colon.")
        return Embedder(spec, _backbone_net(backbone, weights, image_set))
    run = open_run(Path(spec) if "/" in spec else artifacts / "runs" / spec)
    return Embedder(run.name, features_net(run, image_set).predict_on_batch)


def features_net(run: Run, image_set: ImageSet):
    """The trained net of a run without its head, a Keras model: float images in [0, 255] -> features (n, D).

    Raises:
        KitError: not trained, or of images of another shape.
    """
    from ..backbones import features_of
    from ..net import build_net
    from ..recipes import get_recipe
    from ..weights import load_weights

    if run.state not in ("trained", "predicted"):
        raise KitError(f"expected a trained run. Received: {run.path} in state {run.state!r}. Run `make train` first.")
    shape = tuple(run.config["data"]["image_shape"])
    if shape != image_set.image_shape:
        raise KitError(f"{run.path} was trained on images {shape}. Received: images {image_set.image_shape}.")
    recipe = get_recipe(run.config["recipe"]["name"], {**run.config["recipe"], "weights": None})
    net = build_net(recipe, shape, len(run.config["data"]["class_names"]))
    load_weights(net, run.path / WEIGHTS, f"Delete {run.path} and run `make train` again.")
    return features_of(net)


def _backbone_net(backbone: str, weights: str, image_set: ImageSet) -> Callable[[np.ndarray], np.ndarray]:
    from ..backbones import build, features_of

    return features_of(build(backbone, image_set.image_shape, image_set.num_classes, weights)).predict_on_batch
