"""clean.csv: which images are kept, and why others are not. Made by `training.clean`, meant to be edited by hand."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import write_text

COLUMNS = ("index", "id", "keep", "reason", "group")

_GROUP = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class CleanTable:
    """One row per image of the set, in its order.

    ids: unicode (N,); keep: bool (N,); reasons: N strings, "" where kept; groups: int64 (N,), shared by images of the
    same picture.
    """

    ids: np.ndarray
    keep: np.ndarray
    reasons: list[str]
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def first_difference(self, ids: np.ndarray) -> str:
        """Where the table stops to be of these images: "line 3 (index 1): expected ... Received: ...", or "".

        Args:
            ids: unicode (N,), those of the image set in its order.
        """
        shared = min(len(self), len(ids))
        differing = np.flatnonzero(self.ids[:shared] != ids[:shared])
        if not len(differing) and len(self) == len(ids):
            return ""
        index = int(differing[0]) if len(differing) else shared
        expected = f"id {str(ids[index])!r}" if index < len(ids) else "the end of the table"
        received = f"id {str(self.ids[index])!r}" if index < len(self) else "the end of the table"
        return f"line {index + 2} (index {index}): expected {expected}. Received: {received}."


def write_clean(path: str | Path, table: CleanTable) -> None:
    """Write clean.csv atomically; one that is so already is left untouched, since make goes by its time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for index, row in enumerate(zip(table.ids, table.keep.astype(int), table.reasons, table.groups, strict=True)):
        writer.writerow((index, *row))
    if not Path(path).exists() or Path(path).read_bytes() != text.getvalue().encode():
        write_text(path, text.getvalue())


def read_clean(path: str | Path, mend: str) -> CleanTable:
    """Read clean.csv, also after an edit by hand or in a spreadsheet. Without a column `group` each image is its own.

    Args:
        path: the file.
        mend: the command that makes it; it is named in the error.

    Raises:
        KitError: missing, a column missing, or a row that is not as expected; the message names the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # spreadsheets put a byte-order mark first
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except UnicodeDecodeError as error:
        raise KitError(
            f"{path}: expected UTF-8 text ({error}). Save it as UTF-8, or move it away and run `{mend}`."
        ) from None
    # strict: a quote left open would else swallow the lines below it
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        _check_columns(path, reader, mend)
        line = reader.line_num + 1
        rows = []
        for index, row in enumerate(reader):
            rows.append(_checked_row(path, reader.line_num, index, row, mend))
            line = reader.line_num + 1
    except csv.Error as error:
        raise KitError(
            f"{path}, line {line}: expected cells with commas between, and every quote closed. Received: {error}. "
            f"Mend the line, or move the file away and run `{mend}`."
        ) from None
    ids, keep, reasons, groups = zip(*rows, strict=True) if rows else ((), (), (), ())
    return CleanTable(np.array(ids, np.str_), np.array(keep, bool), list(reasons), np.array(groups, np.int64))


def _check_columns(path: str | Path, reader: csv.DictReader, mend: str) -> None:
    missing = [name for name in COLUMNS[:4] if name not in (reader.fieldnames or [])]
    if missing:
        raise KitError(
            f"{path}: expected columns {', '.join(COLUMNS[:4])} separated by commas. Missing: {', '.join(missing)}. "
            f"Mend the first line, or move the file away and run `{mend}`."
        )


def _checked_row(path: str | Path, line: int, index: int, row: dict, mend: str) -> tuple[str, bool, str, int]:
    """id, keep, reason, group"""
    group = row.get("group") or str(index)
    if row["index"] != str(index) or row["keep"] not in ("0", "1") or not row["id"] or not _GROUP.fullmatch(group):
        raise KitError(
            f"{path}, line {line}: expected index {index}, an id, keep 0 or 1, a whole number as group. "
            f"Received: index={row['index']!r}, id={row['id']!r}, keep={row['keep']!r}, group={group!r}. "
            f"Mend the line, or move the file away and run `{mend}`."
        )
    return row["id"], row["keep"] == "1", row["reason"] or "", int(group)
