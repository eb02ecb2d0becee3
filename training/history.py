"""history.jsonl of a run: a line an epoch."""

import json
import math
import os
from pathlib import Path
from typing import Any

from submission.kit.files import write_text


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Add an epoch; on the disk when this returns."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def keep_lines(path: Path, count: int) -> None:
    """Drop the lines of epochs after the checkpoint: a kill came between the two."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    write_text(path, "".join(lines[:count]))


def selection_loss(line: dict[str, Any]) -> float:
    """What an epoch is chosen by: the mean of its two validation losses; infinite where there are none."""
    losses = [line.get("val_log_loss", math.inf), line.get("val_aug_log_loss", math.inf)]
    return sum(losses) / 2


def best_line(history: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of the epoch whose weights are a run's result."""
    return min(history, key=selection_loss)
