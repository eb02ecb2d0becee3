"""What the rules need to know of each image, measured in one pass over the memory-mapped file."""

from dataclasses import dataclass, fields

import numpy as np
from tqdm import tqdm

from .colours import colour_features
from .fingerprint import SIDE, fingerprints, without_border
from .grey import grey_images
from .hashes import dhash, phash, phash_turned, whash
from .quality import QUALITIES, quality_of
from .symmetry import symmetries

BATCH_VALUES = 1 << 21  # bytes of pixels at once: 75 images of 96 x 96 x 3


@dataclass(frozen=True)
class Looks:
    """One row an image.

    inner: uint64 (n,), pHash without the border; turned: uint64 (n, V), pHash of the image in its symmetries;
    dhash, whash: uint64 (n,); maps: float16 (n, SIDE, SIDE), fingerprints; quality: float32 (n, Q), columns as in
    `quality.QUALITIES`; colours: float32 (n, F), `colours.colour_features`.
    """

    inner: np.ndarray
    turned: np.ndarray
    dhash: np.ndarray
    whash: np.ndarray
    maps: np.ndarray
    quality: np.ndarray
    colours: np.ndarray

    def __len__(self) -> int:
        return len(self.inner)

    def at(self, places: np.ndarray) -> "Looks":
        """The same of some rows."""
        return Looks(*(getattr(self, field.name)[places] for field in fields(self)))


def measure_looks(images: np.ndarray, rows: np.ndarray) -> Looks:
    """Measure some images.

    Args:
        images: uint8 (N, H, W, C), may be a memory map: one batch is read at a time. What is kept of an image takes
            3 KB, whatever its size.
        rows: int (n,) rows to look at.
    """
    height, width, channels = images.shape[1:]
    n = len(rows)
    num_features = colour_features(np.zeros((1, SIDE, SIDE, channels), np.uint8)).shape[1]
    looks = Looks(
        np.empty(n, np.uint64),
        np.empty((n, len(symmetries(height, width))), np.uint64),
        np.empty(n, np.uint64),
        np.empty(n, np.uint64),
        np.empty((n, SIDE, SIDE), np.float16),
        np.empty((n, len(QUALITIES)), np.float32),
        np.empty((n, num_features), np.float32),
    )
    step = max(1, BATCH_VALUES // (height * width * channels))
    with tqdm(total=n, desc="looks", unit="image", disable=None, leave=False) as bar:
        for start in range(0, n, step):
            here = slice(start, start + step)
            batch = images[rows[here]]
            grey = grey_images(batch)
            looks.inner[here] = phash(without_border(grey))
            looks.turned[here] = phash_turned(grey)
            looks.dhash[here] = dhash(grey)
            looks.whash[here] = whash(grey)
            looks.maps[here] = fingerprints(grey)
            looks.quality[here] = quality_of(grey)
            looks.colours[here] = colour_features(batch)
            bar.update(len(batch))
    return looks
