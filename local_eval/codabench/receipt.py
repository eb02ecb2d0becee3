"""The receipt of one zip on one phase: how far it came, on disk before each step, so that no crash submits it twice."""

import fcntl
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json

DEFAULT_SERVER = "https://www.codabench.org"
# uploading: nothing on the server that counts. created: the whole file is there, under the key `data`.
# submitting: the submission was asked for and may or may not exist. submitted: it exists, as `submission`.
# ended: its logs are here and its line is in the ledger.
STATES = ("uploading", "created", "submitting", "submitted", "ended")


class Receipt:
    """A/submitted/<sha8>-phase<ID>.json; `note` changes it on disk at once.

    values: state, server, phase, sha256, zip, file_name (unique: the server's list shows it), data, submission, status,
    missing.
    """

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self.path, self.values = path, values

    @property
    def state(self) -> str:
        return self.values["state"]

    def note(self, **changes: Any) -> None:
        """Change values, on disk before this returns."""
        self.values = {**self.values, **changes}
        write_json(self.path, self.values)

    def retire(self) -> None:
        """Move an ended one aside, so that the same zip may be submitted anew."""
        self.path.rename(self.path.with_name(f"{self.path.stem}.{self.values['submission']}.json"))


@contextmanager
def open_receipt(
    folder: Path, zip_path: Path, sha256: str, phase: int, server: str, again: bool = False
) -> Iterator[Receipt]:
    """The receipt, old or new, for one process at a time.

    Args:
        folder: A/submitted.
        zip_path, sha256, phase, server: what is submitted where.
        again: begin a new one where the old one has ended.

    Raises:
        KitError: another process has it, or it is not a receipt.
    """
    host = "" if server == DEFAULT_SERVER else "-" + re.sub(r"[^\w.-]", "_", urlsplit(server).netloc)
    path = folder / f"{sha256[:8]}-phase{phase}{host}.json"
    with _alone(path):
        receipt = _read(path) if path.exists() else None
        if receipt is not None and again and receipt.state == "ended":
            receipt.retire()
            receipt = None
        if receipt is None:
            receipt = Receipt(path, {"state": "uploading", "server": server, "phase": phase, "sha256": sha256})
            receipt.note(zip=str(zip_path), file_name=f"{sha256[:8]}-{uuid.uuid4().hex[:16]}.zip")
        expected = (server, phase, sha256)
        found = tuple(receipt.values[key] for key in ("server", "phase", "sha256"))
        if found != expected:
            raise KitError(f"expected {path} to be of {expected}. Received: {found}. Look at it, then move it away.")
        yield receipt


def _read(path: Path) -> Receipt:
    mend = "python -m local_eval.submit"
    try:
        values = read_json(path, mend)
        if not (isinstance(values, dict) and values["state"] in STATES):
            raise KeyError("state")
        needed = ["server", "phase", "sha256", "file_name"]
        needed += ["data"] if values["state"] in ("created", "submitting") else []
        needed += ["submission"] if values["state"] in ("submitted", "ended") else []
        if missing := [key for key in needed if key not in values]:
            raise KeyError(*missing)
    except (KitError, KeyError) as error:
        raise KitError(
            f"{path} is damaged ({error}). See on the competition's page whether this zip was submitted; "
            f"if it was not, delete {path.name} and run the same command again."
        ) from None
    return Receipt(path, values)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KitError(f"another process is submitting this zip now (it holds {lock.name}): wait for it.") from None
        yield
