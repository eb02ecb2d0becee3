"""Runs and what they are trained on in a storage that all machines reach: a folder, s3://, gs:// or others of fsspec.

    inputs/<sha256>                     data, split and select parts, each file once, named by what it holds
    runs/<name>/<rank>-<attempt>.tar    a run directory, whole: rank is "done", or its epochs in six digits
    runs/<name>/alive.json              who trains it now, a number that rises as long as that lives, its epochs so far

An object is never changed, and a run with more epochs ranks before one with fewer: a process that was believed dead and
still writes can spoil nothing. One file a run, since no storage replaces a folder in one step, and weights of one epoch
beside a checkpoint of another would be a run that never was.
"""

import contextlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, sha256_file

from .run_archive import pack, unpack

INPUTS = ("data", "split", "suites/*/select")
DONE = "done"
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}


@dataclass(frozen=True)
class Input:
    """A file that trainings read: its path in the artifacts folder, its hash and size."""

    path: str
    sha256: str
    size: int


class Storage:
    """A storage by its URL.

    Args:
        url: a path, or file://, s3://bucket/folder, gs://bucket/folder ...

    Raises:
        KitError: no such kind of storage, or the package for it is missing.
    """

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else str(Path(url).expanduser().absolute())
        try:
            self.fs, self.root = fsspec.core.url_to_fs(self.url)
        except ImportError:
            package = _PACKAGES.get(url.partition("://")[0])
            mend = (
                f"Run `pip install {package}` here and on the nodes" if package else "Install what fsspec needs for it"
            )
            raise KitError(f"storage {url} cannot be opened: its package is missing. {mend}.") from None
        except ValueError as error:
            raise KitError(
                f"--storage takes a path or a URL such as s3://bucket/folder or gs://bucket/folder. Received: {url!r} "
                f"({error})."
            ) from None

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except KitError:
            raise
        except Exception as error:  # each storage has errors of its own, which share no class
            said = (str(error).splitlines() or [""])[0]
            raise KitError(
                f"storage {self.url}: cannot {what} ({type(error).__name__}: {said}). Mend the address, the rights or "
                "the room there, then run the same command: it goes on from here."
            ) from error

    def check(self) -> None:
        """Write, read and remove a small object.

        Raises:
            KitError: one of them fails.
        """
        key, said = f".check-{uuid.uuid4().hex}", b"can be written and read"
        with self._told("write and read"):
            self._put(key, said)
            found = self.fs.cat_file(self._at(key))
            self.fs.rm_file(self._at(key))
            if found != said:
                raise KitError(f"storage {self.url}: expected what was written. Received: {found[:40]!r}.")

    def put_inputs(self, artifacts: Path) -> list[Input]:
        """Bring what trainings read to the storage, unless it is there.

        Args:
            artifacts: folder of one contest; of its suites only the select parts go along.
        """
        inputs = []
        for path in sorted(file for part in INPUTS for folder in artifacts.glob(part) for file in folder.rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            one = Input(path.relative_to(artifacts).as_posix(), sha256_file(path), path.stat().st_size)
            key = f"inputs/{one.sha256}"
            with self._told(f"write {key}"):
                if not self.fs.exists(self._at(key)) or self.fs.size(self._at(key)) != one.size:
                    self._put_file(key, path)
            inputs.append(one)
        return inputs

    def fetch_inputs(self, inputs: list[Input], artifacts: Path) -> None:
        """Bring them into an artifacts folder, those that are not there yet."""
        for one in inputs:
            path = artifacts / one.path
            if path.exists() and path.stat().st_size == one.size:  # written whole, in a folder named by the hashes
                continue
            with self._told(f"read inputs/{one.sha256}"), atomic_path(path) as new:
                self.fs.get_file(self._at(f"inputs/{one.sha256}"), str(new))
                if sha256_file(new) != one.sha256:
                    raise KitError(
                        f"storage {self.url}: inputs/{one.sha256} is damaged. Remove it there, then run the same "
                        "command: it is brought there again."
                    )

    def latest(self) -> dict[str, str]:
        """The best archive of each run, by its name."""
        found: dict[str, str] = {}
        with self._told("list runs"):
            self.fs.invalidate_cache()
            keys = self.fs.find(self._at("runs")) if self.fs.exists(self._at("runs")) else []
        for key in keys:
            name, archive = key.rstrip("/").split("/")[-2:]
            if archive.endswith(".tar"):
                found[name] = max(found.get(name, ""), archive)
        return found

    def latest_of(self, name: str) -> str:
        """The best archive of a run; "" if there is none."""
        return max(self._archives(name), default="")

    def _archives(self, name: str) -> list[str]:
        with self._told(f"list runs/{name}"):
            self.fs.invalidate_cache()
            try:
                keys = self.fs.ls(self._at(f"runs/{name}"), detail=False)
            except FileNotFoundError:
                return []
        return [key for key in (key.rstrip("/").rpartition("/")[2] for key in keys) if key.endswith(".tar")]

    def put_run(self, folder: Path, attempt: str, done: bool, epochs: int) -> str:
        """Bring a run directory to the storage as an archive; those of lower rank are removed.

        Args:
            folder: the run directory, which a live process may be writing.
            attempt: of this beginning of the run; unlike any other.
            done: whether it is trained to its end.
            epochs: how many it has.

        Returns:
            The archive's name.
        """
        archive = f"{DONE if done else f'{epochs:06d}'}-{attempt}.tar"
        with pack(folder) as path, self._told(f"write runs/{folder.name}/{archive}"):
            self._put_file(f"runs/{folder.name}/{archive}", path)
        for old in self._archives(folder.name):
            if old < archive:
                with contextlib.suppress(FileNotFoundError), self._told(f"remove runs/{folder.name}/{old}"):
                    self.fs.rm_file(self._at(f"runs/{folder.name}/{old}"))
        return archive

    def fetch_run(self, folder: Path, archive: str) -> None:
        """Unpack an archive of the run that is called like the folder into it."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.fetch", dir=folder.parent) as scratch:
            path = Path(scratch) / "run.tar"
            with self._told(f"read runs/{folder.name}/{archive}"):
                self.fs.get_file(self._at(f"runs/{folder.name}/{archive}"), str(path))
            unpack(path, folder)

    def beat(self, name: str, attempt: str, number: int, history: list[dict[str, Any]]) -> None:
        """Tell that an attempt at a run lives, and how far it is."""
        with self._told(f"write runs/{name}/alive.json"):
            told = {"attempt": attempt, "beat": number, "history": history}
            self._put(f"runs/{name}/alive.json", json.dumps(told).encode())

    def alive(self, name: str) -> dict[str, Any]:
        """What the last beat told; empty if none, or after a `leave`."""
        with self._told(f"read runs/{name}/alive.json"):
            try:
                return json.loads(self.fs.cat_file(self._at(f"runs/{name}/alive.json")))
            except FileNotFoundError:
                return {}

    def leave(self, name: str, attempt: str) -> None:
        """Tell that nobody is at work on a run any more."""
        if self.alive(name).get("attempt") == attempt:
            with self._told(f"remove runs/{name}/alive.json"), contextlib.suppress(FileNotFoundError):
                self.fs.rm_file(self._at(f"runs/{name}/alive.json"))

    def _at(self, key: str) -> str:
        return f"{self.root.rstrip('/')}/{key}"

    def _put(self, key: str, data: bytes) -> None:
        if not self._is_folder:
            self.fs.pipe_file(self._at(key), data)
            return
        with atomic_path(self._at(key)) as new:
            new.write_bytes(data)

    def _put_file(self, key: str, path: Path) -> None:
        if not self._is_folder:
            self.fs.put_file(str(path), self._at(key))  # such storages show an object when it is whole
            return
        with atomic_path(self._at(key)) as new:
            self.fs.put_file(str(path), str(new))

    @property
    def _is_folder(self) -> bool:
        return "file" in (self.fs.protocol if isinstance(self.fs.protocol, tuple) else (self.fs.protocol,))


def new_attempt() -> str:
    """A name unlike any other; later ones sort after earlier ones."""
    return f"{time.time_ns():019d}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
