"""What is wrong with a bundle, and values in messages."""

import reprlib
from dataclasses import dataclass, field
from typing import Any


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 2, 80, 80
        self.maxdict = self.maxlist = self.maxset = 4

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if abs(x) < 10**20 else f"an integer of {x.bit_length()} bits"  # repr of a huge one raises


def shown(value: Any) -> str:
    """A value of competition.yaml in at most a few words, however large, deep or recursive it is."""
    return _Short().repr(value)


@dataclass(frozen=True)
class Problem:
    """One finding. where: file or field.

    stage: "upload" (the platform refuses the bundle), "run" (it is accepted, then submissions fail or labels leak) or
    "notice" (it works, but not as the file reads).
    """

    stage: str
    where: str
    message: str
    fix: str

    @property
    def breaks(self) -> bool:
        return self.stage != "notice"

    def __str__(self) -> str:
        means = {"upload": "refused on upload", "run": "accepted, then goes wrong", "notice": "notice"}[self.stage]
        return f"{self.where}: {self.message} [{means}]\n    fix: {self.fix}"


@dataclass
class Findings:
    """The problems so far, in the order in which they were found."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, stage: str, where: str, message: str, fix: str) -> None:
        self.problems.append(Problem(stage, _printable(where), _printable(message), fix))


def _printable(text: str) -> str:
    """What cannot be shown, such as a lone surrogate or a terminal's escape sequence, written as \\x1b."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
