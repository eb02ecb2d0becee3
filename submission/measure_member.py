"""Time one exported member in this fresh process, pinned to some cores, and print its cost as JSON.

Started by `python -m submission.cost`: the cores must be chosen before TensorFlow counts them.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

_BATCH_SIZE = 64  # what the predictor hands over
_BUDGET_S = 6.0
_REPEATS = (3, 15)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.measure_member",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="of the member")
    parser.add_argument("images", type=Path, help="npy, uint8 (n, H, W, C)")
    parser.add_argument("--cores", type=int, default=2, help="how many the process is pinned to")
    args = parser.parse_args(argv)
    cores = pin(args.cores)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(json.dumps(measure(args.folder, np.load(args.images, mmap_mode="r")) | {"cores": cores}))
    return 0


def pin(cores: int) -> int:
    """Keep this process to that many of its cores; how many there are, where that is fewer or pinning not possible."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, chosen)
    return len(chosen)


def measure(folder: Path, images: np.ndarray) -> dict[str, str | float]:
    """engine; ms_per_image: median of batches as the predictor hands them over; load_ms: self-check included.

    Each time is the smaller of the wall clock's and the processor's: what computes takes no longer on an idle machine
    than the processor works on it, however busy this one is.
    """
    import tensorflow as tf

    from submission.kit.member import Member

    tf.constant(0.0) + 1.0  # TensorFlow's own start, which all members share
    clock = _clock()
    member = Member(folder)
    load_s = clock()
    batch = np.resize(images[:_BATCH_SIZE], (_BATCH_SIZE, *images.shape[1:]))
    member(batch)
    seconds: list[float] = []
    while len(seconds) < _REPEATS[0] or (len(seconds) < _REPEATS[1] and sum(seconds) < _BUDGET_S):
        clock = _clock()
        member(batch)
        seconds.append(clock())
    return {
        "engine": member.engine,
        "ms_per_image": statistics.median(seconds) / _BATCH_SIZE * 1e3,
        "load_ms": load_s * 1e3,
    }


def _clock() -> Callable[[], float]:
    """Seconds from now on."""
    wall, processor = time.perf_counter(), time.process_time()
    return lambda: min(time.perf_counter() - wall, time.process_time() - processor)


if __name__ == "__main__":
    sys.exit(main())
