"""The log of every judged zip and of its leaderboard scores: one JSON object a line, only ever appended to.

As a command it lists A/ledger.jsonl, or adds a leaderboard score: the forecast is then corrected by it.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from io import FileIO
from pathlib import Path
from typing import Any

from submission.kit.console import run_main


def append_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Append one line and have it on disk before returning.

    One write under a lock: two judges do not mix their lines. A line cut short by a crash or a full disk stays, alone:
    the next one begins on a line of its own.

    Args:
        path: the ledger; it and its folder are made.
        record: JSON values; "time" (UTC) is added. NaN and infinities are refused (`ValueError`).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stamped = {"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), **record}
    line = json.dumps(stamped, sort_keys=True, allow_nan=False).encode() + b"\n"
    with open(path, "ab+", buffering=0) as file, _locked(file):
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        os.fsync(file.fileno())


@contextmanager
def _locked(file: FileIO) -> Iterator[None]:
    """No other process appends meanwhile; a killed one leaves no lock behind."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file unlocks it


def read_records(path: str | Path) -> tuple[list[dict[str, Any]], int]:
    """All whole records, oldest first, and how many damaged lines were passed over. No file: `([], 0)`."""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], 0
    records, damaged = [], 0
    for line in lines:
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            damaged += 1
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            damaged += 1
    return records, damaged


def main(argv: Sequence[str] | None = None) -> int:
    from .entries import add_score, describe_ledger

    parser = argparse.ArgumentParser(
        prog="python -m local_eval.ledger", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    commands = parser.add_subparsers(dest="command", metavar="{list,add}")
    commands.add_parser("list", help="print every zip with its judged and its leaderboard scores (the default)")
    adding = commands.add_parser("add", help="add a leaderboard score")
    adding.add_argument("sha256", help="of the zip, or a unique beginning of 6 digits or more")
    adding.add_argument("score", type=float, help="the leaderboard's accuracy, from 0 to 1")
    adding.add_argument("phase", nargs="+", help="the phase's name, such as development")
    adding.add_argument("--replace", action="store_true", help="the score that the zip has in this phase was wrong")
    args = parser.parse_args(argv)
    if args.command == "add":
        print(add_score(args.artifacts, args.sha256, args.score, " ".join(args.phase), args.replace))
    else:
        print(describe_ledger(args.artifacts))
    return 0


if __name__ == "__main__":
    run_main(main)
