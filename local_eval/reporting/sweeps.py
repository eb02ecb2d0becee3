"""What the report shows of sweeps: the files that they left in A/sweeps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submission.kit.files import read_json

from .pictures import png_uri

MOST_ROWS = 10
_ALTS = {
    "clean_and_shifted.png": "clean accuracy against shifted accuracy of its runs",
    "history.png": "history of the search, its best score so far",
    "importance.png": "importance of each field",
}


def read_sweeps(folder: Path) -> list[dict[str, Any]]:
    """The results of every sweep, by name, each with its "folder".

    Args:
        folder: A/sweeps; may be missing.

    Raises:
        KitError: a sweep.json is damaged.
    """
    return [
        {**read_json(path, f"make sweep SWEEP={path.parent.name}"), "folder": path.parent}
        for path in sorted(folder.glob("*/sweep.json"))
    ]


def sweeps_section(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the page shows of each sweep: its pictures, and its best runs with their places by either score.

    Args:
        found: of `read_sweeps`.
    """
    return [_shown(one) for one in found]


def _shown(sweep: Mapping[str, Any]) -> dict[str, Any]:
    scored = [row for row in sweep["rows"] if None not in (row["clean"], row["shifted"])]
    by_shifted, by_clean = _places(scored, "shifted"), _places(scored, "clean")
    rows = [
        {
            **row,
            "told": ", ".join(f"{key}={_short(value)}" for key, value in row["fields"].items()) or "-",
            "shifted_place": by_shifted[row["run"]],
            "clean_place": by_clean[row["run"]],
        }
        for row in sorted(scored, key=lambda row: by_shifted[row["run"]])
    ]
    return {
        "name": sweep["name"],
        "kind": sweep["kind"],
        "counts": ", ".join(f"{count} {state}" for state, count in sweep["counts"].items()) or "no runs",
        "rank_correlation": sweep["rank_correlation"],
        "rows": rows[:MOST_ROWS],
        "left_out": max(0, len(rows) - MOST_ROWS),
        "cleanest": next((row for row in rows if row["clean_place"] == 1), None),
        "importance": dict(sorted((sweep["importance"] or {}).items(), key=lambda item: -item[1])),
        "figures": [
            {
                "name": name,
                "uri": png_uri(sweep["folder"] / name),
                "alt": f"Sweep {sweep['name']}: {_ALTS.get(name, name)}.",
                "caption": "",
            }
            for name in sweep["pictures"]
            if (sweep["folder"] / name).exists()
        ],
    }


def _places(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, int]:
    """The place of each run by a score, 1 for the best; equal scores share one."""
    values = [row[key] for row in rows]
    return {row["run"]: 1 + sum(value > row[key] for value in values) for row in rows}


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
