"""The class of a picture by the folder that it lies in."""

from collections.abc import Sequence

from submission.kit.errors import KitError

from .problems import Problems, composed, told
from .shelf import Entry

Labelled = list[tuple[str, Entry]]
"""Pairs of class name and file."""

_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}


def by_folder(entries: Sequence[Entry], folders: Sequence[tuple[str, ...]], problems: Problems) -> Labelled:
    """Label files by the first folder of their path; deeper folders are of the same class.

    A folder that lies alone around all others (as archives often have) is passed over.

    Args:
        entries: all image files.
        folders: all folders, to tell those without an image.
        problems: files outside of a class folder, and empty classes, are noted.

    Raises:
        KitError: no class folders, or the folders are the parts of a split.
    """
    depth = _wrappers(entries)
    labelled: Labelled = []
    for entry in entries:
        if len(entry.parts) < depth + 2:
            problems.add(entry.shown, "unlabelled", "not in a class folder")
        else:
            labelled.append((told(composed(entry.parts[depth])), entry))
    names = sorted({label for label, _ in labelled})
    found = f"{len(names)} folders with images{': ' if names else ''}{', '.join(names[:8])}"
    if len(names) > 1 and {name.lower() for name in names} <= _PARTS:
        best = max(names, key=lambda name: name.lower().startswith("train"))
        raise KitError(
            f"expected a folder for each class. Received: the parts of a split ({', '.join(names)}). Give one of them, "
            f"such as `folder=DIR/{best}`; the kit makes a split of its own."
        )
    if len(names) < 2:
        raise KitError(f"expected a folder for each of two or more classes, with images in it. Received: {found}.")
    for folder in folders:
        if len(folder) == depth + 1 and told(composed(folder[depth])) not in names:
            problems.add(told("/".join(folder)), "empty class")
    return labelled


def class_order(labels: Sequence[str], asked: Sequence[str] | None = None) -> list[str]:
    """All names in the order of the labels: as asked for, else numbers by value, else by alphabet.

    Raises:
        KitError: those asked for are not those that there are.
    """
    names = set(labels)
    if asked is None:
        if all(name.isdecimal() for name in names):
            return sorted(names, key=lambda name: (int(name), name))
        return sorted(names)
    missing, more = sorted(names - set(asked)), sorted(set(asked) - names)
    if missing or more:
        raise KitError(
            f"expected --class-names to be the names of the classes in another order. Received: {', '.join(asked)}; "
            f"not named: {', '.join(missing) or 'none'}; no such class: {', '.join(more) or 'none'}."
        )
    return list(asked)


def _wrappers(entries: Sequence[Entry]) -> int:
    """How many folders lie around all class folders: one alone with images in two folders or more of its own."""
    depth = 0
    inner = [entry.parts for entry in entries]
    while True:
        inner = [parts for parts in inner if len(parts) > depth + 1]
        if len({parts[depth] for parts in inner}) != 1:
            return depth
        if not any(len(parts) > depth + 2 for parts in inner):
            return depth
        depth += 1
