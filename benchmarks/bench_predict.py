"""Prediction by the packaged ensemble against the usual contest code, on the same nets, images, members and views.

The usual code is a loop over members and views of `model.predict(view(images))`, averaged; "graphs" is the kit with all
members as SavedModels, "bare" the kit's engines alone. All run in one process, in alternating order; the median counts.
Peak memory is that of a process of its own for each number of images. `--backbones` compares the two engines instead.
"""

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from submission.kit.member import SAVEDMODEL, TFLITE, Member
from submission.kit.predictor import Predictor
from submission.kit.tta import VIEWS

RECIPES = ("mobilenet_v3_small", "small_cnn")
THIRD = "mobilenet_v2_035"  # the measurement of memory is of three members
BACKBONES = ("small_cnn", "mobilenet_v3_small", "mobilenet_v2_035", "efficientnet_v2_b0", "convnext_tiny", "resnet50")
SHAPE = (96, 96, 3)
NUM_CLASSES = 8


def prepare(folder: Path) -> None:
    """Write the nets, untrained, as the usual `.keras` files and as the kit's members with a manifest."""
    import keras

    from submission.engine import choose_engine
    from submission.export_net import export_net
    from training.net import build_net, with_probabilities
    from training.recipes import get_recipe

    for name in (*RECIPES, THIRD):
        keras.utils.set_random_seed(0)
        recipe = dataclasses.replace(get_recipe(name), weights=None)
        net = with_probabilities(build_net(recipe, SHAPE, NUM_CLASSES))
        net.save(folder / f"{name}.keras")
        export_net(net, folder / "members" / name, SHAPE)
        engine = choose_engine(folder / "members" / name, [random_images(61)])
        print(f"  {name}: {engine.name}, batches {engine.batch_sizes}; {engine.reason}", flush=True)
    (folder / "three").mkdir()
    for where, names in ((folder, RECIPES), (folder / "three", (*RECIPES, THIRD))):
        members = os.path.relpath(folder / "members", where)
        manifest = {
            "members": [{"name": name, "path": f"{members}/{name}", "temperature": 1.0} for name in names],
            "views": list(VIEWS),
            "weights_mv": np.full((len(names), len(VIEWS)), 1 / len(names) / len(VIEWS)).tolist(),
            "class_names": [str(k) for k in range(NUM_CLASSES)],
            "image_shape": SHAPE,
        }
        (where / "manifest.json").write_text(json.dumps(manifest))


def usual(folder: Path, names: Sequence[str] = RECIPES):
    """images -> (n, K), as contestants write it."""
    import keras

    nets = [keras.models.load_model(folder / f"{name}.keras") for name in names]

    def predict(images: np.ndarray) -> np.ndarray:
        return np.mean([net.predict(view(images), verbose=0) for net in nets for view in VIEWS.values()], axis=0)

    return predict


def kit(folder: Path):
    """images -> (n, K), the packaged ensemble."""
    return Predictor(folder).predict_probs


def graphs(folder: Path):
    """As `kit`, all members as SavedModels."""
    return Predictor(folder, load=lambda member: Member(member, SAVEDMODEL)).predict_probs


def bare(folder: Path):
    """The engines of `kit` alone: on views made before, without a blend; (n, K) of the last pass."""
    members = [Member(folder / "members" / name) for name in RECIPES]
    views: dict[int, list[np.ndarray]] = {}

    def predict(images: np.ndarray) -> np.ndarray:
        if len(images) not in views:
            views[len(images)] = [np.ascontiguousarray(view(images)) for view in VIEWS.values()]
        return [
            np.concatenate([member(view[i : i + 64]) for i in range(0, len(view), 64)])
            for member in members
            for view in views[len(images)]
        ][-1]

    return predict


def random_images(num_images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_images, *SHAPE), dtype=np.uint8)


