"""A log of every judged zip: one JSON object a line, only ever appended to."""

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


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
    with open(path, "ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)
        os.fsync(file.fileno())


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
