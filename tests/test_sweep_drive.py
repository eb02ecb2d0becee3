"""Working off a sweep on this machine: each run once, whatever ends or holds some of them."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from fake_training import begun, make_work

from submission.kit.errors import KitError
from training.run_lock import LOCK, LockedError, is_locked, locked
from training.runs import create_run
from training.sweeping import local, machine
from training.sweeping.drive import Drive, first_error
from training.sweeping.executor import Job, make_executor
from training.sweeping.launcher import FreshLauncher, WarmLauncher, peak_bytes
from training.sweeping.local import LocalExecutor
from training.sweeping.source import Grid

ROOT = Path(__file__).parents[1]
SLOTS = [([core], {"OMP_NUM_THREADS": "1"}) for core in (machine.cores() * 2)[:2]]


@pytest.fixture
def paths(monkeypatch):
    """Children find the fake training."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")


@pytest.fixture
def executor(paths):
    made = LocalExecutor(WarmLauncher(["fake_training"], {}), SLOTS)
    made.peaks["none 8 px batch 1"] = 1 << 20
    yield made
    made.close()


def work_off(works, executor, artifacts, **options):
    return Drive(Grid(works), executor, artifacts, module="fake_training", **options).work_off()


def states(done):
    return {work.run.name: outcome.state for work, outcome in done.outcomes}


def test_each_run_once_and_never_again(tmp_path, executor, capsys):
    runs = tmp_path / "runs"
    works = [make_work(runs, f"r{n}", ("clean", "an2dl"), value=0.25, epochs=2) for n in range(12)]
    done = work_off(works, executor, tmp_path)
    assert states(done) == {f"r{n}": "trained" for n in range(12)}
    assert [begun(work.run.path) for work in works] == [1] * 12
    assert "r0: trained, 2 epochs, an2dl 0.2500, clean 0.9375" in capsys.readouterr().out
    again = work_off(works, executor, tmp_path)
    assert set(states(again).values()) == {"up to date"}
    assert [begun(work.run.path) for work in works] == [1] * 12


def test_each_process_is_pinned_to_a_core_of_its_own(tmp_path, executor):
    works = [make_work(tmp_path / "runs", f"r{n}", pause_s=0.2) for n in range(2)]
    work_off(works, executor, tmp_path)
    lines = [(work.run.path / "begun.txt").read_text().split(" ", 2)[2] for work in works]
    assert sorted(lines) == sorted(f"{cores} 1\n" for cores, _ in SLOTS)


def test_failed_runs_are_told_by_their_first_line_and_stop_nothing(tmp_path, executor):
    runs = tmp_path / "runs"
    works = [make_work(runs, end, end=end, epochs=9) for end in ("error", "traceback", "killed", "fine")]
    done = work_off(works, executor, tmp_path)
    assert {work.run.name: outcome.error for work, outcome in done.failed} == {
        "error": "expected better. Received: worse.",
        "traceback": "ZeroDivisionError: by nothing",
        "killed": "killed by signal 9 (out of memory?)",
    }
    assert states(done)["fine"] == "trained"
    assert begun(runs / "killed") == 3 and begun(runs / "error") == 1


def test_a_killed_run_goes_on_from_its_last_epoch(tmp_path, executor):
    work = make_work(tmp_path / "runs", "r", end="killed once", epochs=3)
    assert states(work_off([work], executor, tmp_path)) == {"r": "trained"}
    assert [line["epoch"] for line in work.run.history()] == [1, 2, 3]
    assert begun(work.run.path) == 2


