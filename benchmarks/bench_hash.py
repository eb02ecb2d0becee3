"""Perceptual hashes in batches, and the search among them, beside imagehash: `python -m benchmarks.bench_hash`."""

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from submission.kit.console import run_main
from submission.kit.image_set import open_image_set
from training.cleaning.grey import grey_images
from training.cleaning.hamming import close_rows
from training.cleaning.hashes import HASHES
from training.cleaning.multi_index import close_pairs

BATCH = 64
MAX_BITS = 4


def _seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Processor seconds of the fastest call, so that other work on the machine counts little."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def compare_hashes(images: np.ndarray) -> None:
    """Print images a second of one core, and the share of equal bits, for each hash."""
    print(f"hashes of {len(images)} images {images.shape[1:]}, one core, images a second of processor time")
    for name, function in HASHES.items():

        def batched(function=function) -> np.ndarray:
            starts = range(0, len(images), BATCH)
            return np.concatenate([function(grey_images(images[start : start + BATCH])) for start in starts])

        def looped(name=name) -> list:
            return [getattr(imagehash, name)(Image.fromarray(image)).hash.ravel() for image in images]

        ours, theirs = _seconds(batched), _seconds(looped, 2)
        bits = np.unpackbits(batched()[:, None].view(np.uint8), axis=1) == np.stack(looped())
        print(
            f"  {name}: {len(images) / ours:8.0f}, imagehash {len(images) / theirs:8.0f}, {theirs / ours:.1f} times; "
            f"equal bits {bits.mean():.6f}",
            flush=True,
        )


def _hashes(count: int, seed: int) -> np.ndarray:
    """Random hashes, a tenth of them others with up to four bits changed."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = count // 10
    changed = hashes[:copies].copy()
    for _ in range(MAX_BITS):
        changed ^= np.uint64(1) << rng.integers(0, 64, copies).astype(np.uint64)
    hashes[count - copies :] = changed
    return rng.permutation(hashes)


def _pairs(hashes: np.ndarray) -> np.ndarray:
    found = [np.stack(pairs, axis=1) for pairs in close_pairs(hashes, MAX_BITS)]
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)


def compare_search(counts: Sequence[int], brute: int) -> None:
    """Print the time of all pairs within `MAX_BITS` bits, and compare with brute force up to `brute` hashes."""
    for count in counts:
        hashes = _hashes(count, count)
        start, wall = time.process_time(), time.perf_counter()
        pairs = _pairs(hashes)
        seconds, wall = time.process_time() - start, time.perf_counter() - wall
        told = f"all pairs within {MAX_BITS} bits of {count:,} hashes: {len(pairs):,} in {seconds:.2f} s of one core"
        told += f" ({wall:.2f} s on the clock)"
        if count <= brute:
            start = time.process_time()
            expected = [(row, int(other)) for row, later in close_rows(hashes, MAX_BITS) for other in later]
            same = sorted(map(tuple, pairs.tolist())) == expected
            told += f"; brute force {time.process_time() - start:.2f} s, {'the same pairs' if same else 'OTHER PAIRS'}"
        print(told, flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_hash",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="whose images are hashed")
    parser.add_argument("--images", type=int, default=2000, help="so many of them")
    parser.add_argument("--counts", type=int, nargs="*", default=[10_000, 20_000, 1_000_000], help="hashes to search")
    options = parser.parse_args(argv)
    data = open_image_set(options.artifacts / "data", f"make data ARTIFACTS={options.artifacts}")
    with threadpool_limits(1):
        compare_hashes(np.array(data.images[: options.images]))
    compare_search(options.counts, 20_000)
    return 0


if __name__ == "__main__":
    run_main(main)
