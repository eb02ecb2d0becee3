"""Leaderboard scores in the ledger, and what the local judge had said of the same zips."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import sha256_file

from .forecasting.evidence import Evidence
from .forecasting.posterior import Entry
from .forecasting.severity import Shift
from .ledger import append_record, read_records

FEWEST_DIGITS = 6  # of a sha256


@dataclass(frozen=True)
class LeaderboardScore:
    """A zip's score in [0, 1] on the platform, in a phase; zip: its file's name, "" where the ledger has none."""

    sha256: str
    score: float
    phase: str
    zip: str


def add_score(artifacts: Path, sha256: str, score: float, phase: str, replace: bool = False) -> str:
    """Append a leaderboard score to A/ledger.jsonl.

    Args:
        artifacts: A.
        sha256: of a zip that was judged or packaged here; a unique beginning of 6 digits or more will do.
        score: the accuracy on the leaderboard, in [0, 1].
        phase: any name for it, such as development.
        replace: the zip has another score in this phase, and it was wrong.

    Returns:
        One line that says what was done.

    Raises:
        KitError: no such zip, several of them, a score out of range, an empty phase, or another score before.
    """
    ledger = artifacts / "ledger.jsonl"
    phase = phase.strip()
    if not phase:
        raise KitError("expected a name of the phase, such as development. Received: an empty one.")
    if not (math.isfinite(score) and 0 <= score <= 1):
        hint = f" As a share that is {score / 100:g}." if 1 < score <= 100 else ""
        raise KitError(f"expected a leaderboard score from 0 to 1. Received: {score:g}.{hint}")
    records = read_records(ledger)[0]
    whole, name = _find_zip(artifacts, records, sha256)
    before = [one for one in leaderboard_scores(records) if (one.sha256, one.phase) == (whole, phase)]
    if before and before[0].score == score:
        return f"ledger: {name} had {score:g} in phase {phase} before; nothing was added."
    if before and not replace:
        raise KitError(
            f"expected one score a zip and phase. Received: {score:g} for {name} ({whole[:8]}) in phase {phase}, which "
            f"has {before[0].score:g}. Add --replace if that was wrong."
        )
    append_record(ledger, {"kind": "leaderboard", "sha256": whole, "zip": name, "score": score, "phase": phase})
    total = len(leaderboard_scores(read_records(ledger)[0]))
    return f"ledger: {name} ({whole[:8]}) scored {score:g} in phase {phase}; {total} leaderboard scores in {ledger}."


def describe_ledger(artifacts: Path) -> str:
    """A/ledger.jsonl as text: a line a zip, its accuracy a suite and its score a phase; then what is damaged."""
    ledger = artifacts / "ledger.jsonl"
    records, damaged = read_records(ledger)
    evidence, scores = judged_evidence(records), leaderboard_scores(records)
    names = {str(one["sha256"]): str(one.get("zip", "")) for one in records if isinstance(one.get("sha256"), str)}
    lines = []
    for sha256, name in names.items():
        told = [f"{suite} {one.accuracy:.4f}" for suite, one in sorted(evidence.get(sha256, {}).items())]
        told += [f"leaderboard {one.phase} {one.score:.4f}" for one in scores if one.sha256 == sha256]
        lines.append(f"{sha256[:8]} {name}: {', '.join(told) or 'no finished run'}")
    lines.append(f"{len(names)} zips, {len(scores)} leaderboard scores in {ledger}")
    if damaged:
        lines[-1] += f"; {damaged} damaged lines passed over, as a kill in the middle of a write leaves them"
    return "\n".join(lines)


def leaderboard_scores(records: Iterable[Mapping[str, Any]]) -> list[LeaderboardScore]:
    """What was added by hand or came back from a submission, one a zip and phase: the last one counts."""
    found: dict[tuple[str, str], LeaderboardScore] = {}
    for record in records:
        score = _score_of(record)
        sha256, phase = record.get("sha256"), record.get("phase")
        if score is not None and isinstance(sha256, str) and phase is not None:
            key = (sha256, str(phase))
            found.pop(key, None)
            found[key] = LeaderboardScore(sha256, score, str(phase), str(record.get("zip", "")))
    return list(found.values())


def judged_evidence(
    records: Iterable[Mapping[str, Any]], prints: Mapping[str, str] | None = None
) -> dict[str, dict[str, Evidence]]:
    """sha256 -> suite -> the last finished full run on the suite's judge part.

    Args:
        records: of the ledger.
        prints: suite -> fingerprint of the images that it has now: runs on other images are left out, and so are those
            of before fingerprints were kept. None takes all.
    """
    found: dict[str, dict[str, Evidence]] = {}
    for record in records:
        if record.get("part") != "judge" or record.get("limit_images") is not None:
            continue
        if prints is not None and record.get("fingerprint") != prints.get(str(record.get("suite")), ""):
            continue
        try:
            suite, sha256 = str(record["suite"]), str(record["sha256"])
            found.setdefault(sha256, {}).pop(suite, None)  # a later failure takes the score away
            if record["status"] == "Finished":
                one = Evidence(suite, float(record["scores"]["accuracy"]), int(record["images"]), _strengths(record))
                found[sha256][suite] = one
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return {sha256: suites for sha256, suites in found.items() if suites}


def regression_entries(
    records: Sequence[Mapping[str, Any]],
    prints: Mapping[str, str],
    known: Mapping[str, Mapping[str, Evidence]] | None = None,
) -> tuple[list[Entry], list[LeaderboardScore]]:
    """The leaderboard scores of zips that were judged on these images, and those of all others.

    Args:
        records: of the ledger.
        prints: suite -> fingerprint of its images.
        known: sha256 -> evidence on them that does not hang on the ledger.
    """
    evidence = {**judged_evidence(records, prints), **(known or {})}
    scores = leaderboard_scores(records)
    entries = [Entry(one.score, one.phase, evidence[one.sha256]) for one in scores if one.sha256 in evidence]
    return entries, [one for one in scores if one.sha256 not in evidence]


def others_judged(
    records: Sequence[Mapping[str, Any]], sha256: str, prints: Mapping[str, str]
) -> dict[str, list[float]]:
    """suite -> accuracies of the other zips that were judged on these images of it (fingerprints)."""
    evidence = judged_evidence(records, prints)
    return {
        suite: [suites[suite].accuracy for other, suites in evidence.items() if other != sha256 and suite in suites]
        for suite in prints
    }


def _strengths(record: Mapping[str, Any]) -> dict[str, Shift]:
    """What the line says of them; lines of before they were kept have none."""
    return {str(name): Shift(float(value), float(sd)) for name, (value, sd) in record.get("strengths", {}).items()}


def _score_of(record: Mapping[str, Any]) -> float | None:
    """Of a line added by hand, or of a submission that finished: its accuracy, or its only score."""
    if record.get("kind") == "leaderboard":
        value = record.get("score")
    elif "submission" in record and record.get("status") == "Finished" and isinstance(record.get("scores"), dict):
        scores = record["scores"]
        value = scores.get("accuracy", next(iter(scores.values())) if len(scores) == 1 else None)
    else:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        return None
    return float(value)


def _find_zip(artifacts: Path, records: Iterable[Mapping[str, Any]], sha256: str) -> tuple[str, str]:
    """The whole sha256 and the file's name."""
    start = sha256.strip().lower()
    if not re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", start):
        raise KitError(
            f"expected a zip's sha256, or a beginning of {FEWEST_DIGITS} hex digits or more. Received: {sha256!r}."
        )
    known = {str(one["sha256"]): str(one.get("zip", "")) for one in records if isinstance(one.get("sha256"), str)}
    for path in sorted(artifacts.glob("submissions/*.zip")):
        known.setdefault(sha256_file(path), path.name)
    found = [(whole, name) for whole, name in known.items() if whole.startswith(start)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{whole[:16]} ({name})" for whole, name in found)
        raise KitError(f"expected one zip. Received: {sha256}, with which {len(found)} begin: {listed}.")
    listed = ", ".join(f"{whole[:8]} ({name})" for whole, name in list(known.items())[-8:]) or "none"
    raise KitError(
        f"expected a zip that was judged or packaged in {artifacts}. Received: {sha256}, of none. Known: {listed}."
        f" Run `python -m local_eval.score --artifacts {artifacts} --zip FILE.zip` first."
    )
