"""Rows of runs as text, CSV or Markdown."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import write_text

_FORMATS = (".csv", ".md")


def cell(value: Any) -> str:
    """A value as it is shown."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if 0.001 <= abs(value) < 10 else f"{value:g}"
    return str(value)


def as_text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Aligned columns under their names."""
    lines = [list(columns), *([cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """All digits; what a run has not is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """A table of GitHub's Markdown."""
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[cell(row.get(name)).replace("|", "\\|") for name in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write .csv or .md.

    Raises:
        KitError: another ending.
    """
    check_format(path)
    write_text(path, as_csv(rows, columns) if path.suffix == ".csv" else as_markdown(rows, columns))


def check_format(path: Path) -> None:
    """Refuse an ending of which no table can be written."""
    if path.suffix not in _FORMATS:
        raise KitError(f"--export takes a file that ends in {' or '.join(_FORMATS)}. Received: {path}.")
