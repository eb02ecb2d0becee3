"""Plant copies and jokes among an image set's pictures, with a truth table of what was planted."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from submission.kit.files import write_text
from submission.kit.image_set import ImageSet, write_image_set
from submission.kit.seeds import derive_seed


def _brightness(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _uint8(image * (rng.choice([-1, 1]) * rng.uniform(0.1, 0.3) + 1))


def _shift(image: np.ndarray, rng: np.random.Generator, mode: str = "edge") -> np.ndarray:
    down, right = rng.choice([-2, -1, 1, 2], 2)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode=mode)
    return padded[2 - down :, 2 - right :][: image.shape[0], : image.shape[1]]


def _black_shift(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _shift(image, rng, mode="constant")


def _jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=int(rng.integers(50, 91)))
    return np.asarray(Image.open(file))


def _noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _uint8(image + rng.normal(0, rng.uniform(2, 8), image.shape))


def _all(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _noise(_jpeg(_brightness(_shift(image, rng), rng), rng), rng)


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CHANGES = {
    "exact_duplicate": lambda image, rng: image,
    "near_brightness": _brightness,
    "near_shift": _shift,
    "near_black_shift": _black_shift,
    "near_jpeg": _jpeg,
    "near_noise": _noise,
    "near_all": _all,
}
"""Kind of copy: function of an image and a generator."""

JOKES = {"joke_a": 160, "joke_b": 20}
"""Two pictures of uniform noise blocks; the first under all labels, the second under one."""


def plant_twins(source: ImageSet, folder: Path, copies: int, seed: int) -> None:
    """Write `folder`/data with truth.csv: the distinct images, then `copies` of each kind in `CHANGES`, then `JOKES`.

    Copies have the label of their original. A picture is copied once at most.

    Args:
        source: RGB images; those that occur more than 4 times are left out, others once.
        folder: where.
        copies: copies of each kind.
        seed: of choice and changes.
    """
    _, first, times = np.unique(source.ids, return_index=True, return_counts=True)
    cells = np.sort(first[times < 5])
    rng = np.random.default_rng(derive_seed(seed, "plant"))
    kinds = ["cell"] * len(cells)
    originals = list(range(len(cells)))
    copied = rng.choice(len(cells), (len(CHANGES), copies), replace=False)
    for kind, chosen in zip(CHANGES, copied, strict=True):
        originals += chosen.tolist()
        kinds += [kind] * copies
    labels = source.labels[cells][originals].tolist()
    jokes = {kind: _joke(source.image_shape, rng) for kind in JOKES}
    for kind, count in JOKES.items():
        kinds += [kind] * count
        originals += [len(originals)] * count
        labels += [n % source.num_classes if kind == "joke_a" else 0 for n in range(count)]

    def image(index: int) -> np.ndarray:
        kind = kinds[index]
        if kind in jokes:
            return jokes[kind]
        picture = np.asarray(source.images[cells[originals[index]]])
        return picture if kind == "cell" else CHANGES[kind](picture, rng)

    batches = ((image(index)[None], np.array([labels[index]])) for index in range(len(kinds)))
    write_image_set(folder / "data", batches, len(kinds), source.image_shape, {"class_names": source.class_names})
    ids = np.load(folder / "data" / "ids.npy")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "id", "true_label", "given_label", "kind", "original_index"))
    writer.writerows(zip(range(len(kinds)), ids, labels, labels, kinds, originals, strict=True))
    write_text(folder / "data" / "truth.csv", text.getvalue())


def _joke(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    blocks = rng.integers(0, 256, (shape[0] // 8 + 1, shape[1] // 8 + 1, shape[2]), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[: shape[0], : shape[1]]
