"""Plant copies, jokes, intruders and wrong labels in an image set, with a truth table of what was planted."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.intruders import INTRUDERS, draw_intruder
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


def _mirror(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1] if rng.random() < 0.5 else image[::-1])


def _turn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, rng.integers(1, 4)))


def _mirrored_shift(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _shift(_mirror(image, rng), rng)


def _mirrored_jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _jpeg(_brightness(_mirror(image, rng), rng), rng)


CHANGES = {
    "exact_duplicate": lambda image, rng: image,
    "near_brightness": _brightness,
    "near_shift": _shift,
    "near_black_shift": _black_shift,
    "near_jpeg": _jpeg,
    "near_noise": _noise,
    "near_all": _all,
    "mirrored": _mirror,
    "turned": _turn,
    "mirrored_shift": _mirrored_shift,
    "mirrored_jpeg": _mirrored_jpeg,
}
"""Kind of copy: function of an image and a generator. A turned copy needs a square image."""

JOKES = {"joke_a": 160, "joke_b": 20}
"""Two pictures of uniform noise blocks; the first under all labels, the second under one."""

INTRUDER = "intruder_"
"""What the kinds of `INTRUDERS` begin with in the truth table."""


def plant_twins(
    source: ImageSet, folder: Path, copies: int, seed: int, intruders: int = 0, wrong: float = 0.0, cells=None
) -> None:
    """Write `folder`/data with truth.csv: the distinct images, `copies` of each kind in `CHANGES`, `JOKES`, intruders.

    Copies have the label of their original. A picture is copied once at most, and those with a wrong label never.

    Args:
        source: RGB images; those that occur more than 4 times are left out, others once.
        folder: where.
        copies: copies of each kind.
        seed: of choice and changes.
        intruders: of each kind of `INTRUDERS`, under any label.
        wrong: part of the cells that get a wrong label.
        cells: int (n,) rows of the source that are sound, instead of all.
    """
    if cells is None:
        _, first, times = np.unique(source.ids, return_index=True, return_counts=True)
        cells = np.sort(first[times < 5])
    rng = np.random.default_rng(derive_seed(seed, "plant"))
    kinds = ["cell"] * len(cells)
    originals = list(range(len(cells)))
    chosen = rng.permutation(len(cells))
    num_copies = len(CHANGES) * copies
    copied = chosen[:num_copies].reshape(len(CHANGES), copies)
    for kind, of_kind in zip(CHANGES, copied, strict=True):
        originals += of_kind.tolist()
        kinds += [kind] * copies
    true_labels = source.labels[cells]
    labels = true_labels[originals].tolist()
    truth = list(labels)
    for row in chosen[num_copies : num_copies + round(wrong * len(cells))]:
        labels[row] = int((labels[row] + rng.integers(1, source.num_classes)) % source.num_classes)
    jokes = {kind: _joke(source.image_shape, rng) for kind in JOKES}
    single = [f"{INTRUDER}{kind}" for kind in INTRUDERS for _ in range(intruders)]
    for kind, count in {**JOKES, **dict.fromkeys(single, 0)}.items():
        for n in range(count or intruders):
            originals.append(len(kinds) - n if count else len(kinds))
            kinds.append(kind)
            labels.append(n % source.num_classes if kind != "joke_b" else 0)
            truth.append(labels[-1])

    def image(index: int) -> np.ndarray:
        kind = kinds[index]
        if kind in jokes:
            return jokes[kind]
        if kind.startswith(INTRUDER):
            return draw_intruder(kind.removeprefix(INTRUDER), source.image_shape[0], rng)
        picture = np.asarray(source.images[cells[originals[index]]])
        return picture if kind == "cell" else CHANGES[kind](picture, rng)

    batches = ((image(index)[None], np.array([labels[index]])) for index in range(len(kinds)))
    write_image_set(folder / "data", batches, len(kinds), source.image_shape, {"class_names": source.class_names})
    ids = np.load(folder / "data" / "ids.npy")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "id", "true_label", "given_label", "kind", "original_index"))
    writer.writerows(zip(range(len(kinds)), ids, truth, labels, kinds, originals, strict=True))
    write_text(folder / "data" / "truth.csv", text.getvalue())


def _joke(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    blocks = rng.integers(0, 256, (shape[0] // 8 + 1, shape[1] // 8 + 1, shape[2]), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[: shape[0], : shape[1]]
