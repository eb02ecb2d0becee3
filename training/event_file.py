"""The curves of a run for TensorBoard: its event file, written without TensorBoard or TensorFlow.

A file of records: length (uint64), masked CRC-32C of the length, bytes of a protocol buffer `Event`, masked CRC-32C of
them. Source: tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto.
"""

import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.files import atomic_path

EVENTS = "events.out.tfevents.0000000000.run"  # TensorBoard knows a log directory by "tfevents" in a name
_POLYNOMIAL = 0x82F63B78


def write_events(path: Path, history: Sequence[dict[str, Any]], wall_time: float | None = None) -> None:
    """Write the curves of all epochs so far, in place of what was there.

    Args:
        path: the event file.
        history: lines of history.jsonl; every number in them becomes a point at the line's epoch.
        wall_time: of all points; by default now.
    """
    with atomic_path(path) as new:
        new.write_bytes(_record(_double(1, _time(wall_time)) + _text(3, "brain.Event:2")))
        for line in history:
            _append(new, line, wall_time)


def append_event(path: Path, line: dict[str, Any]) -> None:
    """Add the points of one epoch; TensorBoard shows them as they come."""
    _append(path, line, None)


def _append(path: Path, line: dict[str, Any], wall_time: float | None) -> None:
    summary = b"".join(
        _text(1, _text(1, name) + _float(2, value))
        for name, value in line.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name != "epoch"
    )
    with open(path, "ab") as file:
        file.write(_record(_double(1, _time(wall_time)) + _integer(2, line["epoch"]) + _text(5, summary)))


def _time(wall_time: float | None) -> float:
    return time.time() if wall_time is None else wall_time


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked_crc(length)) + data + struct.pack("<I", _masked_crc(data))


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _integer(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _key(field, 5) + struct.pack("<f", value)


def _text(field: int, value: str | bytes) -> bytes:
    """A text, or a message within the message."""
    data = value.encode() if isinstance(value, str) else value
    return _key(field, 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def _masked_crc(data: bytes) -> int:
    """CRC-32C, turned by 15 bits and shifted, so that a checksum of data with checksums in them is no trivial one."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
