"""What is written here of runs that train on nodes, without a cluster."""

import json

import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("grpc", reason="needs requirements-ray.txt")
pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

from training.loop import CHECKPOINT
from training.runs import Run
from training.sweeping.executor import Job
from training.sweeping.node_job import NodeJob
from training.sweeping.on_ray import RayExecutor
from training.sweeping.resources import Demands, Resources
from training.sweeping.storage import Storage, new_attempt


def lines(count):
    return [{"epoch": number + 1} for number in range(count)]


def write_run(folder, epochs, checkpoint):
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines(epochs)))
    (folder / CHECKPOINT).write_text(checkpoint)
    return Run(folder, {})


def test_epochs_that_are_only_told_do_not_replace_an_archive(tmp_path):
    """A node was lost two epochs after its last archive; the history here had all of them, for who looks at it."""
    storage, attempt = Storage(str(tmp_path / "storage")), new_attempt()
    run = write_run(tmp_path / "A/runs/r", 2, "mine")
    archive = storage.put_run(write_run(tmp_path / "node/r", 5, "theirs").path, attempt, done=False, epochs=5)
    storage.beat("r", attempt, 1, lines(7))
    executor = RayExecutor(tmp_path / "A", Demands(), storage=storage)
    job = Job("r", "fake_training", [], run.path / "log.txt", "kind", watched=True)
    executor.running["r"] = (None, job, NodeJob("r", "", (), "", "", {}, run="r", attempt=attempt), Resources(1, 0, 0))
    executor._mirror()
    assert len(run.history()) == 7
    executor._bring(run, new_attempt())
    assert storage.latest_of("r") == archive
    executor._fetch(run.path, archive)
    assert len(run.history()) == 5 and (run.path / CHECKPOINT).read_text() == "theirs"
    with open(run.path / "history.jsonl", "a") as file:  # trained here since
        file.write('{"epoch": 6}\n')
    executor._bring(run, new_attempt())
    assert storage.latest_of("r").startswith("000006-")
