"""findings.csv: everything the rules noticed, dropped or not, with its score."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from submission.kit.files import write_text
from submission.kit.image_set import ImageSet

COLUMNS = ("index", "id", "label", "kind", "score", "twin", "reason", "dropped")


@dataclass(frozen=True)
class Finding:
    """One rule's word on one image.

    row: of the image set; kind: a name of `kinds.KINDS`; score: see there; detail: for people; twin: row of the image
    that it repeats or resembles, or None.
    """

    row: int
    kind: str
    score: float
    detail: str = ""
    twin: int | None = None

    @property
    def reason(self) -> str:
        """Such as "near duplicate of 7 (mirrored)"."""
        of = f" of {self.twin}" if self.twin is not None else ""
        return f"{self.kind}{of} ({self.detail})" if self.detail else f"{self.kind}{of}"


def write_findings(path: Path, image_set: ImageSet, findings: list[Finding], drops: set[str]) -> None:
    """Write findings.csv atomically; `drops` are the kinds whose images are dropped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in findings:
        label = image_set.class_names[image_set.labels[one.row]]
        twin = "" if one.twin is None else one.twin
        dropped = int(one.kind in drops)
        row = (one.row, image_set.ids[one.row], label, one.kind, f"{one.score:.4f}", twin, one.reason, dropped)
        writer.writerow(row)
    write_text(path, text.getvalue())
