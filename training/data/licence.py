"""Licence and citation of a published set: printed, and kept beside the data."""

from dataclasses import dataclass
from pathlib import Path

from submission.kit.files import write_text

LICENCE_FILE = "LICENSE.txt"


@dataclass(frozen=True)
class Licence:
    """name: of the licence; url: its text; citations: what who uses the data is to cite; home: where they are."""

    name: str
    url: str
    home: str
    citations: tuple[str, ...]

    @property
    def meta(self) -> dict[str, str]:
        """For meta.json."""
        return {"licence": self.name, "home": self.home}

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"licence {self.name} ({self.url}), data from {self.home}; cite:",
            *(f"  {one}" for one in self.citations),
        ]

    def write(self, folder: Path) -> None:
        """Write LICENSE.txt."""
        write_text(folder / LICENCE_FILE, "\n".join(self.lines()) + "\n")


CC_BY_4 = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")

ACEVEDO = (
    "Acevedo, A., Merino, A., Alférez, S., Molina, Á., Boldú, L., Rodellar, J.: A dataset of microscopic peripheral "
    "blood cell images for development of automatic recognition systems. Data in Brief 30, 105474 (2020). "
    "doi:10.1016/j.dib.2020.105474"
)