def speed(folder: Path, num_images: int, repeats: int) -> None:
    """Print medians of wall-clock and processor time, and what others take compared with the kit."""
    images = random_images(num_images)
    ways = {"usual": usual(folder), "kit": kit(folder), "graphs": graphs(folder), "bare": bare(folder)}
    results = {name: predict(images[:200]) for name, predict in ways.items()}  # tracing and warm-up
    ways["bare"](images)  # makes its views
    difference = float(np.abs(results["usual"] - results["kit"]).max())
    print(f"{num_images} images, {len(RECIPES)} members x {len(VIEWS)} views, {repeats} repeats")
    seconds = in_turns({name: lambda way=way: way(images) for name, way in ways.items()}, repeats)
    medians = {name: [statistics.median(column) for column in zip(*seconds[name], strict=True)] for name in ways}
    for name, (wall, cpu) in medians.items():
        walls = [one[0] for one in seconds[name]]
        ratios = [ours / theirs for ours, theirs in zip((wall, cpu), medians["kit"], strict=True)]
        spread = f"({min(walls):.2f} to {max(walls):.2f})"
        print(
            f"  {name:6} {wall:7.2f} s wall {spread:18} {cpu:7.2f} s processor; / kit: {ratios[0]:.2f}, {ratios[1]:.2f}"
        )
    print(f"  largest difference between usual and kit {difference:.1e}")


def in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[tuple[float, float]]]:
    """(wall, processor) seconds of each way and repeat; the order is reversed every other time."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name in list(ways)[:: -1 if repeat % 2 else 1]:
            wall, cpu = time.perf_counter(), time.process_time()
            ways[name]()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return seconds


def memory(folder: Path, way: str, num_images: int) -> None:
    """Print this process's peak memory with three members, without the images themselves."""
    images = random_images(num_images)
    predict = usual(folder, (*RECIPES, THIRD)) if way == "usual" else kit(folder / "three")
    predict(images)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - images.nbytes / 2**20
    beside = f"{peak_mb:6.0f} MiB beside the images' {images.nbytes / 2**20:.0f}"
    print(f"  {way:6} {num_images:6} images, 3 members: {beside}", flush=True)


def backbone(folder: Path, name: str, repeats: int) -> None:
    """Print images a second of one backbone, untrained, at 96 px: as a frozen graph, and by the interpreter."""
    import keras

    from submission.engine import choose_engine
    from submission.export_net import export_net
    from training.backbones import build
    from training.net import with_probabilities

    keras.utils.set_random_seed(0)
    images = random_images(64)
    where = folder / name
    export_net(with_probabilities(build(name, SHAPE, NUM_CLASSES)), where, SHAPE)
    engine = choose_engine(where, [images[:61]], TFLITE)
    ways = {one: Member(where, one) for one in (SAVEDMODEL, TFLITE)}
    for way in ways.values():
        way(images)
    seconds = in_turns({one: lambda way=way: way(images) for one, way in ways.items()}, repeats)
    cells = []
    for n, kind in enumerate(("wall", "processor")):
        graph_s, interpreter_s = (statistics.median(value[n] for value in seconds[one]) for one in ways)
        rates = f"{len(images) / graph_s:6.0f} {len(images) / interpreter_s:6.0f} images/s"
        cells.append(f"{kind} {rates}, {graph_s / interpreter_s:.2f} times")
    batch = engine.batch_sizes[TFLITE]
    print(f"  {name:20} {'; '.join(cells)}; batch {batch}, differs by {engine.largest_difference:.0e}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_predict",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--images", type=int, default=1000, help="number of images")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the timing")
    parser.add_argument("--backbones", nargs="*", metavar="NAME", help="compare the engines on these instead (or six)")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        step, folder, *rest = args.worker
        if step == "prepare":
            prepare(Path(folder))
        elif step == "speed":
            speed(Path(folder), args.images, args.repeats)
        elif step == "backbone":
            backbone(Path(folder), rest[0], args.repeats)
        else:
            memory(Path(folder), rest[0], int(rest[1]))
        return 0

    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    options = ["--images", str(args.images), "--repeats", str(args.repeats)]
    with tempfile.TemporaryDirectory() as folder:
        # Each step is a child of this small process: a child's peak memory begins with that of its parent.
        workers = [
            ["prepare", folder],
            ["speed", folder],
            *(["memory", folder, way, str(n)] for way in ("usual", "kit") for n in (args.images, 4 * args.images)),
        ]
        if args.backbones is not None:
            print("graph and interpreter, 64 images of 96x96:", flush=True)
            workers = [["backbone", folder, name] for name in args.backbones or BACKBONES]
        for worker in workers:
            command = [sys.executable, "-m", "benchmarks.bench_predict", *options, "--worker", *worker]
            subprocess.run(command, env=environment, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
