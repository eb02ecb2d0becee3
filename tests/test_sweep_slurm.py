"""The Slurm executor on submitit's local one: processes in place of a queue."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("submitit", reason="needs requirements-slurm.txt")

from fake_training import begun, make_work

from submission.kit.errors import KitError
from training.sweeping.drive import Drive
from training.sweeping.executor import make_executor
from training.sweeping.source import Grid

ROOT = Path(__file__).parents[1]


@pytest.fixture
def executor(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
    made = make_executor("slurm", folder=tmp_path / "slurm", jobs=3, cluster="local")
    yield made
    made.close()


def test_runs_end_as_they_do_locally(tmp_path, executor):
    runs = tmp_path / "runs"
    works = [
        make_work(runs, "fine", ("clean", "an2dl"), value=0.25),
        make_work(runs, "error", end="error"),
        make_work(runs, "killed", end="killed once", epochs=2),
    ]
    done = Drive(Grid(works), executor, tmp_path, module="fake_training").work_off()
    assert {work.run.name: (outcome.state, outcome.error) for work, outcome in done.outcomes} == {
        "fine": ("trained", ""),
        "error": ("failed", "expected better. Received: worse."),
        "killed": ("trained", ""),
    }
    assert [begun(work.run.path) for work in works] == [1, 1, 2]
    assert works[0].run.metrics() == {"select": {"an2dl": 0.25, "clean": 0.9375}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "executor slurm: .*srun.* Log in to a machine with Slurm's commands"),
        ({"settings": ["timeout_min"]}, "--slurm takes NAME=VALUE, such as timeout_min=240. Received: 'timeout_min'"),
        ({"settings": ["walltime=3"], "cluster": "local"}, "executor slurm: .*walltime"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, options, message):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    with pytest.raises(KitError, match=message):
        make_executor("slurm", folder=tmp_path, **options)
