"""One verdict for each image, from all rules together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from submission.kit.image_set import ImageSet

from .chains import is_chain
from .embed import Embedder
from .findings import Finding
from .invalid import invalid_reason
from .kinds import KINDS
from .looks import measure_looks
from .near import find_twins
from .neighbours import alike, nearest
from .outliers import FAR, outlier_scores
from .quality import quality_kinds
from .table import CleanTable
from .twins import Link


@dataclass(frozen=True)
class Verdicts:
    """groups: int64 (N,), for each image the row of the first that shows the same picture; findings: all that was
    noticed, by kind and then by row; remark: on the search itself, or ""."""

    groups: np.ndarray
    findings: list[Finding]
    remark: str = ""

    def with_more(self, more: Sequence[Finding]) -> "Verdicts":
        """The same with findings of other rules."""
        order = {name: number for number, name in enumerate(KINDS)}
        findings = sorted([*self.findings, *more], key=lambda one: (order[one.kind], one.row))
        return Verdicts(self.groups, findings, self.remark)

    def table(self, image_set: ImageSet, drops: set[str]) -> CleanTable:
        """Who is kept if images of the kinds `drops` are dropped; the first such finding is the reason."""
        reasons = [""] * len(image_set)
        for one in self.findings:
            if one.kind in drops and not reasons[one.row]:
                reasons[one.row] = one.reason
        keep = np.array([not reason for reason in reasons], bool)
        return CleanTable(image_set.ids, keep, reasons, self.groups)


def judge_images(image_set: ImageSet, repeats: int, embedder: Embedder | None = None) -> Verdicts:
    """Apply the rules that look at images.

    In a group of `repeats` images of the same picture or more all are jokes or fillers; in a smaller one under several
    labels nothing says which label is right; otherwise all but the first are copies. Where likeness leads from picture
    to picture through the set (`is_chain`), only exact copies are grouped.

    Args:
        image_set: the images; read batch by batch.
        repeats: at least 2.
        embedder: proposes more twins and finds look-alikes and off-topic images.
    """
    distinct, copies = np.unique(image_set.ids, return_index=True, return_inverse=True)[1:]
    groups = distinct[copies.ravel()]  # exact duplicates
    rows, blank = _valid_rows(image_set, np.sort(distinct))
    looks = measure_looks(image_set.images, rows)
    features, pairs, cosines = None, np.empty((0, 2), np.int64), np.empty(0)
    if embedder is not None:
        features, mirrored = embedder.features_twice(image_set.images, rows)
        pairs, cosines = nearest(features, mirrored)
    twins = find_twins(image_set.images, rows, looks, [pairs])
    places = twins.groups()
    remark = ""
    if is_chain(image_set.images, rows, places):
        places = np.arange(len(rows))
        remark = "too alike in their detail to tell altered copies: only exact ones were looked for"
    joined = np.arange(len(image_set))
    joined[rows] = rows[places]
    groups = joined[groups]
    links = {int(rows[place]): link for place, link in twins.links.items()}

    findings = [
        Finding(row, "blank", *blank[int(distinct_row)])
        for row, distinct_row in enumerate(distinct[copies.ravel()])
        if int(distinct_row) in blank
    ]
    findings += _group_findings(image_set, groups, {one.row for one in findings}, repeats, links)
    findings += [
        Finding(int(rows[place]), kind, score, detail) for place, kind, score, detail in quality_kinds(looks.quality)
    ]
    jokes = {one.row for one in findings if one.kind == "repeated picture"}
    findings += [one for one in _off_topic(rows, looks.colours, features) if one.row not in jokes]
    findings += [
        Finding(int(rows[pairs[place, 1]]), "look-alike", float(cosines[place]), twin=int(rows[pairs[place, 0]]))
        for place in alike(pairs, cosines)
        if places[pairs[place, 0]] != places[pairs[place, 1]]
    ]
    return Verdicts(groups, [], remark).with_more(findings)


def _valid_rows(image_set: ImageSet, distinct: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[float, str]]]:
    """Rows with a picture, and for each blank row its score and what it shows."""
    blank = {}
    for row in tqdm(distinct, "blank", unit="image", disable=None, leave=False):
        image = image_set.images[row]
        if reason := invalid_reason(image):
            spread = image.reshape(-1, image.shape[-1]).std(axis=0, dtype=np.float32).max()
            blank[int(row)] = float(spread), reason.removeprefix("blank (").removesuffix(")")
    return np.array([row for row in distinct if int(row) not in blank], np.int64), blank


def _group_findings(
    image_set: ImageSet, groups: np.ndarray, blank: set[int], repeats: int, links: dict[int, Link]
) -> list[Finding]:
    """What is wrong with the images that show one picture."""
    found = []
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if len(members) == 1 or not len(members) or int(members[0]) in blank:
            continue
        labels = np.unique(image_set.labels[members])
        if len(members) >= repeats:
            found += [Finding(int(row), "repeated picture", len(members), f"{len(members)} times") for row in members]
        elif len(labels) > 1:
            names = ", ".join(image_set.class_names[label] for label in labels)
            kind = "same picture under several labels"
            found += [Finding(int(row), kind, len(labels), names) for row in members]
        else:
            found += _copies(image_set, members, links)
    return found


def _copies(image_set: ImageSet, members: np.ndarray, links: dict[int, Link]) -> list[Finding]:
    """All but the first."""
    kept = int(members[0])
    first_of: dict[str, int] = {}
    found = []
    for row in map(int, members):
        first_of.setdefault(image_set.ids[row], row)
        if row == kept:
            continue
        if image_set.ids[row] == image_set.ids[kept]:
            found.append(Finding(row, "exact duplicate", 1.0, twin=kept))
        else:  # the first of these pixels has the link
            link = links.get(first_of[image_set.ids[row]]) or links.get(kept) or Link(1.0, "")
            found.append(Finding(row, "near duplicate", link.score, link.how, kept))
    return found


def _off_topic(rows: np.ndarray, colours: np.ndarray, features: np.ndarray | None) -> list[Finding]:
    """By colours and grain, and by the embedding where there is one."""
    scores = {"by colours and grain": outlier_scores(colours)}
    if features is not None:
        scores["by embedding"] = outlier_scores(features)
    found = []
    for place in np.flatnonzero(np.max(list(scores.values()), axis=0) > FAR):
        how, score = max(((how, float(of[place])) for how, of in scores.items()), key=lambda pair: pair[1])
        found.append(Finding(int(rows[place]), "off topic", score, how))
    return found