def test_a_run_that_another_process_holds_is_waited_for(tmp_path, executor, monkeypatch):
    monkeypatch.setattr("training.sweeping.drive.LOCKED_S", 0.1)
    work = make_work(tmp_path / "runs", "r")
    create_run(work.run.path.parent, work.run.config, work.run.path)
    holder = "import sys, time; from pathlib import Path; from training.run_lock import locked\n"
    holder += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(1)"
    child = subprocess.Popen([sys.executable, "-c", holder, str(work.run.path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    message = f"r is locked by a live process. Received: process {child.pid} on "
    with pytest.raises(LockedError, match=message), locked(work.run.path):
        pass
    start = time.monotonic()
    assert states(work_off([work, make_work(tmp_path / "runs", "s")], executor, tmp_path)) == {
        "r": "trained",
        "s": "trained",
    }
    child.communicate()
    assert begun(work.run.path) == 1 and time.monotonic() - start > 0.3
    assert not is_locked(work.run.path) and (work.run.path / LOCK).exists()


def test_a_full_disk_stops_before_the_next_run(tmp_path, executor, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1 << 20))
    work = make_work(tmp_path / "runs", "r")
    with pytest.raises(KitError, match="expected 200 MiB free on the disk of .* Received: 1 MiB.*goes on from here"):
        work_off([work], executor, tmp_path)
    assert not work.run.path.exists()


def test_no_unit_begins_after_the_time(tmp_path, executor):
    works = [make_work(tmp_path / "runs", f"r{n}", pause_s=0.5) for n in range(6)]
    done = work_off(works, executor, tmp_path, end_s=0.2)
    assert 1 <= len(done.outcomes) <= 2


def test_ending_the_driver_ends_its_children_and_the_same_command_goes_on(tmp_path, paths, executor):
    """A driver that is killed outright, in the middle of two long runs."""
    program = f"""
from pathlib import Path
from fake_training import make_work
from training.sweeping.drive import Drive
from training.sweeping.launcher import WarmLauncher
from training.sweeping.local import LocalExecutor
from training.sweeping.source import Grid
executor = LocalExecutor(WarmLauncher(["fake_training"], {{}}), {SLOTS!r})
executor.peaks["none 8 px batch 1"] = 1 << 20
works = [make_work(Path({str(tmp_path / "runs")!r}), f"r{{n}}", epochs=3, pause_s=1.5) for n in range(2)]
Drive(Grid(works), executor, Path({str(tmp_path)!r}), module="fake_training").work_off()
"""
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    works = [make_work(tmp_path / "runs", f"r{n}", epochs=3, pause_s=0) for n in range(2)]
    end = time.monotonic() + 30
    while not all(work.run.history() for work in works) and time.monotonic() < end:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    while any(is_locked(work.run.path) for work in works) and time.monotonic() < end:
        time.sleep(0.02)
    assert [work.run.state for work in works] == ["new", "new"]
    assert set(states(work_off(works, executor, tmp_path)).values()) == {"trained"}
    assert [[line["epoch"] for line in work.run.history()] for work in works] == [[1, 2, 3]] * 2
    assert [begun(work.run.path) for work in works] == [2, 2]


def test_closing_ends_what_runs(tmp_path, paths):
    executor = LocalExecutor(WarmLauncher(["fake_training"], {}), SLOTS)
    work = make_work(tmp_path / "runs", "r", epochs=1, pause_s=60)
    create_run(work.run.path.parent, work.run.config, work.run.path)
    argv = work.unit.argv(tmp_path)
    executor.submit(Job("r", "fake_training", argv, work.run.path / "log.txt", "kind"))
    while not begun(work.run.path):
        executor.wait(0.05)
    pid = int((work.run.path / "begun.txt").read_text().split()[0])
    start = time.monotonic()
    executor.close()
    assert time.monotonic() - start < 5
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_new_interpreters_do_the_same(tmp_path, paths):
    executor = LocalExecutor(FreshLauncher(), SLOTS, tmp_path / "memory.json")
    works = [make_work(tmp_path / "runs", "fine"), make_work(tmp_path / "runs", "error", end="error")]
    done = work_off(works, executor, tmp_path)
    executor.close()
    assert states(done) == {"fine": "trained", "error": "failed"}
    assert done.failed[0][1].error == "expected better. Received: worse."
    peaks = json.loads((tmp_path / "memory.json").read_text())
    ours = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))  # a child's peak begins with it: exec keeps ru_maxrss
    assert 5e6 < peaks["none 8 px batch 1"] <= max(5e8, ours)


def test_memory_decides_how_many_run_at_once(monkeypatch, tmp_path):
    class Launcher:
        def start(self, job, cores, environment): ...

        def pid(self, name):
            return 1

    executor = LocalExecutor(Launcher(), SLOTS)  # type: ignore[arg-type]
    job = Job("a", "module", [], tmp_path / "log", "kind")
    monkeypatch.setattr(machine, "used_bytes", lambda pid: 400)
    monkeypatch.setattr(machine, "free_bytes", lambda: 1700)
    executor.peaks["kind"] = 1000
    assert executor.has_room(job)
    executor.submit(job)
    # 1,100 for the next, and 700 that the first has still to take
    assert not executor.has_room(job)
    monkeypatch.setattr(machine, "free_bytes", lambda: 1800)
    assert executor.has_room(job)
    assert not executor.has_room(Job("b", "module", [], tmp_path / "log", "unknown kind"))


