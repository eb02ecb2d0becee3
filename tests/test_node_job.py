"""What a node of a cluster does with a job, without a cluster: fetch, work, bring away, make way for others."""

import json
import os
import shutil
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

from fake_training import begun, make_work

from submission.kit.errors import KitError
from training.history import append_line
from training.run_lock import locked
from training.runs import create_run, open_run
from training.sweeping.node_job import FOLDER, NodeJob, Pace, run_on_node
from training.sweeping.place import PLACE, here, portable
from training.sweeping.storage import Storage, new_attempt

ROOT = Path(__file__).parents[1]


@pytest.fixture
def storage(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
    monkeypatch.setenv(FOLDER, str(tmp_path / "node"))
    (tmp_path / "A" / "split").mkdir(parents=True)
    (tmp_path / "A" / "split" / "folds.csv").write_text("index,id\n")
    return Storage(str(tmp_path / "storage"))


def make_job(storage: Storage, artifacts: Path, **told) -> NodeJob:
    work = make_work(Path(PLACE) / "runs", "r", ("clean", "an2dl"), **told)
    return NodeJob(
        name="r",
        module="fake_training",
        argv=(*work.unit.argv(Path(PLACE)), "--select", *work.suites),
        log=f"{PLACE}/runs/r/log.txt",
        artifacts=str(artifacts),
        environment={"OMP_NUM_THREADS": "1"},
        storage=storage.url,
        files_in={f"{PLACE}/runs/r/config.json": json.dumps(work.run.config)},
        inputs=tuple(storage.put_inputs(artifacts)),
        inputs_digest="inputs",
        run="r",
        attempt=new_attempt(),
        preload=("fake_training",),
        pace=Pace(beat_s=0.1, lease_s=0.6, sync_s=0.1),
    )


def test_a_run_is_brought_away_and_leaves_nothing(tmp_path, storage):
    end = run_on_node(make_job(storage, tmp_path / "A", epochs=2))
    assert (end.ended.code, end.stop, end.held) == (0, "", False)
    assert end.archive == storage.latest_of("r") and end.archive.startswith("done-") and storage.alive("r") == {}
    assert (tmp_path / "node/inputs/split/folds.csv").read_text() == "index,id\n"
    assert list((tmp_path / "node/inputs/runs").iterdir()) == [] and not (tmp_path / "A/runs").exists()
    storage.fetch_run(tmp_path / "A/runs/r", end.archive)
    run = open_run(tmp_path / "A/runs/r")
    assert run.is_done and len(run.history()) == 2 and run.metrics()["select"] == {"clean": 0.875, "an2dl": 0.5}


def test_another_node_goes_on_from_the_last_archive(tmp_path, storage, monkeypatch):
    first = make_job(storage, tmp_path / "A", epochs=3, end="killed once")
    end = run_on_node(first)
    assert end.ended.lost and end.archive.startswith("000001-")
    monkeypatch.setenv(FOLDER, str(tmp_path / "other"))
    end = run_on_node(replace(first, attempt=new_attempt(), ended=(first.attempt,)))
    assert end.ended.code == 0 and not (tmp_path / "other/inputs/runs/r").exists()
    storage.fetch_run(tmp_path / "r", end.archive)
    assert begun(tmp_path / "r") == 2
    assert [line["epoch"] for line in open_run(tmp_path / "r").history()] == [1, 2, 3]


def test_archives_are_brought_away_on_the_way(tmp_path, storage):
    seen = []
    job = make_job(storage, tmp_path / "A", epochs=4, pause_s=0.5)
    thread = threading.Thread(target=lambda: seen.append(run_on_node(job)))
    thread.start()
    found, told = set(), 0
    while thread.is_alive():
        found.add(storage.latest_of("r")[:6])
        told = max(told, len(storage.alive("r").get("history", [])))
        time.sleep(0.05)
    thread.join()
    assert {"000001", "000002"} & found and told >= 2 and seen[0].archive.startswith("done-")


def test_a_run_that_lives_elsewhere_is_left_alone_one_that_died_is_taken(tmp_path, storage):
    stop = threading.Event()

    def live():
        number = 1
        while not stop.wait(0.1):
            number += 1
            storage.beat("r", "other", number, [])

    storage.beat("r", "other", 1, [])
    thread = threading.Thread(target=live)
    thread.start()
    job = make_job(storage, tmp_path / "A")
    end = run_on_node(replace(job, pace=Pace(beat_s=0.1, lease_s=30)))
    assert end.held and storage.alive("r")["attempt"] == "other" and storage.latest_of("r") == ""
    stop.set()
    thread.join()
    assert run_on_node(make_job(storage, tmp_path / "A")).archive.startswith("done-")


def test_a_job_whose_driver_is_gone_makes_way(tmp_path, storage):
    """It was believed dead; another attempt at the run has begun."""
    ends = []
    thread = threading.Thread(
        target=lambda: ends.append(run_on_node(make_job(storage, tmp_path / "A", epochs=50, pause_s=0.2)))
    )
    thread.start()
    while not storage.alive("r").get("history"):
        time.sleep(0.02)
    storage.beat("r", "later", 1, [])
    thread.join()
    assert ends[0].held and len(open_run(tmp_path / "node/inputs/runs/r").history()) < 50
    assert storage.alive("r")["attempt"] == "later" and not storage.latest_of("r").startswith("done")


def lose_beats(monkeypatch, numbers):
    """A storage to which some signs of life, by their number, do not come through."""
    real = Storage.beat

    def beat(storage, name, attempt, number, history):
        if number in numbers:
            raise KitError("storage: cannot write")
        real(storage, name, attempt, number, history)

    monkeypatch.setattr(Storage, "beat", beat)


def test_a_storage_that_is_out_of_reach_for_a_moment_stops_nothing(tmp_path, storage, monkeypatch):
    lose_beats(monkeypatch, {2, 3})
    job = make_job(storage, tmp_path / "A", epochs=4, pause_s=0.3)
    end = run_on_node(replace(job, pace=Pace(beat_s=0.1, lease_s=60, sync_s=0.1)))
    assert end.stop == "" and end.archive.startswith("done-")


def test_a_storage_that_stays_out_of_reach_stops_the_sweep_and_leaves_no_process(tmp_path, storage, monkeypatch):
    job = make_job(storage, tmp_path / "A", epochs=500, pause_s=0.1)
    with monkeypatch.context() as patch:
        lose_beats(patch, range(3, 9999))
        assert run_on_node(job).stop == "storage: cannot write"
    (line,) = (tmp_path / "node/inputs/runs/r/begun.txt").read_text().splitlines()
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.split()[0]), 0)
    again = make_job(storage, tmp_path / "A")  # by the same worker
    assert run_on_node(replace(again, ended=(job.attempt,))).archive.startswith("done-")


