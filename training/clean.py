"""Find duplicates, jokes, intruders and label errors, and drop what is surely too much: `python -m training.clean`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.tuning import tunes

from .cleaning.edits import MADE, read_edits, with_edits
from .cleaning.findings import write_findings
from .cleaning.gallery import write_gallery
from .cleaning.kinds import dropped_kinds, kind_of
from .cleaning.near import MAX_BITS
from .cleaning.same_picture import SAME
from .cleaning.sheet import write_sheet
from .cleaning.table import CleanTable, read_clean, write_clean
from .cleaning.verdicts import Verdicts, judge_images
from .paging import paged

ALL_RUNS = "all"


@dataclass(frozen=True)
class Settings:
    """What decides the table but the images and the hand.

    repeats: a picture found so often is a joke; drop: kinds dropped beside those of the default; embed: as `--embed`
    takes it, or ""; labels: names of runs with commas between, "all", or "" to look for no label errors.
    """

    repeats: int = 5
    drop: str = ""
    embed: str = ""
    labels: str = ""


def summary(table: CleanTable, verdicts: Verdicts, settings: Settings) -> dict[str, Any]:
    """Counts for summary.json: images, kept, dropped by kind, reported but kept by kind, and the rules' settings."""
    dropped = Counter(kind_of(reason) for reason, keep in zip(table.reasons, table.keep, strict=True) if not keep)
    reported = Counter(one.kind for one in verdicts.findings if table.keep[one.row])
    return {
        "images": len(table),
        "kept": int(table.keep.sum()),
        "dropped": dict(sorted(dropped.items())),
        "reported": dict(sorted(reported.items())),
        "rules": {"phash_max_bits": MAX_BITS, "min_similarity": SAME, **asdict(settings)},
    }


def recorded(path: Path) -> Settings:
    """The settings by which a table was made; those of the default where none are written."""
    if not path.exists():
        return Settings()
    rules = read_json(path, "python -m training.clean --force").get("rules", {})
    return Settings(**{key: rules[key] for key in asdict(Settings()) if key in rules})


@tunes
def clean(image_set: ImageSet, settings: Settings, artifacts: Path) -> tuple[Verdicts, str]:
    """Apply all rules that the settings ask for.

    Returns:
        The verdicts, and a remark on how twins and label errors were found, or "".
    """
    embedder = None
    if settings.embed:
        from .cleaning.embed import open_embedder

        embedder = open_embedder(settings.embed, artifacts, image_set)
    runs = []
    if settings.labels:  # before the long part: it may be impossible
        from .cleaning.label_errors import label_errors, trained_runs

        names = [] if settings.labels == ALL_RUNS else settings.labels.split(",")
        runs = trained_runs(artifacts, names)
    verdicts = judge_images(image_set, settings.repeats, embedder)
    if not settings.labels:
        return verdicts, verdicts.remark
    drops = dropped_kinds("off_topic")  # an intruder has no right label
    rows = np.flatnonzero(verdicts.table(image_set, drops).keep)
    found, told = label_errors(image_set, rows, runs)
    remarks = [verdicts.remark, f"label errors by {told}"]
    return verdicts.with_more(found), "; ".join(filter(None, remarks))


def _is_of(path: Path, image_set: ImageSet, anew: str) -> bool:
    """Whether a clean.csv has the image set's ids in their order; False if it has none of them.

    Args:
        anew: the command that makes it anew; it is named in the error.

    Raises:
        KitError: it cannot be read, or has only some of the ids: it may hold edits by hand, so it is not replaced.
    """
    table = read_clean(path, anew)
    difference = table.first_difference(image_set.ids)
    if difference and np.isin(table.ids, image_set.ids).any():
        raise KitError(
            f"{path}, {difference} Correct the line, or move the file away, or make it anew without your edits: "
            f"`{anew}`."
        )
    return not difference


