"""operations.csv of a suite: which operations each image went through.

Columns id,operations; the names are joined by + in the order of application, empty where nothing was done.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_text


def write_operations(path: str | Path, ids: Iterable[str], operations: Iterable[tuple[str, ...]]) -> None:
    """Write one line an image, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "operations"])
    writer.writerows([image_id, "+".join(names)] for image_id, names in zip(ids, operations, strict=True))
    write_text(path, text.getvalue())


def read_operations(path: str | Path, mend: str = "python -m local_eval.suites") -> dict[str, tuple[str, ...]]:
    """Image id -> names of the operations applied, in their order.

    Args:
        path: operations.csv.
        mend: the command that makes it; it is named in errors.

    Raises:
        KitError: missing, or not such a file.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise KitError(f"{path}: expected UTF-8 lines of cells ({error}). Delete it and run `{mend}`.") from None
    if not lines or lines[0] != ["id", "operations"] or any(len(line) != 2 for line in lines):
        raise KitError(f"{path}: expected lines of id,operations under that header. Delete it and run `{mend}`.")
    return {image_id: tuple(names.split("+")) if names else () for image_id, names in lines[1:]}