def test_a_run_directory_of_this_node_that_a_process_holds(tmp_path, storage):
    with locked(tmp_path / "node/inputs/runs/r"):
        assert run_on_node(make_job(storage, tmp_path / "A")).held
    assert run_on_node(make_job(storage, tmp_path / "A")).ended.code == 0


def test_its_own_failures_come_back_with_its_log(tmp_path, storage):
    end = run_on_node(make_job(storage, tmp_path / "A", end="error"))
    assert end.ended.code == 1 and end.stop == ""
    storage.fetch_run(tmp_path / "r", end.archive)
    assert (tmp_path / "r/log.txt").read_text().splitlines()[0] == "error: expected better. Received: worse."


def test_files_of_a_job_that_is_no_run_travel(tmp_path, storage, monkeypatch):
    (tmp_path / "copying.py").write_text(
        "import sys\nfrom pathlib import Path\n"
        "def main(argv=None):\n Path(sys.argv[2]).write_text(Path(sys.argv[1]).read_text().upper())\n"
        " print('copied')\n return 0\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    made, out = f"{PLACE}/sweeps/s/in.txt", f"{PLACE}/sweeps/s/out.txt"
    job = replace(
        make_job(storage, tmp_path / "A"),
        module="copying",
        argv=(made, out),
        log=f"{PLACE}/sweeps/s/log.txt",
        files_in={made: "words"},
        files_out=(out,),
        run="",
        preload=(),
    )
    end = run_on_node(job)
    assert (end.ended.code, end.log, end.files_out) == (0, "copied\n", {out: "WORDS"})


def test_what_stops_a_sweep(tmp_path, storage, monkeypatch):
    job = make_job(storage, tmp_path / "A")
    assert "does not see /nowhere/A: expected a folder that all nodes share. Name a --storage" in (
        run_on_node(replace(job, storage="", artifacts="/nowhere/A")).stop
    )
    lost = replace(job.inputs[0], sha256="0" * 64)
    (tmp_path / "node/inputs/split").mkdir(parents=True)
    assert "cannot read inputs/000" in run_on_node(replace(job, inputs=(lost,))).stop
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1 << 20))
    stop = run_on_node(job).stop
    assert "expected 200 MiB free on the disk of" in stop and f"set {FOLDER} on the node" in stop


def test_where_the_disk_is_shared_nothing_travels(tmp_path, storage):
    work = make_work(tmp_path / "A/runs", "r")
    run = create_run(work.run.path.parent, work.run.config, work.run.path)
    append_line(run.path / "history.jsonl", {"epoch": 1, "seconds": 1.0})
    job = replace(make_job(storage, tmp_path / "A", epochs=2), storage="", inputs=(), files_in={})
    end = run_on_node(job)
    assert end.ended.code == 0 and end.archive == "" and run.is_done and len(run.history()) == 2
    assert not (tmp_path / "node").exists() and not (tmp_path / "storage/runs").exists()


def test_texts_that_travel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours, theirs = Path("A"), Path("/there/B")
    for text in ("A", "A/runs/r", f"{tmp_path}/A/runs/r"):
        sent = portable(text, ours)
        assert sent.startswith(PLACE) and here(sent, theirs) == f"/there/B{text.partition('A')[2]}"
    told = portable(json.dumps({"out": f"{tmp_path}/A/x", "lr": 0.1}), ours)
    assert json.loads(here(told, theirs)) == {"out": "/there/B/x", "lr": 0.1}
    for text in ("AB", "--A", "AB/runs"):
        assert portable(text, ours) == text
