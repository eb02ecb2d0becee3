"""The folder of a suite: written batch by batch, left alone while it is up to date, refused when it is not.

A/suites/<suite>/<part>/ is an image set (ids are those of the originals) with operations.csv beside the arrays. A table
of corruptions in full, `write_full`, is A/suites/<suite>-full/<part>/, with ids `<id>:<corruption>:<severity>`.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, read_json, sha256_file, write_json
from submission.kit.image_set import open_image_set, write_image_set

from .holdout import Holdout
from .operations_file import write_operations
from .shifts.grid import Cell, GridSuite
from .shifts.suite import Suite, get_suite, suite_names

BATCH_SIZE = 64
FULL = "-full"

_MEND = "python -m local_eval.suites"
_SHA256 = {
    "sha256": "images.npy",
    "labels_sha256": "labels.npy",
    "ids_sha256": "ids.npy",
    "operations_sha256": "operations.csv",
}
"""Keys of meta.json, and the files whose sha256 they hold."""
_SPARE_BYTES = 256 << 20  # left free on the disk


@dataclass
class _Content:
    """What a folder is to hold; `batches` fills `operations` while it goes."""

    name: str
    suite: Suite
    holdout: Holdout
    part: str
    seed: int
    rows: np.ndarray  # of the data, one for each image of the suite
    ids: np.ndarray
    cells: list[Cell] | None  # one for each image, in a table of corruptions
    full: bool = False
    operations: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def labels(self) -> np.ndarray:
        return self.holdout.data.labels[self.rows]

    @property
    def meta(self) -> dict[str, Any]:
        return {
            "class_names": self.holdout.data.class_names,
            "suite": self.name,
            "version": self.suite.version,
            "part": self.part,
            "seed": self.seed,
            "folds_sha256": self.holdout.folds_sha256,
        }

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        data, labels = self.holdout.data, self.labels
        with tqdm(total=len(self.rows), desc=f"{self.name}/{self.part}", unit="image", leave=False, delay=2) as bar:
            for here in self._slices():
                rows = self.rows[here]
                names: list[tuple[str, ...]]
                if self.full:
                    assert isinstance(self.suite, GridSuite) and self.cells is not None
                    cell = self.cells[here.start]
                    images = self.suite.apply_cell(data.images[rows], data.ids[rows], self.part, self.seed, cell)
                    names = [(cell[0],)] * len(images)
                else:
                    images, names = self.suite.apply(data.images[rows], data.ids[rows], self.part, self.seed)
                self.operations.extend(names)
                yield images, labels[here]
                bar.update(len(images))

    def _slices(self) -> Iterator[slice]:
        """Batches; in full none reaches over the end of a cell."""
        length = len(self.rows) // len(set(self.cells)) if self.full and self.cells else len(self.rows)
        for first in range(0, len(self.rows), max(1, length)):
            for start in range(first, first + length, BATCH_SIZE):
                yield slice(start, min(start + BATCH_SIZE, first + length))


def write_suite(folder: str | Path, holdout: Holdout, suite: Suite, part: str, seed: int) -> int:
    """Write one suite of one part, unless the folder holds just that already; memory is that of one batch.

    Args:
        folder: A/suites/<suite>/<part>.
        holdout: the originals.
        suite: the rule.
        part: `select` or `judge`.
        seed: the user's.

    Returns:
        How many images were written; 0 if it was up to date.

    Raises:
        KitError: the images do not suit the suite, or the disk is too full.
    """
    data, rows = holdout.data, holdout.rows[part]
    rows = rows[suite.rows(data.labels[rows], data.ids[rows], part, seed)]
    ids, cells = data.ids[rows], None
    if isinstance(suite, GridSuite):
        cells = [suite.cell(str(one), data.image_shape[2], part, seed) for one in ids]
    return _write(Path(folder), _Content(suite.name, suite, holdout, part, seed, rows, ids, cells))


def write_full(folder: str | Path, holdout: Holdout, suite: Suite, part: str, seed: int) -> int:
    """Write every corruption at every severity of every image; arguments and answer as of `write_suite`.

    Raises:
        KitError: the suite is no table of corruptions, or the disk is too full.
    """
    if not isinstance(suite, GridSuite):
        raise KitError(f"expected a table of corruptions to write in full. Received: the suite {suite.name!r}.")
    data, rows = holdout.data, holdout.rows[part]
    cells = [cell for cell in suite.cells(data.image_shape[2]) for _ in rows]
    rows = np.tile(rows, len(cells) // len(rows))
    ids = np.array([f"{one}:{name}:{grade}" for one, (name, grade) in zip(data.ids[rows], cells, strict=True)])
    return _write(Path(folder), _Content(suite.name + FULL, suite, holdout, part, seed, rows, ids, cells, full=True))


def suite_command(folder: Path, artifacts: Path) -> str:
    """The command that writes A/suites/<suite>/<part> anew."""
    full = " --full" if folder.parent.name.endswith(FULL) else ""
    return f"{_MEND} --artifacts {artifacts} --suites {folder.parent.name.removesuffix(FULL)}{full}"


def check_suite(folder: str | Path, artifacts: str | Path) -> None:
    """Refuse a suite that was changed since it was written, or written for another split or by another version.

    Args:
        folder: A/suites/<suite>/<part>; one without sha256 in its meta.json is somebody's own and passes.
        artifacts: A.

    Raises:
        KitError: the folder is not as it would be written now; names the command that makes it anew.
    """
    folder, artifacts = Path(folder), Path(artifacts)
    mend = suite_command(folder, artifacts)
    meta = read_json(folder / "meta.json", mend)
    if "sha256" not in meta:
        return
    for key, name in _SHA256.items():
        if key in meta and (found := _sha256(folder / name)) != meta[key]:
            raise KitError(
                f"{folder / name} was changed since the suite was written: expected sha256 {meta[key][:16]}. "
                f"Received: {found[:16]}. Run `{mend}`."
            )
    folds = artifacts / "split" / "folds.csv"
    if folds.exists() and meta.get("folds_sha256") != sha256_file(folds):
        raise KitError(f"{folder} was written for another split than {folds}: run `{mend}`.")
    name = folder.parent.name.removesuffix(FULL)
    if name in suite_names() and meta.get("version", 0) != (version := get_suite(name).version):
        raise KitError(
            f"{folder} was written by another version of the suite {name}: expected {version}. Received: "
            f"{meta.get('version')}. Run `{mend}`."
        )


def _write(folder: Path, content: _Content) -> int:
    if _is_up_to_date(folder, content):
        return 0
    shape = content.holdout.data.image_shape
    _check_space(folder, len(content.rows) * int(np.prod(shape)))
    meta = content.meta
    # The products are those of single images: several threads wait for each other more than they help.
    with threadpool_limits(1, "blas"), atomic_path(folder) as new:
        write_image_set(new, content.batches(), len(content.rows), shape, meta, ids=content.ids)
        severities = [grade for _, grade in content.cells] if content.cells is not None else None
        write_operations(new / "operations.csv", content.ids, content.operations, severities)
        meta |= {key: sha256_file(new / name) for key, name in _SHA256.items()}
        meta["images_by_operation"] = dict(Counter(name for names in content.operations for name in names))
        meta["images_by_operation_count"] = {
            str(n): k for n, k in Counter(len(names) for names in content.operations).items()
        }
        write_json(new / "meta.json", meta)
    return len(content.rows)


def _check_space(folder: Path, size_bytes: int) -> None:
    there = folder
    while not there.exists():
        there = there.parent
    free_bytes = shutil.disk_usage(there).free
    if size_bytes + _SPARE_BYTES > free_bytes:
        raise KitError(
            f"{folder} needs {size_bytes / 1e6:,.0f} MB and some to spare. Received: {free_bytes / 1e6:,.0f} MB free. "
            "Make room, or move the artifacts with --artifacts."
        )


def _is_up_to_date(folder: Path, content: _Content) -> bool:
    """Whether the folder was made from the same inputs and its files are whole."""
    try:
        there = open_image_set(folder, _MEND)
    except KitError:
        return False  # not there or damaged: made anew
    return (
        all(there.meta.get(key) == value for key, value in content.meta.items())
        and np.array_equal(there.ids, content.ids)
        and np.array_equal(there.labels, content.labels)
        and all(there.meta.get(key) == _sha256(folder / _SHA256[key]) for key in ("sha256", "operations_sha256"))
    )


def _sha256(path: Path) -> str:
    """Of a file; "none" where there is none."""
    return sha256_file(path) if path.exists() else "none"
