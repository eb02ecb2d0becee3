"""A Ray cluster of several nodes on this machine, each of which has a folder of its own in place of a disk."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from training.sweeping.node_job import FOLDER

STORE_BYTES = 80 << 20  # the least that Ray takes for its object store
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def small_cluster(folder: Path, nodes: int, cores: int = 1) -> Iterator[Cluster]:
    """A head without cores, and so many nodes; each keeps its copies in folder/node<number>."""
    os.environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}"  # the workers find what stands in for a training
    cluster = Cluster(initialize_head=True, head_node_args=_node(0, folder / "head"))
    try:
        for number in range(nodes):
            cluster.add_node(**_node(cores, folder / f"node{number}"))
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def _node(cores: int, folder: Path) -> dict:
    return {
        "num_cpus": cores,
        "num_gpus": 0,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "env_vars": {FOLDER: str(folder)},
    }
