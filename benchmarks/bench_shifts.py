"""Images per second of every suite on one core, and of each corruption beside imagecorruptions where that is installed.

.venv/bin/python -m benchmarks.bench_shifts
ref/bin/python -m benchmarks.bench_shifts    # an environment as in tests/data/make_corruptions_reference.py
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

import numpy as np  # noqa: E402

from local_eval.shifts.fields import smooth_noise  # noqa: E402
from local_eval.shifts.grid import GridSuite  # noqa: E402
from local_eval.shifts.operation import SEVERITIES  # noqa: E402
from local_eval.shifts.suite import get_suite, suite_names  # noqa: E402

# imagecorruptions has these four of MedMNIST-C's
SHARED = {
    "bloodmnist-c": ("pixelate", "jpeg_compression", "defocus_blur", "motion_blur"),
    "imagenet-c": tuple(one.name for one in get_suite("imagenet-c").corruptions),  # type: ignore[attr-defined]
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    images = make_images(args.images, args.size)
    ids = [f"image {n}" for n in range(len(images))]
    print(f"{args.images} images of {args.size} px, one core, best of {args.repeats}; seconds of this process alone")
    for name in suite_names():
        suite = get_suite(name)
        seconds = best(lambda suite=suite: suite.apply(images, ids, "judge", 0), args.repeats)
        print(f"{name:<16} {len(images) / seconds:>8,.0f} images/s")
    corrupt = find_imagecorruptions()
    if corrupt is None:
        print("imagecorruptions is not installed: no comparison")
        return 0
    for name, shared in SHARED.items():
        compare(name, shared, images[:10], ids[:10], corrupt, args.repeats)
    return 0


def compare(
    name: str, shared: Sequence[str], images: np.ndarray, ids: list[str], corrupt: Callable[..., Any], repeats: int
) -> None:
    """Milliseconds an image of each shared corruption, the mean over the severities, theirs and ours."""
    suite = get_suite(name)
    assert isinstance(suite, GridSuite)
    totals = np.zeros(2)
    print(f"{name:<20} imagecorruptions ms   ours ms   times")
    for corruption in shared:

        def theirs(corruption: str = corruption) -> None:
            for severity in SEVERITIES:
                for image in images:
                    corrupt(image, corruption_name=corruption, severity=severity)

        def ours(corruption: str = corruption) -> None:
            for severity in SEVERITIES:
                suite.apply_cell(images, ids, "judge", 0, (corruption, severity))

        count = len(SEVERITIES) * len(images)
        both = np.array([best(theirs, 1), best(ours, repeats)]) / count * 1e3
        totals += both
        print(f"{corruption:<20} {both[0]:>19.2f} {both[1]:>9.2f} {both[0] / both[1]:>7.1f}")
    print(f"{'all of them':<20} {totals[0]:>19.2f} {totals[1]:>9.2f} {totals[0] / totals[1]:>7.1f}")


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of processor time, the least of `repeats`, after one call that fills the caches."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def make_images(count: int, size: int) -> np.ndarray:
    """Blobs on a bright ground: uint8 (count, size, size, 3)."""
    rng = np.random.default_rng(0)
    images = np.empty((count, size, size, 3), np.uint8)
    for image in images:
        blob = np.clip(smooth_noise(rng, size, size, size / 6), 0, 2) / 2
        texture = smooth_noise(rng, size, size, 1)[..., None] * 8
        image[:] = (235 - blob[..., None] * rng.uniform(60, 200, 3) + texture).clip(0, 255)
    return images


def find_imagecorruptions() -> Callable[..., Any] | None:
    """Its `corrupt`, at home under today's scikit-image; None where it is not installed."""
    warnings.simplefilter("ignore")
    try:
        from imagecorruptions import corrupt, corruptions
        from skimage.filters import gaussian
    except ImportError:
        return None
    corruptions.gaussian = lambda x, sigma, multichannel=None, **kw: gaussian(
        x, sigma=sigma, channel_axis=-1 if multichannel else None, **kw
    )
    return corrupt


if __name__ == "__main__":
    main()
