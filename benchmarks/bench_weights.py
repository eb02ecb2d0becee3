"""Greedy selection of members x views: time, memory, and AutoGluon's on the same table, each in a process of its own.

The table is drawn: pictures of their own difficulty, members of their own skill, views that share most of a member's
errors. AutoGluon (autogluon.core) is installed into an environment of its own, beside the results, the first time.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

PEER = "autogluon.core"


def draw_table(members: int, views: int, images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 (M * V, N, K) probabilities and int64 (N,) labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, images)
    probs = np.empty((members * views, images, classes), np.float32)
    picture = rng.normal(0, 1.5, (images, classes)).astype(np.float32)
    picture[np.arange(images), labels] += rng.gamma(2.0, 1.5, images).astype(np.float32)
    for m in range(members):
        own = picture + rng.normal(0, rng.uniform(0.8, 2.0), (images, classes)).astype(np.float32)
        for v in range(views):
            logits = own + rng.normal(0, 0.7, (images, classes)).astype(np.float32)
            powers = np.exp(logits - logits.max(-1, keepdims=True))
            probs[m * views + v] = powers / powers.sum(-1, keepdims=True)
    return probs, labels


def kit(folder: Path, steps: int) -> dict[str, Any]:
    """Our own greedy selection on the table of a folder."""
    from ensembles.greedy import greedy_weights

    probs, labels = np.load(folder / "probs.npy"), np.load(folder / "labels.npy")
    shares = np.full(len(labels), 1 / len(labels))
    wall, cpu = time.perf_counter(), time.process_time()
    weights = greedy_weights(probs, labels, shares, len(probs), steps)
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds | {"weights": weights.tolist(), "peak_mib": peak_mib}


def others(folder: Path, members: int, views: int) -> dict[str, float]:
    """Processor seconds of one fit by every method, on the same table."""
    from ensembles.methods import METHODS
    from ensembles.rows import Rows
    from submission.kit.tta import VIEWS

    probs, labels = np.load(folder / "probs.npy"), np.load(folder / "labels.npy")
    rows = Rows(
        probs.reshape(members, views, *probs.shape[1:]),
        labels,
        np.full(len(labels), 1 / len(labels)),
        np.arange(len(labels)),
        np.repeat(["an2dl"], len(labels)),
        list(VIEWS)[:views],
        np.ones(members),
    )
    seconds = {}
    for method in METHODS:
        cpu = time.process_time()
        method.fit(rows, members)
        seconds[method.name] = time.process_time() - cpu
    return seconds


def peer_python(folder: Path) -> Path:
    """The interpreter of an environment with AutoGluon, made there if need be."""
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        (folder / ".ready").touch()
    return python


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_weights",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=100, help="members")
    parser.add_argument("--views", type=int, default=8, help="views, at most 8")
    parser.add_argument("--images", type=int, default=5000, help="images")
    parser.add_argument("--classes", type=int, default=8, help="classes")
    parser.add_argument("--steps", type=int, default=50, help="additions")
    parser.add_argument("--peer-python", type=Path, help=f"python that has {PEER}; by default an environment is made")
    parser.add_argument("--out", type=Path, default=Path("artifacts/bench"), help="where that environment lies")
    parser.add_argument("--no-peer", action="store_true", help="time our own alone")
    parser.add_argument("--every-method", action="store_true", help="time one fit by each method, too")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        step, folder = args.worker[0], Path(args.worker[1])
        print(json.dumps(kit(folder, args.steps) if step == "kit" else others(folder, args.members, args.views)))
        return 0

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        probs, labels = draw_table(args.members, args.views, args.images, args.classes)
        np.save(folder / "probs.npy", probs)
        np.save(folder / "labels.npy", labels)
        print(
            f"{args.members} members x {args.views} views, {args.images} images, {args.classes} classes, {args.steps} "
            f"steps; the best alone {max((one.argmax(-1) == labels).mean() for one in probs):.4f}",
            flush=True,
        )
        sizes = ["--members", str(args.members), "--views", str(args.views), "--steps", str(args.steps)]
        ours = [sys.executable, "-m", "benchmarks.bench_weights", *sizes, "--worker"]
        found = {"kit": _run([*ours, "kit", name])}
        _tell("kit", found["kit"], probs, labels)
        if not args.no_peer:
            python = args.peer_python or peer_python(args.out / "autogluon")
            script = Path(__file__).with_name("peer_greedy.py")
            found["peer"] = _run([str(python), str(script), name, str(args.steps)])
            _tell("AutoGluon", found["peer"], probs, labels)
            ratios = [found["peer"][key] / found["kit"][key] for key in ("wall_s", "cpu_s")]
            print(f"AutoGluon / kit: {ratios[0]:.0f} times wall, {ratios[1]:.0f} times processor")
        if args.every_method:
            for method, seconds in _run([*ours, "others", name]).items():
                print(f"  one fit by {method:16} {seconds:7.2f} s processor", flush=True)
    return 0


def _run(command: list[str]) -> dict[str, Any]:
    """A child's last line as JSON; each has one core, so that libraries cannot differ in their use of cores."""
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _tell(name: str, found: dict[str, Any], probs: np.ndarray, labels: np.ndarray) -> None:
    weights = np.array(found["weights"])
    mixed = np.tensordot(weights[weights > 0].astype(np.float32), probs[weights > 0], 1)
    memory = f", peak {found['peak_mib']:.0f} MiB" if "peak_mib" in found else ""
    print(
        f"{name:10} {found['wall_s']:8.2f} s wall, {found['cpu_s']:8.2f} s processor{memory}; "
        f"{np.count_nonzero(weights)} kept, accuracy {(mixed.argmax(-1) == labels).mean():.4f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
