"""A suite with and without the operations that training has met, too: those flatter the score."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..judged import Judged
from .alike import trained_alike
from .numbers import Share, share_of


@dataclass(frozen=True)
class Overlap:
    """marks: operation of the suite -> operations of the policies that are alike. whole: all images; without: those
    with no marked operation; only: those with one."""

    marks: dict[str, list[str]]
    whole: Share
    without: Share
    only: Share


def overlap(suite: str, run: Judged, operations: Sequence[tuple[str, ...]], vocabulary: Collection[str]) -> Overlap:
    """Of one suite.

    Args:
        suite: its name.
        run: N images.
        operations: N tuples of names.
        vocabulary: of the policies together.
    """
    marks = trained_alike(suite, sorted({name for names in operations for name in names}), vocabulary)
    right = run.predictions == run.images.labels
    met = [any(name in marks for name in names) for names in operations]
    chosen = {True: [], False: []}  # type: dict[bool, list[int]]
    for number, one in enumerate(met):
        chosen[one].append(number)
    return Overlap(
        marks, share_of("all", right), share_of("without", right[chosen[False]]), share_of("only", right[chosen[True]])
    )


def policies_of(manifest: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the zip says of its members' training.

    Args:
        manifest: the zip's; {} for a zip of another kit.

    Returns:
        Member -> {"name", "operations"}, and the members of which nothing is known.
    """
    told = manifest.get("policies")
    told = told if isinstance(told, Mapping) else {}
    members = [str(member["name"]) for member in manifest.get("members", [])]
    known = {name: dict(told[name]) for name in members if _is_policy(told.get(name))}
    return known, [name for name in members if name not in known]


def _is_policy(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value and isinstance(value.get("operations"), list)
