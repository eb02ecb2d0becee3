"""The Ray executor on a real cluster of several nodes on this machine, each with a folder of its own for its copies."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("grpc", reason="needs requirements-ray.txt")
pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

import ray
from fake_training import begun, make_work
from small_ray import small_cluster

from submission.kit.errors import KitError
from training.history import append_line
from training.runs import create_run
from training.sweeping import on_ray
from training.sweeping.drive import Drive
from training.sweeping.executor import Job
from training.sweeping.node_job import Pace
from training.sweeping.on_ray import RayExecutor
from training.sweeping.source import Grid

QUICK = Pace(beat_s=0.2, lease_s=1.5, sync_s=0.2)
PRELOAD = ("fake_training",)


def make_ray(artifacts: Path, address: str, storage: Path | None) -> RayExecutor:
    made = on_ray.make_executor(artifacts, address, storage=None if storage is None else str(storage), pace=QUICK)
    made.preload = PRELOAD
    return made


def make_inputs(artifacts: Path, told: str) -> None:
    (artifacts / "split").mkdir(parents=True)
    (artifacts / "split" / "folds.csv").write_text(told)  # nodes keep what is of other inputs apart


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


class KillsNode(Grid):
    """A grid that has a node killed when its first run has ended, while the other node is in the middle of one."""

    def __init__(self, works, cluster, folder):
        super().__init__(works)
        self.cluster, self.folder, self.killed = cluster, folder, []

    def end(self, work, outcome):
        if not self.killed:
            wait_until(self.busy_nodes)
            self.killed = self.busy_nodes()
            self.cluster.kill(self.killed[0])

    def busy_nodes(self):
        return [n for n in range(2) if list(self.folder.glob(f"node{n}/*/runs/*/history.jsonl"))]


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
    make_inputs(tmp_path / "A", str(tmp_path))
    return tmp_path / "A"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with small_cluster(tmp_path_factory.mktemp("cluster"), nodes=2) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("shares_disk", [False, True])
def test_the_driver_is_killed_and_the_sweep_goes_on(tmp_path, artifacts, cluster, shares_disk):
    storage = None if shares_disk else tmp_path / "storage"
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
    assert len(states(again)) == 6 and all(state != "failed" for state, _ in states(again).values())
    assert all([line["epoch"] for line in work.run.history()] == [1, 2, 3, 4] for work in works)
    assert all(begun(work.run.path) == 1 for work in works if work.run.name in done_before)


@pytest.mark.slow
def test_a_machine_without_runs_takes_those_of_the_storage(tmp_path, artifacts, cluster):
    work_off(make_works(artifacts, 2, 0, 1), make_ray(artifacts, cluster.address, tmp_path / "storage"), artifacts)
    other = tmp_path / "B"
    make_inputs(other, str(tmp_path))
    works = make_works(other, 2, 0, 1)
    done = work_off(works, make_ray(other, cluster.address, tmp_path / "storage"), other)
    assert [state for state, _ in states(done).values()] == ["up to date"] * 2
    assert [begun(work.run.path) for work in works] == [1, 1]


@pytest.mark.slow
def test_what_was_trained_here_goes_on_there(tmp_path, artifacts, cluster):
    work = make_work(artifacts / "runs", "r", epochs=3)
    run = create_run(work.run.path.parent, work.run.config, work.run.path)
    append_line(run.path / "history.jsonl", {"epoch": 1, "seconds": 77.0})
    work_off([work], make_ray(artifacts, cluster.address, tmp_path / "storage"), artifacts)
    assert [line["seconds"] for line in run.history()] == [77.0, 0.1, 0.1] and begun(run.path) == 1


@pytest.mark.slow
def test_a_search_sees_epochs_on_the_way_and_ends_what_it_prunes(tmp_path, artifacts, cluster):
    class Pruning(Grid):
        seen = ()

        def watch(self, work, line):
            self.seen = (*self.seen, line["epoch"])
            return line["epoch"] == 2

    work = make_work(artifacts / "runs", "r", ("clean", "an2dl"), every_epoch=True, epochs=100, pause_s=0.5)
    source = Pruning([work])
    executor = make_ray(artifacts, cluster.address, tmp_path / "storage")
    done = Drive(source, executor, artifacts, module="fake_training").work_off()
    executor.close()
    assert states(done) == {"r": ("pruned", "")} and source.seen == (1, 2)
    assert work.run.state == "pruned" and 2 <= len(work.run.history()) < 60


@pytest.mark.slow
def test_a_run_that_another_process_holds_is_waited_for(artifacts, cluster):
    works = make_works(artifacts, 2, 0, 1)
    create_run(works[0].run.path.parent, works[0].run.config, works[0].run.path)
    holder = "import sys, time; from pathlib import Path; from training.run_lock import locked\n"
    holder += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(8)"
    child = subprocess.Popen([sys.executable, "-c", holder, works[0].run.path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    done = work_off(works, make_ray(artifacts, cluster.address, None), artifacts)
    child.communicate()
    assert list(states(done)) == ["r1", "r0"] and [begun(work.run.path) for work in works] == [1, 1]


@pytest.mark.slow
def test_what_a_cluster_cannot_do_is_told(tmp_path, artifacts, cluster, monkeypatch):
    address, storage = cluster.address, str(tmp_path / "storage")
    monkeypatch.setattr(on_ray, "PATIENCE_S", 0.5)
    executor = on_ray.make_executor(artifacts, address, settings=["cpus=7"], storage=storage)
    with pytest.raises(KitError, match="no node of the cluster has room for r0: expected cpus=7 gpus=0 mem_gb=0. "):
        work_off(make_works(artifacts, 1), executor, artifacts)
    executor = on_ray.make_executor(artifacts, address, storage=storage)
    shutil.rmtree(tmp_path / "storage" / "inputs")
    with pytest.raises(KitError, match="cannot read inputs/.*it goes on from here"):
        work_off(make_works(artifacts, 1), executor, artifacts)
    monkeypatch.setattr(ray, "__version__", "1.2.3")
    with pytest.raises(KitError, match=r"runs other versions. .* Ray: 1.2.3.*pip install ray=="):
        on_ray.make_executor(artifacts, address)


@pytest.mark.slow
def test_a_node_is_killed_and_every_run_ends_once(tmp_path, artifacts):
    ray.shutdown()
    with small_cluster(tmp_path, nodes=2) as cluster:
        executor = make_ray(artifacts, cluster.address, tmp_path / "storage")
        works = [
            make_work(artifacts / "runs", "first"),
            *make_works(artifacts, pause_s=1),
            make_work(artifacts / "runs", "error", end="error"),
            make_work(artifacts / "runs", "killed", end="killed once", epochs=2),
        ]
        source = KillsNode(works, cluster, tmp_path)
        done = Drive(source, executor, artifacts, module="fake_training").work_off()
        executor.close()
    assert states(done) == {
        **dict.fromkeys(("first", *(f"r{n}" for n in range(6))), ("trained", "")),
        "error": ("failed", "expected better. Received: worse."),
        "killed": ("trained", ""),
    }
    for work in works[1:7]:
        assert [line["epoch"] for line in work.run.history()] == [1, 2, 3, 4]
        assert work.run.metrics() == {"select": {"an2dl": 0.25, "clean": 0.9375}}
    assert source.killed
    assert begun(artifacts / "runs" / "killed") == 2
    names = [path.parent.name for path in (tmp_path / "storage" / "runs").glob("*/done-*.tar")]
    assert sorted(names) == sorted(work.run.name for work in works if work.run.name != "error")


@pytest.mark.slow
def test_runs_share_gpus_as_was_asked_for(tmp_path, artifacts, monkeypatch):
    ray.shutdown()
    # conftest hides GPUs, those of paper too
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with small_cluster(tmp_path, nodes=1, cores=5, gpus=2) as cluster:
        executor = on_ray.make_executor(artifacts, cluster.address, settings=["gpus=0.5", "default.gpus=2"])
        executor.preload = ("gpus_seen",)
        logs = [artifacts / "runs" / f"r{n}" / "log.txt" for n in range(4)]
        for number, log in enumerate(logs):
            job = Job(f"r{number}", "gpus_seen", [], log, "kind", "small_cnn")
            assert executor.has_slot() and executor.has_room(job)
            executor.submit(job)
        assert executor.has_slot() and not executor.has_room(job)  # a core is left, no part of a GPU
        ended: list = []
        wait_until(lambda: ended.extend(executor.wait(0.5)) or len(ended) == 4)
        both = Job("both", "gpus_seen", [], artifacts / "runs" / "both" / "log.txt", "kind", "default")
        assert executor.has_room(both)
        executor.submit(both)
        wait_until(lambda: executor.wait(0.5))
        executor.close()
    assert all(log.read_text() in ("seen: 0\n", "seen: 1\n") for log in logs)
    assert sorted(both.log.read_text()[6:-1].split(",")) == ["0", "1"]
