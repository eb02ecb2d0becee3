"""A judged zip, a local server in Codabench's place, and a clock that waits in no time."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from codabench_server import PHASE, SIGNATURE, TOKEN, Codabench, Server

from local_eval.codabench.patience import Clock
from local_eval.ledger import append_record, read_records
from local_eval.submit import submit
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file


class FastClock(Clock):
    """Waits in no time, and keeps the account."""

    connect_s, answer_s, storage_s = 2.0, 0.3, 0.3

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class Contest:
    """An artifacts folder with a judged zip, and the server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.artifacts, self.server, self.clock = folder / "A", server, FastClock()
        self.zip = folder / "submission.zip"
        with zipfile.ZipFile(self.zip, "w") as file:
            file.writestr("model.py", "class Model: ...\n" + "# padding\n" * 50_000)
        self.sha256 = sha256_file(self.zip)
        for suite in ("clean", "an2dl"):
            self.judged(suite, "Finished")

    @property
    def state(self) -> Codabench:
        return self.server.state

    def judged(self, suite: str, status: str, **changes) -> None:
        record = {"sha256": self.sha256, "suite": suite, "part": "judge", "status": status, "limit_images": None}
        append_record(self.artifacts / "ledger.jsonl", {**record, **changes})

    def submit(self, **options) -> str:
        options = {"server": self.server.address, "token": TOKEN, "clock": self.clock} | options
        return submit(self.zip, PHASE, self.artifacts, **options)

    def refused(self, message: str, **options) -> str:
        with pytest.raises(KitError, match=message) as caught:
            self.submit(**options)
        assert TOKEN not in str(caught.value) and SIGNATURE not in str(caught.value)
        assert caught.value.__cause__ is None
        return str(caught.value)

    def receipt(self) -> dict:
        (path,) = (self.artifacts / "submitted").glob("*.json")
        return read_json(path, "")

    def lines(self) -> list[dict]:
        """What the ledger says of submissions."""
        return [record for record in read_records(self.artifacts / "ledger.jsonl")[0] if "submission" in record]


@contextmanager
def make_contest(folder: Path) -> Iterator[Contest]:
    """The server runs within the block."""
    server = Server()
    try:
        yield Contest(folder, server)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def contest(tmp_path: Path) -> Iterator[Contest]:
    """For tests that import it."""
    with make_contest(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def no_secret_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """After every test of a module that imports it neither the token nor a signature was printed or written."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    printed = capsys.readouterr()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (TOKEN, SIGNATURE):
        assert secret not in printed.out + printed.err
        assert not any(secret.encode() in text for text in written)
