"""A contest of 240 synthetic cells at 32 px, cleaned and split, made once for all tests that ask for it."""

from pathlib import Path

from local_eval.suites import main as suites
from training.clean import main as clean
from training.data.__main__ import main as data
from training.split import main as split

# a training of two epochs that takes seconds
TINY = ["epochs=2", "batch_size=24", "warmup_epochs=0.5"]


def make_contest(artifacts: Path) -> Path:
    """Run data, clean, split and suites into a folder; returns it."""
    where = ["--artifacts", str(artifacts)]
    assert data([*where, "--images", "240", "--size", "32"]) == 0
    assert clean(where) == 0
    assert split([*where, "--folds", "3", "--holdout", "0.3"]) == 0
    assert suites([*where, "--suite", "clean", "--suite", "an2dl"]) == 0
    return artifacts
