"""A data set by its name, opened: read, drawn or downloaded."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

from . import an2dl, bloodmnist, digits, pbc
from .download.fetch import RemoteFile, fetch, is_right
from .folder import Source
from .npz import check_class_names, open_npz
from .pictures.classes import by_folder
from .pictures.contest import Wishes, open_pictures
from .pictures.problems import Problems
from .pictures.shelf import FolderShelf, ZipShelf, open_shelf
from .pictures.table import by_table
from .sets import Wanted
from .synthetic import draw_contest


@dataclass(frozen=True)
class Options:
    """What the command line says beside the set; None: the set's own."""

    seed: int | None = None
    images: int | None = None
    size: int | None = None
    pixels: int | None = None
    crop: int | None = None
    channels: int | None = None
    class_names: list[str] | None = None
    strict: bool = False
    mirror: tuple[str, ...] = ()
    cache: str | None = None
    offline: bool = False
    from_file: str | None = None


def known_contents(wanted: Wanted, options: Options) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Meta, and the files beside the images, of a set of which both are known without its file.

    So nothing is downloaded to find it unchanged.
    """
    if wanted.name != "bloodmnist":
        return None
    return bloodmnist.meta_of(*_sides(options)), bloodmnist.BloodMnist.beside


def open_set(wanted: Wanted, options: Options) -> Source:
    """Open a set; its images are read later, batch by batch.

    Raises:
        KitError: it is not there, not of the form expected, or cannot be downloaded.
    """
    opened = _OPENERS[wanted.name](wanted, options)
    smallest = min(opened.image_shape[:2])
    if smallest < 8:
        raise KitError(
            f"expected images of 8 x 8 pixels or more. Received: {opened.image_shape}. Give a larger --size."
        )
    return opened


def _synthetic(wanted: Wanted, options: Options) -> Source:
    images = 2400 if options.images is None else options.images
    size = 96 if options.size is None else options.size
    return draw_contest(images, size, options.seed or 0)


def _digits(wanted: Wanted, options: Options) -> Source:
    return digits.Digits(digits.SIZE if options.size is None else options.size, options.images)


def _npz(wanted: Wanted, options: Options) -> Source:
    if options.class_names is not None:
        check_class_names(options.class_names, "--class-names")
    return open_npz(str(wanted.path), options.class_names)


def _an2dl(wanted: Wanted, options: Options) -> Source:
    return open_npz(str(wanted.path), an2dl.CLASS_NAMES)


def _bloodmnist(wanted: Wanted, options: Options) -> Source:
    pixels, size = _sides(options)
    return bloodmnist.BloodMnist(_fetched(bloodmnist.remote_file(pixels), options), pixels, size)


def _pbc(wanted: Wanted, options: Options) -> Source:
    path = _fetched(pbc.FILE, options)
    if not zipfile.is_zipfile(path):  # a server's page of excuses, most likely: without a checksum it looks whole
        if options.from_file is None:
            path.unlink()  # else it would be taken from the cache for ever
        raise KitError(
            f"expected {pbc.FILE.name}, a zip. Received: {path}, which is not one. Try again, or download it by hand "
            f"from {pbc.LICENCE.home} and give `--from FILE`."
        )
    crop = pbc.CROP if options.crop is None else options.crop
    size = pbc.SIZE if options.size is None else options.size
    shelf, problems = open_shelf(path), Problems()
    labelled = by_folder(shelf.entries(problems), shelf.folders, problems)
    contest = open_pictures(shelf, labelled, problems, Wishes(size, crop, 3, None, options.strict), "pbc", pbc.LICENCE)
    contest.expected = pbc.IMAGES
    return contest


def _folder(wanted: Wanted, options: Options) -> Source:
    path, problems = _path(wanted), Problems()
    shelf: FolderShelf | ZipShelf = open_shelf(path)
    labelled = by_folder(shelf.entries(problems), shelf.folders, problems)
    return open_pictures(shelf, labelled, problems, _wishes(options), f"folder {path.resolve().name}")


def _csv(wanted: Wanted, options: Options) -> Source:
    path, problems = _path(wanted), Problems()
    labelled = by_table(path, problems)
    return open_pictures(FolderShelf(path.parent), labelled, problems, _wishes(options), f"csv {path.name}")


_OPENERS: dict[str, Callable[[Wanted, Options], Source]] = {
    "synthetic": _synthetic,
    "digits": _digits,
    "npz": _npz,
    "an2dl-npz": _an2dl,
    "bloodmnist": _bloodmnist,
    "pbc": _pbc,
    "folder": _folder,
    "csv": _csv,
}


def _sides(options: Options) -> tuple[int, int]:
    """Published side and wanted side of BloodMNIST; small ones are not enlarged unless asked for."""
    pixels = bloodmnist.USUAL_PIXELS if options.pixels is None else options.pixels
    return pixels, options.size if options.size is not None else min(pixels, bloodmnist.USUAL_SIDE)


def _fetched(file: RemoteFile, options: Options) -> Path:
    if options.from_file is None:
        return fetch(file, options.cache, options.mirror, options.offline)
    path = Path(options.from_file)
    if not path.is_file():
        raise KitError(f"expected --from to be {file.name}, downloaded by hand. Received: {path}, no such file.")
    if not is_right(path, file):
        raise KitError(
            f"{path}: expected the published file {file.name} with {file.known_hash}. Received: another checksum. "
            f"Download it again from {file.url}."
        )
    return path


def _wishes(options: Options) -> Wishes:
    if options.class_names is not None:
        check_class_names(options.class_names, "--class-names")
    return Wishes(options.size, options.crop, options.channels, options.class_names, options.strict)


def _path(wanted: Wanted) -> Path:
    assert wanted.path is not None  # `parse_set` has seen to it
    return wanted.path
