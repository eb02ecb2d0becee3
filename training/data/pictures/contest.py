"""Labelled picture files as one contest: looked at first, then decoded one by one into the image set."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet

from ..licence import LICENCE_FILE, Licence
from ..npz import MIN_SIDE
from .classes import Labelled, class_order
from .decode import Look, UnfitError, decode, look
from .problems import Problems
from .shelf import Entry, Shelf, fingerprint

USUAL_SIDE = 96
"""Where most pictures are of other sizes each."""

_BATCH, _BATCH_BYTES = 64, 1 << 25  # of photographs, half a gigabyte would not be unusual
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Wishes:
    """How pictures become images. None: from the data.

    size: height and width; crop: side of the square in the middle that is taken first; channels: 1 or 3; class_names:
    in the order of the labels; strict: any problem is an error.
    """

    size: int | None = None
    crop: int | None = None
    channels: int | None = None
    class_names: Sequence[str] | None = None
    strict: bool = False


@dataclass
class PictureContest:
    """Pictures that look readable; some may still turn out to be broken when they are decoded.

    expected: number of images of a published set, None if that is not known.
    """

    shelf: Shelf
    entries: list[Entry]
    labels: np.ndarray
    image_shape: tuple[int, int, int]
    problems: Problems
    wishes: Wishes
    meta: dict[str, Any]
    licence: Licence | None = None
    exact: bool = field(default=False, init=False)
    expected: int | None = None
    _decoded: int = field(default=0, init=False)

    @property
    def beside(self) -> tuple[str, ...]:
        """Files that `write_beside` writes."""
        return ("problems.csv",) if self.licence is None else ("problems.csv", LICENCE_FILE)

    def __len__(self) -> int:
        """At most so many images."""
        return len(self.entries)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All images that can be decoded, in order: uint8 (n, H, W, C) and labels int64 (n,).

        Raises:
            KitError: problems where they are forbidden, or a class of which no picture could be decoded.
        """
        height, width, channels = self.image_shape
        most = max(1, min(_BATCH, _BATCH_BYTES // (height * width * channels)))

        def decoded(entry: Entry) -> tuple[np.ndarray, list[str]] | UnfitError:
            return _opened(self.shelf, entry, lambda file: decode(file, channels, (height, width), self.wishes.crop))

        images: list[np.ndarray] = []
        labels: list[int] = []
        met: Counter[int] = Counter()
        for place, (entry, result) in enumerate(_all(decoded, self.entries, most)):
            if isinstance(result, UnfitError):
                self.problems.add(entry.shown, result.kind, result.detail)
            else:
                for kind in result[1]:
                    self.problems.add(entry.shown, kind)
                images.append(result[0])
                labels.append(int(self.labels[place]))
            if len(images) == most:
                met.update(labels)
                yield np.stack(images), np.array(labels, np.int64)
                images, labels = [], []
        met.update(labels)
        if images:
            yield np.stack(images), np.array(labels, np.int64)
        self._check(met)

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]:
        """Write problems.csv, and the licence where there is one; for meta.json the number of problems by kind."""
        self.problems.write(folder / "problems.csv")
        if self.licence is not None:
            self.licence.write(folder)
        return {"problems": self.problems.counts}

    def remarks(self) -> list[str]:
        """For people: all problems by kind."""
        lines = list(self.problems.lines())
        if lines:
            lines.insert(0, "odd files (each with its path in problems.csv):")
        if self.expected not in (None, self._decoded):
            lines.append(f"expected {self.expected} images in the published file. Received: {self._decoded}.")
        return lines if self.licence is None else [*lines, *self.licence.lines()]

    def _check(self, met: Counter[int]) -> None:
        self._decoded = met.total()
        names = self.meta["class_names"]
        told = "\n".join(self.problems.lines())
        if self.wishes.strict and len(self.problems):
            raise KitError(f"expected files without any oddity, since --strict is given. Received:\n{told}")
        lost = [name for label, name in enumerate(names) if not met[label]]
        if lost:
            raise KitError(f"expected an image of each class. Received: none of {', '.join(lost)}:\n{told}")


def open_pictures(
    shelf: Shelf, labelled: Labelled, problems: Problems, wishes: Wishes, source: str, licence: Licence | None = None
) -> PictureContest:
    """Look at the headers of all files, and choose size, channels and classes.

    The size, where none is wished for: that of more than half of the pictures, else 96 x 96. Channels: 3 if any picture
    has colours, else 1.

    Args:
        shelf: where the files are.
        labelled: class and file of each.
        problems: broken ones are noted.
        wishes: what is not to come from the data.
        source: for meta.json.
        licence: of a published set.

    Raises:
        KitError: fewer than two classes with a readable picture, or pictures too small.
    """
    Image.init()  # loads the readers of all formats, which two threads cannot do at once
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged tags: what matters is told by file
    fit: Labelled = []
    looks: list[Look] = []
    files = [entry for _, entry in labelled]
    looked = _all(lambda entry: _opened(shelf, entry, look), files, _BATCH, "files looked at")
    for (label, entry), (_, result) in zip(labelled, looked, strict=True):
        if isinstance(result, UnfitError):
            problems.add(entry.shown, result.kind, result.detail)
        else:
            fit.append((label, entry))
            looks.append(result)
    kept = _with_a_picture_each(shelf, fit, problems)
    labels = [label for place, (label, _) in enumerate(fit) if kept[place]]
    for label in sorted({label for label, _ in labelled} - set(labels)):
        problems.add(label, "empty class", "no file of it can be read")
    if len(set(labels)) < 2:
        told = "\n".join(problems.lines())
        raise KitError(
            f"expected readable images of two classes or more. Received: {len(labels)} of {len(set(labels))}:\n{told}"
        )
    seen = [one for place, one in enumerate(looks) if kept[place]]
    entries = [entry for place, (_, entry) in enumerate(fit) if kept[place]]
    names = class_order(labels, wishes.class_names)
    size, channels = _size(seen, wishes), wishes.channels or (3 if any(one.coloured for one in seen) else 1)
    if wishes.size is None:
        for entry, one in zip(entries, seen, strict=True):
            if _cropped(one.size, wishes.crop) != size:
                problems.add(entry.shown, "size", "{} x {}".format(*one.size))
    number = {name: label for label, name in enumerate(names)}
    meta = {
        "class_names": names,
        "source": source,
        "source_sha256": fingerprint(labelled, names, size, channels, wishes.crop),
        "source_size": sum(entry.size for entry in entries),
        **(licence.meta if licence is not None else {}),
    }
    rows = np.array([number[label] for label in labels], np.int64)
    return PictureContest(shelf, entries, rows, (*size, channels), problems, wishes, meta, licence)


def _opened(shelf: Shelf, entry: Entry, read: Callable[[Any], _Result]) -> _Result | UnfitError:
    """What `read` makes of a file, or why it is unfit."""
    try:
        with shelf.open(entry) as file:
            return read(file)
    except UnfitError as unfit:
        return unfit
    except OSError as error:
        return UnfitError("unreadable", error.strerror or str(error))


def _all(
    work: Callable[[Entry], _Result], entries: Sequence[Entry], most: int, desc: str = ""
) -> Iterator[tuple[Entry, _Result]]:
    """(file, result) of each file in order, so many at once; by threads, since Pillow decodes without Python's lock."""
    with (
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
        tqdm(total=len(entries), unit="file", desc=desc, disable=None if desc else True, leave=False) as bar,
    ):
        for start in range(0, len(entries), most):
            part = entries[start : start + most]
            yield from zip(part, pool.map(work, part), strict=True)
            bar.update(len(part))


def _with_a_picture_each(shelf: Shelf, fit: Labelled, problems: Problems) -> np.ndarray:
    """bool (n,): False for what turns out to be broken while one good picture of each class is looked for."""
    kept = np.ones(len(fit), bool)
    good: set[str] = set()
    for place, (label, entry) in enumerate(fit):
        if label in good:
            continue
        result = _opened(shelf, entry, lambda file: decode(file, 1, (MIN_SIDE, MIN_SIDE)))
        if isinstance(result, UnfitError):
            kept[place] = False
            problems.add(entry.shown, result.kind, result.detail)
        else:
            good.add(label)
    return kept


def _size(looks: Iterable[Look], wishes: Wishes) -> tuple[int, int]:
    if wishes.size is not None:
        return wishes.size, wishes.size
    sizes = Counter(_cropped(one.size, wishes.crop) for one in looks)
    size, count = sizes.most_common(1)[0]
    if 2 * count <= sizes.total():
        return USUAL_SIDE, USUAL_SIDE
    if min(size) < MIN_SIDE:
        raise KitError(
            f"expected images of {MIN_SIDE} x {MIN_SIDE} pixels or more. Received: most are {size[0]} x {size[1]}. "
            f"Give `--size 32` to enlarge them."
        )
    return size


def _cropped(size: tuple[int, int], crop: int | None) -> tuple[int, int]:
    return size if crop is None else (min(size[0], crop), min(size[1], crop))
