"""The folder `A/data`: written whole or not at all, and never over another contest's."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, write_json
from submission.kit.image_set import ImageSet, open_image_set, write_image_set

from .sample_sheet import write_sample_sheet


class Source(Protocol):
    """Where the images come from, such as `NpzContest`, `Contest` or `PictureContest`.

    len: the number of images, or where not `exact` the most that may come; meta: for meta.json; beside: the files that
    `write_beside` writes into the folder (what it returns is added to meta.json); remarks: lines for people, after all.
    """

    def __len__(self) -> int: ...

    @property
    def exact(self) -> bool: ...

    @property
    def image_shape(self) -> tuple[int, int, int]: ...

    @property
    def meta(self) -> dict[str, Any]: ...

    @property
    def beside(self) -> tuple[str, ...]: ...

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]: ...

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]: ...

    def remarks(self) -> list[str]: ...


def write_data_folder(folder: Path, source: Source, meta: dict[str, Any]) -> int:
    """Write the image set with its counts, sheet.png, and what the source has beside it; returns the number of images.

    Args:
        folder: `A/data`.
        source: images, read in batches.
        meta: its meta; `counts`, the images of each class (K), and what the source has to add are added.

    Raises:
        KitError: the source is damaged, or the disk has no room for it; the old folder survives.
    """
    _check_room(folder, len(source) * int(np.prod(source.image_shape)))
    with atomic_path(folder) as new:
        write_image_set(new, _with_bar(source), len(source), source.image_shape, meta, at_most=not source.exact)
        data = open_image_set(new, "python -m training.data")
        counts = np.bincount(data.labels, minlength=len(meta["class_names"])).tolist()
        write_json(new / "meta.json", {**meta, "counts": counts, **source.write_beside(new, data)})
        write_sample_sheet(new / "sheet.png", data)
        return len(data)


def holds(folder: Path, meta: dict[str, Any], beside: Sequence[str] = ()) -> bool:
    """Whether the folder already holds, completely, what `meta` describes.

    Args:
        folder: `A/data`; it need not exist.
        meta: of the source that is asked for.
        beside: files that the source writes beside the images.

    Raises:
        KitError: it holds something else, which is not written over.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    mend = f"Give another folder (`--artifacts OTHER`, make: `ARTIFACTS=OTHER`), or delete {folder} first."
    if not folder.is_dir() or not (folder / "meta.json").is_file():
        raise KitError(f"expected {folder} to be a folder that this command wrote. Received: something else. {mend}")
    try:
        data = open_image_set(folder, "python -m training.data")
    except KitError as error:
        raise KitError(f"expected {folder} to be complete. Received: {error} {mend}") from None
    differences = [
        f"{key} {data.meta.get(key)!r} instead of {meta[key]!r}"
        for key in ("source", "source_sha256", "class_names")
        if data.meta.get(key) != meta[key]
    ]
    if differences:
        raise KitError(
            f"expected {folder} to be made from {meta['source']}. Received: {'; '.join(differences)}. {mend}"
        )
    return all((folder / name).exists() for name in ("sheet.png", *beside))


def _check_room(folder: Path, needed: int) -> None:
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise KitError(
            f"expected {needed >> 20} MB free for the images in {folder}. Received: {free >> 20} MB. Free some, give "
            f"another folder (`--artifacts OTHER`), or smaller images where the set has a `--size`."
        )


def _with_bar(source: Source) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with tqdm(total=len(source), unit="image", desc="data", disable=None, leave=False) as bar:
        for images, labels in source.batches():
            yield images, labels
            bar.update(len(images))
