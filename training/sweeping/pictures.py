"""Pictures of a sweep: clean against shifted scores, the history of a search, the importance of its fields."""

from pathlib import Path
from typing import Any

from submission.kit.files import atomic_path

CLEAN_AND_SHIFTED, HISTORY, IMPORTANCE = "clean_and_shifted.png", "history.png", "importance.png"
BLUE, ORANGE, GREY = "#1f5fa8", "#d9822b", "#8a8f98"


def write_pictures(folder: Path, results: dict[str, Any]) -> list[str]:
    """Write what can be drawn, remove what cannot be any more; returns the names of the files.

    Args:
        folder: of the sweep.
        results: what sweep.json holds.
    """
    from matplotlib.figure import Figure

    drawn = []
    for name, draw, width, height in (
        (CLEAN_AND_SHIFTED, _clean_and_shifted, 5.2, 4.6),
        (HISTORY, _history, 6.4, 4.0),
        (IMPORTANCE, _importance, 6.4, 3.2),
    ):
        figure = Figure(figsize=(width, height), layout="constrained")
        if not draw(figure.subplots(), results):
            (folder / name).unlink(missing_ok=True)
            continue
        with atomic_path(folder / name) as new:
            figure.savefig(new, dpi=120)
        drawn.append(name)
    return drawn


def _clean_and_shifted(axes: Any, results: dict[str, Any]) -> bool:
    rows = [row for row in results["rows"] if None not in (row["clean"], row["shifted"])]
    if len(rows) < 2:
        return False
    axes.scatter([row["clean"] for row in rows], [row["shifted"] for row in rows], s=22, color=BLUE, alpha=0.7)
    best = max(rows, key=lambda row: row["shifted"])
    cleanest = max(rows, key=lambda row: row["clean"])
    for row, colour, name in ((cleanest, GREY, "best clean"), (best, ORANGE, "best shifted")):
        axes.scatter(
            [row["clean"]], [row["shifted"]], s=70, color=colour, label=f"{name}: {row['shifted']:.3f} shifted"
        )
    rank = results["rank_correlation"]
    axes.set_title(f"{len(rows)} runs" + ("" if rank is None else f", rank correlation {rank:.2f}"), fontsize=11)
    axes.set_xlabel("accuracy, clean select part")
    axes.set_ylabel("accuracy, shifted (an2dl) select part")
    axes.legend(fontsize=8, frameon=False)
    _plain(axes)
    return True


def _history(axes: Any, results: dict[str, Any]) -> bool:
    if results["kind"] != "search":
        return False
    done = [row for row in results["rows"] if row["shifted"] is not None]
    pruned = [row for row in results["rows"] if row["state"] == "pruned" and row["last_shifted"] is not None]
    if not done:
        return False
    axes.scatter([r["number"] for r in done], [r["shifted"] for r in done], s=22, color=BLUE, label="trained")
    if pruned:
        numbers, scores = [r["number"] for r in pruned], [r["last_shifted"] for r in pruned]
        axes.scatter(numbers, scores, s=22, marker="x", color=GREY, label="pruned, last epoch")
    best, steps = 0.0, []
    for row in done:
        best = max(best, row["shifted"])
        steps.append(best)
    axes.step([row["number"] for row in done], steps, where="post", color=ORANGE, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel("accuracy, shifted (an2dl) select part")
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)  # points are anywhere
    axes.xaxis.get_major_locator().set_params(integer=True)
    _plain(axes)
    return True


def _importance(axes: Any, results: dict[str, Any]) -> bool:
    shares = results["importance"]
    if not shares:
        return False
    names = list(reversed(shares))
    bars = axes.barh(names, [shares[name] for name in names], color=BLUE)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axes.set_xlim(0, 1.12 * max(shares.values()) or 1)
    axes.set_xlabel("share of the differences in shifted accuracy (fANOVA)")
    _plain(axes)
    return True


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
