"""AutoGluon's greedy selection on a table in a file: run by `bench_weights` in an environment that has autogluon.core.

    python peer_greedy.py FOLDER STEPS

Reads probs.npy, float32 (P, N, K), and labels.npy, (N,); prints one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def main() -> None:
    from autogluon.core.metrics import accuracy
    from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection

    folder, steps = Path(sys.argv[1]), int(sys.argv[2])
    predictions = list(np.load(folder / "probs.npy"))
    labels = np.load(folder / "labels.npy")
    selection = EnsembleSelection(steps, "multiclass", accuracy, random_state=np.random.RandomState(0))
    wall, cpu = time.perf_counter(), time.process_time()
    selection.fit(predictions, labels)
    told = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "weights": selection.weights_.tolist(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
