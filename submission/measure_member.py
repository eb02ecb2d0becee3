"""Time one exported member, and the making of views, in this fresh process, pinned to some cores; print it as JSON.

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

from submission.kit.symmetry import contiguous
from submission.kit.tta import get_view

_BATCH_SIZE = 64  # what the predictor hands over
_BUDGET_S = 6.0
_VIEW_BUDGET_S = 0.2
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
    parser.add_argument("--views", nargs="*", default=[], help="names of views whose making is timed too")
    parser.add_argument("--cores", type=int, default=2, help="how many the process is pinned to")
    args = parser.parse_args(argv)
    cores = pin(args.cores)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    images = np.load(args.images, mmap_mode="r")
    print(json.dumps(measure(args.folder, images) | {"view_ms": time_views(args.views, images), "cores": cores}))
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
    ms_per_image = _ms_per_image(member, _batch(images), _BUDGET_S)
    return {"engine": member.engine, "ms_per_image": ms_per_image, "load_ms": load_s * 1e3}


def time_views(names: Sequence[str], images: np.ndarray) -> dict[str, float]:
    """Name of a view -> milliseconds to make it of one image, as the predictor does; each once for all members."""
    batch = _batch(images)
    return {name: _ms_per_image(_maker(name), batch, _VIEW_BUDGET_S) for name in names}


def _maker(name: str) -> Callable[[np.ndarray], np.ndarray]:
    view = get_view(name)
    return lambda batch: contiguous(view(batch))


def _batch(images: np.ndarray) -> np.ndarray:
    return np.resize(images[:_BATCH_SIZE], (_BATCH_SIZE, *images.shape[1:]))


def _ms_per_image(run: Callable[[np.ndarray], np.ndarray], batch: np.ndarray, budget_s: float) -> float:
    """The median of several batches, after one that does not count."""
    run(batch)
    seconds: list[float] = []
    while len(seconds) < _REPEATS[0] or (len(seconds) < _REPEATS[1] and sum(seconds) < budget_s):
        clock = _clock()
        run(batch)
        seconds.append(clock())
    return statistics.median(seconds) / len(batch) * 1e3


def _clock() -> Callable[[], float]:
    """Seconds from now on."""
    wall, processor = time.perf_counter(), time.process_time()
    return lambda: min(time.perf_counter() - wall, time.process_time() - processor)


if __name__ == "__main__":
    sys.exit(main())
