"""The Ray executor on a real cluster of several nodes on this machine, none of which sees the disk of another."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

from fake_training import begun, make_work
from small_ray import small_cluster

from training.sweeping import on_ray
from training.sweeping.drive import Drive
from training.sweeping.node_job import Pace
from training.sweeping.on_ray import RayExecutor
from training.sweeping.source import Grid

QUICK = Pace(beat_s=0.2, lease_s=1.5, sync_s=0.2)
PRELOAD = ("fake_training",)


def make_ray(artifacts: Path, address: str, storage: Path | None) -> RayExecutor:
    made = on_ray.make_executor(artifacts, address, storage=None if storage is None else str(storage), pace=QUICK)
    made.preload = PRELOAD
    return made


def make_inputs(artifacts: Path) -> None:
    (artifacts / "split").mkdir(parents=True)
    (artifacts / "split" / "folds.csv").write_text("index,id\n")


def work_off(works, executor, artifacts):
    try:
        return Drive(Grid(works), executor, artifacts, module="fake_training").work_off()
    finally:
        executor.close()


def states(done):
    return {work.run.name: (outcome.state, outcome.error) for work, outcome in done.outcomes}


def wait_until(is_so, seconds=60.0):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


def make_works(artifacts, count=6, pause_s=0.3, epochs=4):
    runs = artifacts / "runs"
    return [
        make_work(runs, f"r{n}", ("clean", "an2dl"), value=0.25, epochs=epochs, pause_s=pause_s) for n in range(count)
    ]


DRIVER = """
import sys
from pathlib import Path
from test_sweep_ray import make_ray, make_works, work_off
artifacts, address, storage = sys.argv[1:4]
executor = make_ray(Path(artifacts), address, Path(storage) if storage else None)
work_off(make_works(Path(artifacts)), executor, Path(artifacts))
"""


def begin_driver(*arguments) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", DRIVER, *map(str, arguments)], stderr=subprocess.PIPE)


@pytest.fixture
def artifacts(tmp_path):
    make_inputs(tmp_path / "A")
    return tmp_path / "A"


@pytest.mark.slow
def test_a_node_is_killed_and_every_run_ends_once(tmp_path, artifacts):
    with small_cluster(tmp_path, nodes=2) as cluster:
        executor = make_ray(artifacts, cluster.address, tmp_path / "storage")
        works = [
            *make_works(artifacts),
            make_work(artifacts / "runs", "error", end="error"),
            make_work(artifacts / "runs", "killed", end="killed once", epochs=2),
        ]
        killed = []

        class Watched(Grid):
            def end(self, work, outcome):
                if not killed:  # the other node is in the middle of a run
                    killed.append(next(iter(cluster.worker_nodes)))
                    cluster.remove_node(killed[0], allow_graceful=False)

        done = Drive(Watched(works), executor, artifacts, module="fake_training").work_off()
        executor.close()
    assert states(done) == {
        **{f"r{n}": ("trained", "") for n in range(6)},
        "error": ("failed", "expected better. Received: worse."),
        "killed": ("trained", ""),
    }
    for work in works[:6]:
        assert [line["epoch"] for line in work.run.history()] == [1, 2, 3, 4]
        assert work.run.metrics() == {"select": {"an2dl": 0.25, "clean": 0.9375}}
    assert begun(artifacts / "runs" / "killed") == 2
    archives = sorted(path.relative_to(tmp_path / "storage/runs").parts[0] for path in tmp_path.rglob("done-*.tar"))
    assert archives == sorted(work.run.name for work in works if work.run.name != "error")
    assert not list(tmp_path.glob("node*/*/runs/*")) or killed  # the killed node could not tidy up


@pytest.mark.slow
@pytest.mark.parametrize("shares_disk", [False, True])
def test_the_driver_is_killed_and_the_sweep_goes_on(tmp_path, artifacts, shares_disk):
    storage = None if shares_disk else tmp_path / "storage"
    with small_cluster(tmp_path, nodes=2) as cluster:
        works = make_works(artifacts)
        driver = begin_driver(artifacts, cluster.address, storage or "")
        wait_until(lambda: sum(work.is_done for work in works) >= 2)
        wait_until(lambda: any(work.run.path.exists() and not work.is_done for work in works))
        driver.kill()
        driver.communicate()
        done_before = {work.run.name for work in works if work.is_done}
        assert 2 <= len(done_before) < 6
        again = work_off(works, make_ray(artifacts, cluster.address, storage), artifacts)
    assert {name for name, (state, _) in states(again).items() if state == "up to date"} >= done_before
    assert all(state in ("trained", "up to date") for state, _ in states(again).values()) and len(states(again)) == 6
    assert all([line["epoch"] for line in work.run.history()] == [1, 2, 3, 4] for work in works)
    assert all(begun(work.run.path) == 1 for work in works if work.run.name in done_before)


@pytest.mark.slow
def test_a_machine_without_runs_takes_those_of_the_storage(tmp_path, artifacts):
    with small_cluster(tmp_path, nodes=1) as cluster:
        work_off(make_works(artifacts, 2, 0, 1), make_ray(artifacts, cluster.address, tmp_path / "storage"), artifacts)
        other = tmp_path / "B"
        make_inputs(other)
        works = make_works(other, 2, 0, 1)
        done = work_off(works, make_ray(other, cluster.address, tmp_path / "storage"), other)
    assert [state for state, _ in states(done).values()] == ["up to date"] * 2
    assert [begun(work.run.path) for work in works] == [1, 1]
