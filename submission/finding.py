"""What a rule found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One broken rule: its name, what is wrong (with what was received), and what mends it."""

    rule: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}\n    fix: {self.fix}"


_LONG = 200


def some(names: list[str], limit: int = 5) -> str:
    """The first few names and how many more there are."""
    shown = ", ".join(repr(name if len(name) <= _LONG else f"{name[:_LONG]}...") for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
