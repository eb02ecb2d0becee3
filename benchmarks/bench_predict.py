"""Prediction by the packaged ensemble against the usual contest code, on the same nets, images, members and views.

The usual code is a loop over members and views of `model.predict(view(images))`, averaged. Both run in one process, in
alternating order; the median counts. Peak memory is that of a process of its own for each number of images.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from submission.kit.predictor import Predictor
from submission.kit.tta import VIEWS

RECIPES = ("mobilenet_v3_small", "small_cnn")
SHAPE = (96, 96, 3)
NUM_CLASSES = 8


def prepare(folder: Path) -> None:
    """Write the nets, untrained, as the usual `.keras` files and as the kit's SavedModels with a manifest."""
    import keras

    from submission.export_net import export_net
    from training.net import build_net, with_probabilities
    from training.recipes import get_recipe

    keras.utils.set_random_seed(0)
    for name in RECIPES:
        net = with_probabilities(build_net(get_recipe(name), SHAPE, NUM_CLASSES))
        net.save(folder / f"{name}.keras")
        export_net(net, folder / "members" / name, SHAPE)
    manifest = {
        "members": [{"name": name, "path": f"members/{name}", "temperature": 1.0} for name in RECIPES],
        "views": list(VIEWS),
        "weights_mv": np.full((len(RECIPES), len(VIEWS)), 1 / len(RECIPES) / len(VIEWS)).tolist(),
        "class_names": [str(k) for k in range(NUM_CLASSES)],
        "image_shape": SHAPE,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def usual(folder: Path):
    """images -> (n, K), as contestants write it."""
    import keras

    nets = [keras.models.load_model(folder / f"{name}.keras") for name in RECIPES]

    def predict(images: np.ndarray) -> np.ndarray:
        return np.mean([net.predict(view(images), verbose=0) for net in nets for view in VIEWS.values()], axis=0)

    return predict


def kit(folder: Path):
    """images -> (n, K), the packaged ensemble."""
    return Predictor(folder).predict_probs


def random_images(num_images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_images, *SHAPE), dtype=np.uint8)


def speed(folder: Path, num_images: int, repeats: int) -> None:
    """Print medians of wall-clock and processor time, the ratios, and the largest difference."""
    images = random_images(num_images)
    ways = {"usual": usual(folder), "kit": kit(folder)}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    results = {name: predict(images[:200]) for name, predict in ways.items()}  # tracing and warm-up
    difference = float(np.abs(results["usual"] - results["kit"]).max())
    for repeat in range(repeats):
        for name in sorted(ways, reverse=bool(repeat % 2)):
            wall, cpu = time.perf_counter(), time.process_time()
            ways[name](images)
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    print(f"{num_images} images, {len(RECIPES)} members x {len(VIEWS)} views, {repeats} repeats")
    medians = {}
    for name, values in seconds.items():
        walls, cpus = zip(*values, strict=True)
        medians[name] = (statistics.median(walls), statistics.median(cpus))
        spread = f"{min(walls):.2f} to {max(walls):.2f}"
        print(f"  {name:6} {medians[name][0]:7.2f} s wall ({spread}), {medians[name][1]:7.2f} s processor")
    ratios = [medians["usual"][n] / medians["kit"][n] for n in range(2)]
    print(f"  usual / kit: {ratios[0]:.2f} wall, {ratios[1]:.2f} processor; largest difference {difference:.1e}")


def memory(folder: Path, way: str, num_images: int) -> None:
    """Print this process's peak memory without the images themselves."""
    images = random_images(num_images)
    {"usual": usual, "kit": kit}[way](folder)(images)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - images.nbytes / 2**20
    print(
        f"  {way:6} {num_images:6} images: {peak_mb:6.0f} MiB beside the images' {images.nbytes / 2**20:.0f}",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_predict",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=1000, help="number of images")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the timing")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        step, folder, *rest = args.worker
        if step == "prepare":
            prepare(Path(folder))
        elif step == "speed":
            speed(Path(folder), args.images, args.repeats)
        else:
            memory(Path(folder), rest[0], int(rest[1]))
        return 0

    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    options = ["--images", str(args.images), "--repeats", str(args.repeats)]
    with tempfile.TemporaryDirectory() as folder:
        # Each step is a child of this small process: a child's peak memory begins with that of its parent.
        for worker in (
            ["prepare", folder],
            ["speed", folder],
            *(["memory", folder, way, str(n)] for way in ("usual", "kit") for n in (args.images, 4 * args.images)),
        ):
            command = [sys.executable, "-m", "benchmarks.bench_predict", *options, "--worker", *worker]
            subprocess.run(command, env=environment, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
