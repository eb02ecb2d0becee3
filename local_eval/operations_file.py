"""operations.csv of a suite: which operations each image went through.

Columns id,operations; the names are joined by + in the order of application, empty where nothing was done. A table of
corruptions by severities has a third column, severity, and its corruption as the only operation.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_text

_HEADER = ["id", "operations"]
_GRADED = [*_HEADER, "severity"]


def write_operations(
    path: str | Path,
    ids: Iterable[str],
    operations: Iterable[tuple[str, ...]],
    severities: Iterable[int] | None = None,
) -> None:
    """Write one line an image, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if severities is None:
        writer.writerow(_HEADER)
        writer.writerows([one, "+".join(names)] for one, names in zip(ids, operations, strict=True))
    else:
        writer.writerow(_GRADED)
        writer.writerows(
            [one, "+".join(names), grade] for one, names, grade in zip(ids, operations, severities, strict=True)
        )
    write_text(path, text.getvalue())


def read_operations(path: str | Path, mend: str = "python -m local_eval.suites") -> dict[str, tuple[str, ...]]:
    """Image id -> names of the operations applied, in their order.

    Args:
        path: operations.csv.
        mend: the command that makes it; it is named in errors.

    Raises:
        KitError: missing, or not such a file.
    """
    return {line[0]: tuple(line[1].split("+")) if line[1] else () for line in _read(path, mend)[1:]}


def read_cells(path: str | Path, mend: str = "python -m local_eval.suites") -> dict[str, tuple[str, int]]:
    """Image id -> corruption and severity, of a table of corruptions.

    Args:
        path: operations.csv.
        mend: the command that makes it; it is named in errors.

    Raises:
        KitError: missing, or not such a file.
    """
    lines = _read(path, mend)
    if lines[0] != _GRADED or any(line[2] not in ("1", "2", "3", "4", "5") for line in lines[1:]):
        raise KitError(
            f"{path}: expected lines of {','.join(_GRADED)}, as of a table of corruptions. Received: "
            f"{','.join(lines[0])}. Choose another suite, or delete the file and run `{mend}`."
        )
    return {one: (name, int(grade)) for one, name, grade in lines[1:]}


def _read(path: str | Path, mend: str) -> list[list[str]]:
    """Header and lines, of the same length."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise KitError(f"{path}: expected UTF-8 lines of cells ({error}). Delete it and run `{mend}`.") from None
    if not lines or lines[0] not in (_HEADER, _GRADED) or any(len(line) != len(lines[0]) for line in lines):
        raise KitError(f"{path}: expected lines of id,operations under that header. Delete it and run `{mend}`.")
    return lines
