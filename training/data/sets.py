"""Which data set: `--set NAME` or `--set NAME=PATH`, and which options belong to it."""

from dataclasses import dataclass
from pathlib import Path

from submission.kit.errors import KitError

_PICTURES = frozenset({"size", "crop", "channels", "class_names", "strict"})
_PUBLISHED = frozenset({"mirror", "cache", "offline", "from_file"})

PLAIN = {
    "synthetic": frozenset({"seed", "images", "size"}),
    "digits": frozenset({"size", "images"}),
    "bloodmnist": frozenset({"pixels", "size"}) | _PUBLISHED,
    "pbc": frozenset({"size", "crop", "strict"}) | _PUBLISHED,
}
"""Sets that need no path, and the options of each."""

WITH_PATH = {
    "npz": frozenset({"class_names"}),
    "an2dl-npz": frozenset[str](),
    "folder": _PICTURES,
    "csv": _PICTURES,
}
"""Sets that a path belongs to, and the options of each."""

OPTIONS = frozenset[str]().union(*PLAIN.values(), *WITH_PATH.values())


@dataclass(frozen=True)
class Wanted:
    """A set by name, and its path where it has one."""

    name: str
    path: Path | None

    def __str__(self) -> str:
        return self.name if self.path is None else f"{self.name}={self.path}"


def parse_set(text: str) -> Wanted:
    """Read `--set`.

    Raises:
        KitError: no such set, a path too many or too few; a recipe's field is told from a set.
    """
    name, equals, path = text.partition("=")
    known = ", ".join([*PLAIN, *(f"{one}=PATH" for one in WITH_PATH)])
    if name not in PLAIN and name not in WITH_PATH:
        hint = " Fields of a recipe are changed with FIELDS (make) or `training.train --set`." if equals else ""
        raise KitError(f"expected a data set: {known}. Received: {text!r}.{hint}")
    if name in PLAIN and equals:
        raise KitError(f"the set {name} has no path. Received: {text!r}. Give `--set {name}`.")
    if name in WITH_PATH and not path:
        raise KitError(f"expected a path for the set {name}. Received: {text!r}. Give `--set {name}=PATH`.")
    return Wanted(name, Path(path).expanduser() if equals else None)  # shells know ~ after one = only


def check_options(wanted: Wanted, given: set[str]) -> None:
    """Raise `KitError` if an option is given that means nothing for the set."""
    mine = PLAIN.get(wanted.name, WITH_PATH.get(wanted.name, frozenset()))
    wrong = sorted(_flag(one) for one in given & OPTIONS - mine)
    if wrong:
        rest = ", ".join(sorted(_flag(one) for one in mine)) or "none"
        raise KitError(
            f"expected options of the set {wanted.name} ({rest}). Received: {', '.join(wrong)}. Leave "
            f"{'it' if len(wrong) == 1 else 'them'} out."
        )


def _flag(option: str) -> str:
    return "--from" if option == "from_file" else f"--{option.replace('_', '-')}"
