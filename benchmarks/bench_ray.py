"""Many trials on a Ray cluster of this machine: each done exactly once, though workers die; the driver's memory.

Nothing is trained: a trial is a task that sleeps, writes its run directory as a training does, and with a given chance
is lost on the way: its worker dies, or what trains in it is killed; with `--kill-node` a node is killed in the middle,
too. What failed three times is begun by the same command again, as a user would.

`--tune` takes Ray Tune's own driver for trials that sleep as long and fail never, in place of our own.
"""

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.files import write_text
from submission.kit.seeds import derive_seed
from training.run_lock import locked
from training.runs import Run
from training.sweeping.drive import Drive
from training.sweeping.executor import Ended
from training.sweeping.launcher import peak_bytes
from training.sweeping.node_job import NodeEnd, NodeJob
from training.sweeping.on_ray import RayExecutor
from training.sweeping.place import here
from training.sweeping.resources import Demands
from training.sweeping.source import Grid, Outcome, Work
from training.sweeping.unit import Unit

NODES = 4
STORE_BYTES = 80 << 20


def sleeping(job: NodeJob) -> NodeEnd:
    """A trial, in a worker of Ray: no process of its own, so that 64 at once fit on a small machine."""
    from training.history import append_line

    told = dict(text.split("=", 1) for text in job.argv if "=" in text)
    run = Run(Path(job.artifacts) / "runs" / job.run, {})
    log = Path(here(job.log, Path(job.artifacts)))
    start = log.stat().st_size if log.exists() else 0
    with locked(run.path):
        if run.is_done:
            return NodeEnd(Ended(job.name, 0, 0, start))
        begun = run.path / "begun.txt"
        with open(begun, "a") as file:
            file.write(f"{os.getpid()}\n")
        times = len(begun.read_text().splitlines())
        draw = random.Random(derive_seed(0, job.run, str(times)))
        fate, moment = draw.random(), draw.random()
        sleep_s = float(told["sleep_s"]) * (0.5 + draw.random())
        if fate < float(told["chance"]):
            time.sleep(sleep_s * moment)
            if fate < float(told["chance"]) / 2:
                os._exit(1)  # the worker dies
            return NodeEnd(Ended(job.name, -signal.SIGKILL, 0, start, lost=True))
        time.sleep(sleep_s)
        append_line(run.path / "history.jsonl", {"epoch": 1, "seconds": sleep_s})
        with open(run.path / "ended.txt", "a") as file:
            file.write(f"{os.getpid()}\n")
        write_text(run.path / "state.txt", "trained\n")
    return NodeEnd(Ended(job.name, 0, 0, start))


def make_works(artifacts: Path, count: int, sleep_s: float, chance: float) -> list[Work]:
    works = []
    for number in range(count):
        recipe = {"name": "sleep", "backbone": "none", "image_size": 0, "batch_size": 0}
        unit = Unit("small_cnn", 0, number, {"sleep_s": sleep_s, "chance": chance})
        run = Run(artifacts / "runs" / f"sleep-{number}", {"recipe": recipe, "fold": 0, "seed": number})
        works.append(Work(unit, run))
    return works


class Killing(Grid):
    """A grid in whose middle a node is killed.

    Args:
        works: see `Grid`.
        cluster: loses the node; None to keep all.
    """

    def __init__(self, works: list[Work], cluster) -> None:
        super().__init__(works)
        self.cluster, self.left = cluster, len(works) // 2

    def end(self, work: Work, outcome: Outcome) -> None:
        self.left -= 1
        if self.left == 0 and self.cluster is not None:
            self.cluster.remove_node(sorted(self.cluster.worker_nodes, key=str)[0], allow_graceful=False)


def ours(artifacts: Path, cluster, works: list[Work], kills: bool) -> str:
    """Work the trials off; returns what it came to."""
    executor = RayExecutor(artifacts, Demands(), call=sleeping)
    failed: int | None = None
    commands = 0
    while failed is None or failed:
        done = Drive(Killing(works, cluster if kills and not commands else None), executor, artifacts).work_off()
        failed, commands = len(done.failed), commands + 1
    executor.close()
    ended = [len((work.run.path / "ended.txt").read_text().splitlines()) for work in works]
    begun = sum(len((work.run.path / "begun.txt").read_text().splitlines()) for work in works)
    if set(ended) != {1} or not all(work.run.is_done for work in works):
        raise SystemExit(f"expected each trial done once. Received: {sorted(set(ended))} times")
    return f"each done exactly once, {begun - len(works)} begun again, {commands} commands"


def by_tune(folder: Path, count: int, sleep_s: float) -> str:
    """The same number of sleeping trials by Ray Tune."""
    from ray import tune

    def trial(config: dict) -> dict:
        time.sleep(sleep_s * (0.5 + random.random()))
        return {"score": 1.0}

    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    tuner = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(count)))},
        run_config=tune.RunConfig(storage_path=str(folder), name="tune", verbose=0),
    )
    results = tuner.fit()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{len(results)} ended, {results.num_errors} errors, {size / 1e6:.0f} MB of files"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_ray",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=64, help="workers at once, shared out among four nodes")
    parser.add_argument("--sleep-s", type=float, default=1.0, help="of each, half as much to half as much again")
    parser.add_argument("--chance", type=float, default=0.02, help="that a trial is lost, each time that it is begun")
    parser.add_argument("--kill-node", action="store_true", help="one of the four, in the middle")
    parser.add_argument("--tune", action="store_true", help="Ray Tune in place of our own driver")
    args = parser.parse_args(argv)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    shape = {"object_store_memory": STORE_BYTES, "include_dashboard": False, "num_gpus": 0}
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **shape})
        try:
            for _ in range(NODES):
                cluster.add_node(num_cpus=args.slots // NODES, **shape)
            ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
            before = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
            works = make_works(Path(folder), args.trials, args.sleep_s, args.chance)
            start, start_cpu = time.perf_counter(), time.process_time()
            if args.tune:
                told = by_tune(Path(folder), args.trials, args.sleep_s)
            else:
                told = ours(Path(folder), cluster, works, args.kill_node)
            seconds, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        finally:
            ray.shutdown()
            cluster.shutdown()
    most = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    print(
        f"{'Ray Tune' if args.tune else 'ours'}: {args.trials} trials on {args.slots} slots: {told}; {seconds:.0f} s, "
        f"driver {1000 * cpu_s / args.trials:.1f} ms of processor time a trial, at most {most / 1e6:.0f} MB "
        f"({before / 1e6:.0f} MB before)"
    )
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    run_main(main)
