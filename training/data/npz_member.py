"""One array inside an npz: its header at once, its numbers in pieces, never unpacked whole."""

import errno
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from submission.kit.errors import KitError


@contextmanager
def damage_as_kit_error(path: Path) -> Iterator[None]:
    """Turn what zipfile, zlib and numpy raise on a damaged npz into a `KitError`."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault; a damaged directory of the zip makes zipfile seek to nowhere, or bz2 complain
        raise KitError(
            f"{path} cannot be read to its end: it is damaged, cut off or encrypted. Received: {type(error).__name__}: "
            f"{error}. Copy or download it again, or write it again with `np.savez`."
        ) from None


@dataclass(frozen=True)
class NpzMember:
    """An array of an npz, by its header.

    Attributes:
        path: the npz.
        key: the array's name, without .npy.
        shape, dtype, fortran_order: from the header.
    """

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool

    def pieces(self, rows: int) -> Iterator[np.ndarray]:
        """The array in pieces of `rows` along its first axis; the last may be shorter. C order only.

        Raises:
            KitError: the member is damaged; it is read to its end, so that its checksum counts.
        """
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        with damage_as_kit_error(self.path), zipfile.ZipFile(self.path) as archive, _open(archive, self.key) as file:
            _read_header(file)
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                piece = file.read(count * row_bytes)
                if len(piece) != count * row_bytes:
                    raise EOFError(f"{self.key} ends after image {start + len(piece) // max(row_bytes, 1)}")
                yield np.frombuffer(piece, self.dtype).reshape(count, *self.shape[1:])
            if file.read(1):
                raise ValueError(f"{self.key} is longer than its header says")

    def read(self) -> np.ndarray:
        """The whole array, for small ones.

        Raises:
            KitError: damaged, or it holds Python objects.
        """
        with damage_as_kit_error(self.path), zipfile.ZipFile(self.path) as archive, _open(archive, self.key) as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
            file.read()  # to the end: the checksum is looked at there
        return array


def npz_member(path: Path, key: str) -> NpzMember:
    """The header of array `key` in the npz `path`.

    Raises:
        KitError: damaged, or the array holds Python objects.
    """
    with damage_as_kit_error(path), zipfile.ZipFile(path) as archive, _open(archive, key) as file:
        shape, fortran_order, dtype = _read_header(file)
    if dtype.hasobject:
        raise KitError(
            f"{path}: expected `{key}` to be an array of numbers or strings. Received: dtype=object (pickled Python "
            f"objects, which are never loaded). Write it again: np.savez(..., {key}=np.stack(list({key})))"
        )
    return NpzMember(path, key, shape, dtype, fortran_order)


def npz_keys(path: Path) -> list[str]:
    """Names of the arrays in an npz; `KitError` where it is damaged."""
    with damage_as_kit_error(path), zipfile.ZipFile(path) as archive:
        return sorted(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))


def _open(archive: zipfile.ZipFile, key: str) -> IO[bytes]:
    return archive.open(f"{key}.npy")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)  # 3.0 differs in the names of record fields only
