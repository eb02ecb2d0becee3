"""Real trainings on a Ray cluster that loses a node: the weights of the local executor, bit for bit."""

import shutil
import threading
import time

import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("grpc", reason="needs requirements-ray.txt")
pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

import numpy as np
from small_ray import small_cluster
from test_sweep_train import arrays
from tiny_contest import make_contest

from training.runs import list_runs
from training.sweep import main as sweep
from training.sweeping import on_ray
from training.sweeping.node_job import Pace

FIELDS = "{'epochs': [3], 'batch_size': [24], 'warmup_epochs': [0.5], 'policy': ['flips']}"


@pytest.mark.slow
def test_weights_are_those_of_the_local_executor(tmp_path, monkeypatch, capsys):
    here, there = make_contest(tmp_path / "here"), tmp_path / "there"
    shutil.copytree(here, there)
    (tmp_path / "two.py").write_text(
        f"from training.sweeping import Sweep\nSWEEP = Sweep(folds=[0, 1], fields={FIELDS})\n"
    )
    command = ["--sweep", str(tmp_path / "two.py"), "--threads", "1"]
    assert sweep(["--artifacts", str(here), *command, "--jobs", "1"]) == 0

    monkeypatch.setattr(on_ray, "Pace", lambda: Pace(beat_s=0.5, lease_s=3, sync_s=0.5))
    killed = []
    with small_cluster(tmp_path, nodes=3) as cluster:

        def kill_in_the_middle():
            while not killed:
                time.sleep(0.02)
                for number in range(3):
                    histories = list(tmp_path.glob(f"node{number}/*/runs/*/history.jsonl"))
                    if not killed and histories and histories[0].stat().st_size:
                        killed.append(number)
                        time.sleep(1)  # an archive of the first epoch is on its way
                        cluster.kill(number)

        thread = threading.Thread(target=kill_in_the_middle, daemon=True)
        thread.start()
        on_cluster = ["--executor", "ray", "--address", cluster.address, "--storage", str(tmp_path / "storage")]
        capsys.readouterr()
        assert sweep(["--artifacts", str(there), *command, *on_cluster]) == 0
        assert "sweep two: 2 trained" in capsys.readouterr().out
        assert sweep(["--artifacts", str(there), *command, *on_cluster]) == 0
        assert "sweep two: 2 up to date" in capsys.readouterr().out
    assert killed
    ours, theirs = list_runs(here / "runs"), list_runs(there / "runs")
    assert [run.name for run in ours] == [run.name for run in theirs] and len(ours) == 2
    for mine, other in zip(ours, theirs, strict=True):
        left, right = (arrays(run.path / "best.weights.h5") for run in (mine, other))
        assert left.keys() == right.keys() and left
        assert all(np.array_equal(left[name], right[name]) for name in left)
        assert mine.metrics() == other.metrics() and other.is_done
        assert [line["loss"] for line in mine.history()] == [line["loss"] for line in other.history()]
