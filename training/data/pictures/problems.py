"""Everything odd about a user's files, in one list with counts."""

import csv
import io
import os
import unicodedata
from collections import Counter
from pathlib import Path

from submission.kit.files import write_text

SKIPPED = "skipped"

KINDS = {
    "empty": ("file of zero bytes", SKIPPED),
    "truncated": ("image that ends too early", SKIPPED),
    "unreadable": ("image that cannot be read", SKIPPED),
    "bomb": ("image too large to unpack", SKIPPED),
    "link": ("link that leads nowhere or in a circle", SKIPPED),
    "outside": ("path that leads out of the archive", SKIPPED),
    "not an image": ("file that is no JPEG, PNG, BMP or TIFF", SKIPPED),
    "hidden": ("hidden file", SKIPPED),
    "unlabelled": ("file without a label", SKIPPED),
    "missing": ("label without a file", SKIPPED),
    "incomplete row": ("row without path or label", SKIPPED),
    "duplicate": ("file named twice", "first taken"),
    "two labels": ("file under two labels", SKIPPED),
    "empty class": ("class without an image", "left out"),
    "cmyk": ("CMYK image", "converted to RGB"),
    "palette": ("image with a palette", "converted"),
    "16 bit": ("image of 16 bits", "reduced to 8 bits"),
    "alpha": ("transparent image", "laid on white"),
    "rotated": ("image rotated by its EXIF data", "turned upright"),
    "frames": ("file of several images", "first taken"),
    "grey": ("grey image among coloured ones", "converted to RGB"),
    "coloured": ("coloured image in a grey set", "converted to grey"),
    "size": ("image of another size", "middle taken, resized"),
    "name form": ("name in another Unicode form", "matched"),
}
"""Kind of problem: what it is, and what is done about it."""

COLUMNS = ("path", "problem", "done", "detail")


class Problems:
    """A list that grows while files are read."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, path: str, kind: str, detail: str = "") -> None:
        """Note one oddity of one file; `kind` of `KINDS`."""
        if kind not in KINDS:
            raise ValueError(f"expected one of {list(KINDS)}. Received: kind={kind!r}")
        self._rows.append((path, kind, detail))

    @property
    def counts(self) -> dict[str, int]:
        """Kind to number, in the order of `KINDS`; kinds that were not met are left out."""
        counts = Counter(kind for _, kind, _ in self._rows)
        return {kind: counts[kind] for kind in KINDS if kind in counts}

    def lines(self) -> list[str]:
        """One line a kind: count, what it is, what was done, the first file of it."""
        first = {kind: path for path, kind, _ in reversed(self._rows)}
        return [
            f"{count:>7}  {KINDS[kind][0]:<40} {KINDS[kind][1]:<22} {first[kind]}"
            for kind, count in self.counts.items()
        ]

    def write(self, path: Path) -> None:
        """Write problems.csv: one line a problem, sorted by kind and path."""
        order = list(KINDS)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for file, kind, detail in sorted(self._rows, key=lambda row: (order.index(row[1]), row)):
            writer.writerow((file, *KINDS[kind], detail))
        write_text(path, text.getvalue())


def told(name: str | os.PathLike[str]) -> str:
    """A file's name as text that can be printed and written whatever its bytes are."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def composed(name: str) -> str:
    """A name in one Unicode form (NFC): macOS writes accents as characters of their own, others do not."""
    return unicodedata.normalize("NFC", name)
