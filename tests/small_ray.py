"""A Ray cluster of several nodes on this machine, each of which has a folder of its own in place of a disk."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from training.sweeping.node_job import FOLDER

STORE_BYTES = 80 << 20  # the least that Ray takes for its object store
ROOT = Path(__file__).parents[1]


@dataclass
class SmallCluster:
    """Ray's cluster, and its nodes beside the head; node n keeps its copies in folder/node<n>."""

    cluster: Cluster
    nodes: list[Any]

    @property
    def address(self) -> str:
        return self.cluster.address

    def kill(self, number: int) -> None:
        """Kill a node as a loss of power would."""
        self.cluster.remove_node(self.nodes[number], allow_graceful=False)


@contextlib.contextmanager
def small_cluster(folder: Path, nodes: int, cores: int = 1, gpus: int = 0) -> Iterator[SmallCluster]:
    """A head without cores, and so many nodes; GPUs are of paper: they have names, and that is all."""
    before = os.environ.get("PYTHONPATH")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}"  # the workers find what stands in for a training
    cluster = Cluster(initialize_head=True, head_node_args=_node(0, folder / "head"))
    try:
        yield SmallCluster(cluster, [cluster.add_node(**_node(cores, folder / f"node{n}", gpus)) for n in range(nodes)])
    finally:
        ray.shutdown()
        cluster.shutdown()
        os.environ.pop("PYTHONPATH")
        os.environ |= {} if before is None else {"PYTHONPATH": before}


def _node(cores: int, folder: Path, gpus: int = 0) -> dict[str, Any]:
    return {
        "num_cpus": cores,
        "num_gpus": gpus,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "env_vars": {FOLDER: str(folder), "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(gpus)))},
    }
