"""Files to and from the storage behind signed addresses, in pieces, with a progress bar."""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import requests
from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import atomic_path

from .connection import Connection
from .patience import PassingError, repeat

PIECE_BYTES = 1 << 20
_PASSING = (408, 429, 500, 502, 503, 504)


class StaleAddressError(KitError):
    """The storage does not take the signed address (any more): ask the server for a new one."""


def upload(connection: Connection, address: str, path: Path, sha256: str) -> None:
    """Send a file to a signed address, from its beginning again when the connection is lost.

    Args:
        connection: of the server; the storage gets no token.
        address: signed, for PUT with the type application/zip.
        path: the zip; it is read in pieces and never held.
        sha256: what it was when it was judged.

    Raises:
        StaleAddressError: 400 or 403: expired, most often.
        KitError: the file is another one now, or the storage refuses or keeps failing.
    """
    repeat(lambda: _upload_once(connection, address, path, sha256), connection.clock)


def download(connection: Connection, address: str, path: Path, what: str) -> None:
    """Fetch a signed address into a file, whole or not at all.

    Raises:
        KitError: it cannot be had.
    """
    repeat(lambda: _download_once(connection, address, path, what), connection.clock)


class _Pieces:
    """A file for requests: counts, hashes and shows what it hands out."""

    def __init__(self, file: BinaryIO, size_bytes: int, bar: tqdm) -> None:
        self._file, self._size_bytes, self._bar, self.digest = file, size_bytes, bar, hashlib.sha256()

    def __len__(self) -> int:
        return self._size_bytes

    def __iter__(self) -> Iterator[bytes]:  # what tells requests that this is a stream
        while piece := self.read(PIECE_BYTES):
            yield piece

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.digest.update(piece)
        self._bar.update(len(piece))
        return piece


def _upload_once(connection: Connection, address: str, path: Path, sha256: str) -> None:
    size_bytes = path.stat().st_size
    bar = tqdm(total=size_bytes, desc="upload", unit="B", unit_scale=True, file=sys.stderr, disable=None, leave=False)
    with path.open("rb") as file, bar:
        pieces = _Pieces(file, size_bytes, bar)
        headers = {"Content-Type": "application/zip"}
        response = connection.storage("PUT", address, "the upload", data=pieces, headers=headers, allow_redirects=False)
    _check(response, "the upload")
    if pieces.digest.hexdigest() != sha256:
        raise KitError(f"{path} changed during the upload. Nothing was submitted: judge it again, then submit it.")


def _download_once(connection: Connection, address: str, path: Path, what: str) -> None:
    with connection.storage("GET", address, what, stream=True) as response:
        _check(response, what)
        try:
            with atomic_path(path) as new, new.open("wb") as file:
                for piece in response.iter_content(PIECE_BYTES):
                    file.write(piece)
        except requests.exceptions.RequestException:
            raise PassingError(f"{what}: the connection was lost.", may_have_acted=False) from None


def _check(response: requests.Response, what: str) -> None:
    """The storage's error names its code; the rest of it may repeat the signature."""
    if response.status_code in (200, 201, 204):
        return
    code = re.search(r"<Code>(\w+)</Code>", response.text[:5000])
    told = f"{response.status_code}{' ' + code[1] if code else ''}"
    if response.status_code in _PASSING:
        raise PassingError(f"{what}: the storage failed ({told}).", may_have_acted=True)
    if response.status_code in (400, 403):
        raise StaleAddressError(f"{what}: the storage does not take the server's signed address ({told}).")
    raise KitError(f"{what}: the storage refused ({told}).")
