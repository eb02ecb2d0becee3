"""A published file, from the cache or from one of its addresses; whole and checked, or not there."""

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests
from tqdm import tqdm

from submission.kit.errors import KitError

from .resumed import Resumed

ATTEMPTS = 5
"""Attempts at one address in a row that bring no further byte."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WAIT_S = 30.0
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class RemoteFile:
    """A file that others publish.

    Attributes:
        name: its name in the cache.
        url: where it is published.
        known_hash: `md5:...` or `sha256:...` as published, or None where no checksum is.
    """

    name: str
    url: str
    known_hash: str | None


def cache_folder(cache: str | Path | None) -> Path:
    """The folder of downloads: the one given, else the user's own cache folder."""
    return Path(cache) if cache is not None else Path(pooch.os_cache("submission-kit"))


def fetch(
    file: RemoteFile,
    cache: str | Path | None = None,
    mirrors: Sequence[str] = (),
    offline: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """The path of the file in the cache; downloaded if it is not there or its checksum is wrong.

    Mirrors come first, then the published address. A cut download goes on where it was, also in the next call; after a
    wrong checksum it starts anew, once.

    Args:
        file: what.
        cache: folder of downloads; by default the user's own cache folder.
        mirrors: addresses of the same file; one that ends in / is a folder that has it under its name.
        offline: never ask the network.
        sleep: waits between attempts.

    Raises:
        KitError: no address has it, or has it right; the disk is full; or it is not in the cache and `offline`.
    """
    folder = cache_folder(cache)
    if folder.exists() and not folder.is_dir():
        raise KitError(f"expected --cache to be a folder. Received: {folder}, a file. Give another.")
    path = folder / file.name
    if path.is_file() and is_right(path, file):
        return path
    by_hand = f"download it by hand from {file.url} and give `--from FILE`"
    if offline:
        what = "one with a wrong checksum" if path.exists() else "none"
        raise KitError(
            f"expected {path}, since --offline asks no server. Received: {what}. Leave it out, or {by_hand}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")
    faults = []
    with _alone(folder / f"{file.name}.lock"):
        for mirror in [*mirrors, file.url]:
            url = mirror + file.name if mirror.endswith("/") else mirror
            fault = _from(url, file, folder, sleep)
            if fault is None:
                return path
            faults.append(f"{url}: {fault}")
    raise KitError(
        f"expected {file.name} from {'one of these addresses' if len(faults) > 1 else 'this address'}. Received: "
        f"{'; '.join(faults)}. Try again later (what came is kept), give `--mirror URL`, or {by_hand}."
    )


def is_right(path: Path, file: RemoteFile) -> bool:
    """Whether a file on disk has the published checksum; True where none is published."""
    return bool(pooch.hashes.hash_matches(str(path), file.known_hash)) if file.known_hash else True


def _from(url: str, file: RemoteFile, folder: Path, sleep: Callable[[float], None]) -> str | None:
    """Download from one address; returns what went wrong, None if nothing did."""
    resumed = Resumed(folder / f"{file.name}.part", checked=file.known_hash is not None)
    furthest, fruitless, wrong = 0, 0, 0
    while True:
        wait_s = 0.0
        try:
            pooch.retrieve(url, file.known_hash, file.name, folder, downloader=resumed)
            return None
        except requests.RequestException as error:  # an OSError and sometimes a ValueError, so before those
            fault, again, wait_s = _judged(error)
            if not again:
                return fault
        except ValueError:  # pooch's word for a wrong checksum; it has removed the file
            wrong += 1
            fault = f"wrong checksum, expected {file.known_hash}"
            if wrong > 1:
                return fault
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise KitError(
                f"expected room for {file.name} in {folder}. Received: {error.strerror} after "
                f"{_size(resumed.part) >> 20} MB, which are kept. Free some, or give another folder with `--cache DIR`."
            ) from None
        size = _size(resumed.part)
        fruitless = 0 if size > furthest else fruitless + 1
        furthest = max(furthest, size)
        if fruitless >= ATTEMPTS:
            return fault
        wait_s = max(wait_s, min(_WAIT_S, 2.0**fruitless))
        tqdm.write(f"{file.name}: {fault}; next attempt in {wait_s:.0f} s", file=sys.stderr)
        sleep(wait_s)


def _judged(error: requests.RequestException) -> tuple[str, bool, float]:
    """What went wrong, whether another attempt may mend it, and the seconds to wait that the server asks for."""
    if error.response is not None and error.response.status_code >= 400:  # not a redirect without end
        status = error.response.status_code
        asked = error.response.headers.get("Retry-After", "")
        fault = f"HTTP {status} {error.response.reason}"
        return fault, status in _WORTH_ANOTHER_TRY, min(_WAIT_S * 4, float(asked)) if asked.isdigit() else 0.0
    again = isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError))
    reason = getattr(error.args[0], "reason", error) if error.args else error  # urllib3's own words are shorter
    return f"{type(error).__name__}: {reason}", again, 0.0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one process at a time downloads a file; the others wait, and then find it in the cache."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
