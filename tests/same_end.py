"""What two trainings must share that are to be one and the same."""

import json
from pathlib import Path

import numpy as np


def assert_same_end(one_dir: Path, other_dir: Path) -> None:
    """The same history but for the seconds, and the same variables, bit for bit."""
    times = dict.fromkeys(("seconds", "train_seconds", "train_cpu_seconds"), 0)
    histories = [(path / "history.jsonl").read_text().splitlines() for path in (one_dir, other_dir)]
    lines = [[json.loads(line) | times for line in history] for history in histories]
    assert lines[0] == lines[1]
    with np.load(one_dir / "last.state.npz") as one, np.load(other_dir / "last.state.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