def test_free_memory_is_the_containers_if_that_is_less(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    assert machine.free_bytes(tmp_path) == 500
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.free_bytes(tmp_path) > 1 << 20


@pytest.mark.parametrize(
    ("options", "slots"),
    [
        ({}, [([0], "1"), ([1], "1"), ([2], "1"), ([3], "1")]),
        ({"num_units": 2}, [([0, 1], "2"), ([2, 3], "2")]),
        ({"threads": 2}, [([0, 1], "2"), ([2, 3], "2")]),
        ({"jobs": 1}, [([0, 1, 2, 3], "4")]),
        ({"jobs": 6}, [([n % 4], "1") for n in range(6)]),
    ],
)
def test_cores_are_shared_out(monkeypatch, options, slots):
    monkeypatch.setattr(machine, "cores", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(machine, "gpus", list)
    monkeypatch.setattr(local, "WarmLauncher", lambda *arguments: None)
    executor = local.make_executor(**options)
    assert [(cores, told["OMP_NUM_THREADS"]) for cores, told in reversed(executor.free_slots)] == slots


def test_each_gpu_has_one_run(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: list(range(8)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    executor = local.make_executor(warm=False)
    assert [(cores, told["CUDA_VISIBLE_DEVICES"]) for cores, told in reversed(executor.free_slots)] == [
        ([0, 1, 2, 3], "3"),
        ([4, 5, 6, 7], "5"),
    ]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lokal", {}, "unknown executor. Received: 'lokal'. Known: local, slurm"),
        ("local", {"jobs": 0}, "--jobs must be at least 1. Received: 0"),
        ("local", {"threads": 10_000}, r"--threads must be at most the \d+ cores of this machine. Received: 10000"),
    ],
)
def test_bad_executors(name, options, message):
    with pytest.raises(KitError, match=message):
        make_executor(name, **options)


def test_libraries_that_begin_threads_are_loaded_by_each_run(tmp_path, monkeypatch):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[9], daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}:{tmp_path}")
    executor = LocalExecutor(WarmLauncher(["threaded"], {}), SLOTS)
    works = [make_work(tmp_path / "runs", f"r{n}") for n in range(2)]
    assert set(states(work_off(works, executor, tmp_path)).values()) == {"trained"}
    assert [begun(work.run.path) for work in works] == [1, 1]
    executor.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
@pytest.mark.parametrize(
    ("log", "end", "said"),
    [
        ("/dev/full", "error", "error: expected better. Received: worse.\nA second line.\n"),
        ("/dev/full", "traceback", "ZeroDivisionError: by nothing\n"),
        ("nowhere/log.txt", "fine", "No such file or directory: '{folder}/nowhere/log.txt'\n"),
    ],
)
def test_last_words_are_heard_where_the_log_cannot_be_written(tmp_path, paths, log, end, said):
    launcher = WarmLauncher(["fake_training"], {})
    work = make_work(tmp_path / "runs", "r", end=end)
    create_run(work.run.path.parent, work.run.config, work.run.path)
    job = Job("r", "fake_training", work.unit.argv(tmp_path), tmp_path / log, "kind")
    launcher.start(job, [], {"OMP_NUM_THREADS": "1"})
    (ended,) = launcher.wait(30) or launcher.wait(30)
    launcher.close()
    assert ended.code == 1 and ended.said.endswith(said.format(folder=tmp_path))
    assert first_error(ended, []) == ended.said.splitlines()[-1 if end != "error" else 0].removeprefix("error: ")


def test_libraries_that_cannot_be_loaded_are_told(tmp_path, paths):
    executor = LocalExecutor(WarmLauncher(["no_such_module"], {}), SLOTS)
    with pytest.raises(KitError, match="has ended: ModuleNotFoundError: No module named 'no_such_module'. .* --cold"):
        work_off([make_work(tmp_path / "runs", "r")], executor, tmp_path)
    executor.close()
