"""What adapting to the images would have gained or lost, from adaptation.json: lines of the report's tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METHODS = {
    "prior": "Class shares, by EM",
    "batch_norm": "Batch-norm statistics",
}
KINDS = {
    "suite": "as judged",
    "shares": "other class shares",
    "single": "clean images, all altered alike",
}


@dataclass(frozen=True)
class Trial:
    """One line: sets of a kind that belong together.

    name: of the suite or operation; kind: of `KINDS`; n: images a set; before: mean accuracy without; forced, guarded:
    changes of the accuracy of each set, without and with the guard; reasons: why the guard refused some.
    """

    name: str
    kind: str
    n: int
    before: float
    forced: list[float]
    guarded: list[float]
    reasons: list[str]

    @property
    def mean_forced(self) -> float:
        return sum(self.forced) / len(self.forced)

    @property
    def mean_guarded(self) -> float:
        return sum(self.guarded) / len(self.guarded)

    @property
    def guard(self) -> str:
        """What it said."""
        taken = len(self.forced) - len(self.reasons)
        if len(self.forced) == 1:
            return "let it" if taken else "refused"
        return f"let {taken} of {len(self.forced)}"


def trials(value: Mapping[str, Any] | None) -> dict[str, list[Trial]]:
    """Method -> its lines, in the order of the file; draws of other class shares from one suite are one line.

    Args:
        value: what adaptation.json holds, None for nothing.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in (value or {}).get("rows", []):
        name = row["set"].split(", shares ")[0] if row["kind"] == "shares" else row["set"].removeprefix("all ")
        groups.setdefault((row["method"], row["kind"], name), []).append(row)
    found: dict[str, list[Trial]] = {method: [] for method in METHODS}
    for kind in KINDS:
        for (method, of_kind, name), rows in groups.items():
            if of_kind == kind:
                found[method].append(_trial(name, kind, rows))
    return {METHODS[method]: lines for method, lines in found.items() if lines}


def adaptation_section(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """The page's variables."""
    found = trials(value)
    return {
        "adaptation": found,
        "adaptation_kinds": KINDS,
        "adaptation_notes": (value or {}).get("notes", []),
        "adaptation_sums": {method: _sums(lines) for method, lines in found.items()},
    }


def _trial(name: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> Trial:
    return Trial(
        name,
        kind,
        round(sum(row["n"] for row in rows) / len(rows)),
        sum(row["before"] for row in rows) / len(rows),
        [row["forced"] - row["before"] for row in rows],
        [row["guarded"] - row["before"] for row in rows],
        [row["refusal"] for row in rows if row["refusal"]],
    )


def _sums(lines: Sequence[Trial]) -> list[tuple[str, int, float, float, float, float]]:
    """Of each kind: its name, the number of sets; mean and least change without the guard, and with it."""
    sums = []
    for kind, told in KINDS.items():
        forced = [change for line in lines if line.kind == kind for change in line.forced]
        guarded = [change for line in lines if line.kind == kind for change in line.guarded]
        if forced:
            means = sum(forced) / len(forced), sum(guarded) / len(guarded)
            sums.append((told, len(forced), means[0], min(forced), means[1], min(guarded)))
    return sums
