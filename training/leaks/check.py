"""The outcome of one check."""

from dataclasses import dataclass, field

SHOWN = 3


@dataclass
class Check:
    """name: what must hold; looked_at: what it was tested on; leaks: one line for each time that it does not."""

    name: str
    looked_at: str
    leaks: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For the table: a line, and the first leaks below it."""
        state = "LEAK" if self.leaks else "ok"
        told = [f"{state:5} {self.name:52} {self.looked_at}"]
        told += [f"      - {leak}" for leak in self.leaks[:SHOWN]]
        if len(self.leaks) > SHOWN:
            told.append(f"      - and {len(self.leaks) - SHOWN} more")
        return told