def _put_aside(path: Path) -> Path:
    """Rename a file to the first of NAME.old, NAME.old2, NAME.old3 ... that is free; return where it is."""
    old, number = path.with_name(f"{path.name}.old"), 2
    while old.exists():
        old, number = path.with_name(f"{path.name}.old{number}"), number + 1
    return path.rename(old)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.clean",
        description="Decide for each image of A/data whether it is kept: A/clean/clean.csv, which may be edited by "
        "hand; findings.csv and gallery.html show all that was noticed. Options left out are those of the last time.",
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument("--repeats", type=int, help="a picture found so often is dropped wholly (default: 5)")
    parser.add_argument("--drop", metavar="KIND,KIND", help="also drop off_topic, dark, light, blurry, odd_size ...")
    parser.add_argument(
        "--embed", metavar="RUN|BACKBONE:FILE", help="find twins and off-topic images by this net's features, too"
    )
    parser.add_argument(
        "--labels", nargs="*", metavar="RUN", help="find label errors by these trained runs; without a name: by all"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the counts, write nothing")
    parser.add_argument("--force", action="store_true", help="make clean.csv anew, over edits by hand")
    return parser.parse_args(argv)


def _settings(options: argparse.Namespace, before: Settings) -> Settings:
    given = {key: value for key in ("repeats", "drop", "embed") if (value := getattr(options, key)) is not None}
    if options.labels is not None:
        given["labels"] = ",".join(options.labels) or ALL_RUNS
    settings = replace(before, **given)
    if settings.repeats < 2:
        raise KitError(f"--repeats must be at least 2. Received: {settings.repeats}")
    dropped_kinds(settings.drop)
    return settings


def main(argv: Sequence[str] | None = None) -> int:
    options = _parse(argv)
    artifacts = options.artifacts
    image_set = paged(open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}"))
    path = artifacts / "clean" / "clean.csv"
    before = recorded(path.with_name("summary.json")) if path.exists() and not options.force else Settings()
    settings = _settings(options, before)
    exists, of_others, edits = path.exists(), False, None
    anew = f"python -m training.clean --artifacts {artifacts} --force"
    if exists and not options.force:
        of_others = not _is_of(path, image_set, anew)
        if not of_others and settings == before and options.labels is None and not options.dry_run:
            print(f"{path}: up to date: kept as it is (edit keep by hand; --force makes it anew)")
            return 0
        if not of_others and not options.dry_run:
            edits = read_edits(path, anew)

    drops = dropped_kinds(settings.drop)
    verdicts, remark = clean(image_set, settings, artifacts)
    made = verdicts.table(image_set, drops)
    table = with_edits(made, *edits) if edits is not None else made
    counts = summary(table, verdicts, settings)
    line = _line(counts)
    if options.dry_run:
        print("; ".join(text for text in (f"dry run, nothing written: {line}", remark) if text))
        return 0
    if exists:
        told = " (made anew)"
        if of_others:
            told = f" (made anew: the old one was of other images, it is now {_put_aside(path)})"
        elif edits is not None and edits[1].any():
            told = f" (made anew, with {int(edits[1].sum())} lines as they were edited by hand)"
    else:
        told = ""
    write_sheet(path.with_name("dropped.png"), image_set, table)
    write_findings(path.with_name("findings.csv"), image_set, verdicts.findings, drops)
    write_gallery(path.with_name("gallery.html"), image_set, table, verdicts.findings, remark)
    write_json(path.with_name("summary.json"), counts)
    write_clean(path.with_name(MADE), made)
    write_clean(path, table)  # last: its presence says that all is there
    print("; ".join(t for t in (f"{path}{told}: {line}", remark, f"look at {path.with_name('gallery.html')}") if t))
    return 0


def _line(counts: dict[str, Any]) -> str:
    def told(of: dict[str, int]) -> str:
        return ", ".join(f"{kind} {count}" for kind, count in of.items()) or "none"

    line = f"{counts['kept']} of {counts['images']} images kept; dropped: {told(counts['dropped'])}"
    return f"{line}; reported, not dropped: {told(counts['reported'])}" if counts["reported"] else line


if __name__ == "__main__":
    run_main(main)
