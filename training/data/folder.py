"""The folder `A/data`: written whole or not at all, and never over another contest's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, write_text
from submission.kit.image_set import open_image_set, write_image_set

from .plan import Plan
from .sample_sheet import write_sample_sheet
from .truth import truth_csv


class Source(Protocol):
    """Where the images come from: `NpzContest` or `Contest`."""

    def __len__(self) -> int: ...

    @property
    def image_shape(self) -> tuple[int, int, int]: ...

    @property
    def labels(self) -> np.ndarray: ...

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]: ...


def write_data_folder(folder: Path, source: Source, meta: dict[str, Any], plan: Plan | None = None) -> None:
    """Write the image set with its counts, sheet.png, and truth.csv if there is a plan.

    Args:
        folder: `A/data`.
        source: N images, read in batches.
        meta: its meta; `counts`, the images of each class (K), is added.
        plan: of a synthetic contest.

    Raises:
        KitError: the source is damaged; the old folder survives.
    """
    counts = np.bincount(source.labels, minlength=len(meta["class_names"])).tolist()
    with atomic_path(folder) as new:
        write_image_set(new, _with_bar(source), len(source), source.image_shape, {**meta, "counts": counts})
        data = open_image_set(new, "python -m training.data")
        write_sample_sheet(new / "sheet.png", data)
        if plan is not None:
            write_text(new / "truth.csv", truth_csv(plan, data.ids))


def holds(folder: Path, meta: dict[str, Any]) -> bool:
    """Whether the folder already holds, completely, what `meta` describes.

    Args:
        folder: `A/data`; it need not exist.
        meta: of the source that is asked for.

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
    return (folder / "sheet.png").is_file() and ((folder / "truth.csv").is_file() or meta["source"] != "synthetic")


def _with_bar(source: Source) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with tqdm(total=len(source), unit="image", desc="data", disable=None, leave=False) as bar:
        for images, labels in source.batches():
            yield images, labels
            bar.update(len(images))
