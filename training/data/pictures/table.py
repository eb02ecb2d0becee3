"""The class of a picture by a table of paths and labels (CSV)."""

import csv
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from submission.kit.errors import KitError

from .classes import Labelled
from .problems import Problems, composed, told
from .shelf import Entry, FolderShelf

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img")
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category")

_DELIMITERS = ",;\t"


def by_table(path: Path, problems: Problems) -> Labelled:
    """Read a CSV with a header, a column of paths and one of labels; others are passed over.

    Paths are relative to the CSV's folder, or absolute; / or \\ between folders. A name is found in either Unicode form
    (NFC, NFD).

    Args:
        path: UTF-8, with commas, semicolons or tabs.
        problems: rows without a file, files without a row (below the folder that holds all named files), rows without
            path or label, files named twice are noted.

    Raises:
        KitError: no such file, another encoding, or not such a table.
    """
    labelled: dict[str, tuple[str, Entry]] = {}
    torn: set[str] = set()  # under two labels
    lost: list[tuple[str, str]] = []
    for number, name, label in _rows(path):
        if not name or not label:
            problems.add(told(name) or f"line {number}", "incomplete row", f"line {number}")
            continue
        entry = _entry(path.parent, name)
        if entry is None:
            lost.append((name, label))
        else:
            _take(labelled, torn, entry, label, problems)
    others = _others(path.parent, labelled)
    forms = {composed("/".join(entry.parts)): entry for entry in others.values()}
    for name, label in lost:
        twin = forms.get(composed(_slashed(name)))
        if twin is None:
            problems.add(told(name), "missing")
        else:
            problems.add(told(name), "name form")
            _take(labelled, torn, twin, label, problems)
            others.pop(os.path.realpath(twin.place), None)
    for real in torn:
        label, entry = labelled.pop(real)
        problems.add(entry.shown, "two labels", f"first {label}")
    for entry in others.values():
        problems.add(entry.shown, "unlabelled")
    if len({label for label, _ in labelled.values()}) < 2:
        raise KitError(
            f"{path}: expected files of two classes or more. Received: {len(labelled)} files that exist, "
            f"{problems.counts.get('missing', 0)} that do not. Paths are relative to {path.parent or '.'}."
        )
    return list(labelled.values())


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, path and label of each row."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise KitError(f"expected a CSV of paths and labels. Received: {path}, {what}.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(_DELIMITERS, key=first.count), restval="")
            columns = {name.strip().lower(): name for name in reader.fieldnames or () if name}
            chosen = [next((columns[name] for name in known if name in columns), None) for known in _KNOWN]
            if None in chosen:
                raise KitError(
                    f"{path}: expected a first line with a column of paths ({', '.join(PATH_COLUMNS)}) and one of "
                    f"labels ({', '.join(LABEL_COLUMNS)}). Received: {first.strip()[:200]!r}. Rename them."
                )
            of_paths, of_labels = map(str, chosen)
            for row in reader:
                yield reader.line_num, row[of_paths].strip(), composed(row[of_labels].strip())
    except UnicodeDecodeError as error:
        raise KitError(f"{path}: expected UTF-8. Received: {error}. Save it as UTF-8.") from None
    except csv.Error as error:
        raise KitError(f"{path}: expected a CSV. Received: {error}.") from None


_KNOWN = (PATH_COLUMNS, LABEL_COLUMNS)


def _entry(root: Path, name: str) -> Entry | None:
    for form in dict.fromkeys((name, _slashed(name))):
        place = root / form
        try:
            status = place.stat()
        except (OSError, ValueError):  # ValueError: a NUL in the name
            continue
        if stat.S_ISREG(status.st_mode):
            return Entry(tuple(form.split("/")), str(place), status.st_size)
    return None


def _take(labelled: dict[str, tuple[str, Entry]], torn: set[str], entry: Entry, label: str, problems: Problems) -> None:
    real = os.path.realpath(entry.place)
    if real not in labelled:
        labelled[real] = label, entry
    elif labelled[real][0] == label:
        problems.add(entry.shown, "duplicate")
    else:
        torn.add(real)


def _others(root: Path, labelled: dict[str, tuple[str, Entry]]) -> dict[str, Entry]:
    """Image files that no row names, by their real path; looked for below the folder that holds all that are named."""
    below = os.path.realpath(root)
    named = [Path(entry.place).absolute().parent for _, entry in labelled.values()]
    try:
        common = os.path.commonpath(named) if named else below
        is_near = os.path.commonpath([below, os.path.realpath(common)]) == below
    except ValueError:  # on other drives
        is_near = False
    if not is_near:
        return {}  # far from the table: whose files these are, nobody knows
    start = Path(os.path.relpath(os.path.realpath(common), below)).parts
    found = FolderShelf(Path(common)).entries(Problems())
    inner = (Entry((*start, *entry.parts), entry.place, entry.size) for entry in found)
    return {real: entry for entry in inner if (real := os.path.realpath(entry.place)) not in labelled}


def _slashed(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")
