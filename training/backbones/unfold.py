"""Give a net whose batch norm was folded into its convolutions statistics of its own, so that it can be tuned whole.

Files made from int8 models have batch norm that does nothing but add: scale 1, mean 0, variance 1. Frozen, it works; in
a train step it would divide by the deviation of the batch, and the net would be another one. After unfolding the net
computes what it did, and its batch norm has the statistics of your images.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import atomic_path
from submission.kit.folds import load_folds
from submission.kit.image_set import open_image_set
from submission.kit.seeds import derive_seed

from .build import build

BATCH = 32


def unfold_batch_norm(net: keras.Model, batches: Iterable[np.ndarray]) -> None:
    """Set mean and variance of all batch norm of a net's backbone to those of its inputs, scale and offset to match.

    One pass is enough: no layer's output changes, so that none of the later statistics does.

    Args:
        net: from `build`, with folded weights.
        batches: images (n, H, W, C) in [0, 255]; at least one.

    Raises:
        KitError: the backbone's batch norm is not folded, or it has none, or there are no images.
    """
    backbone = net.get_layer("backbone")
    layers = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not layers or not all(_is_folded(layer) for layer in layers):
        raise KitError(
            f"expected weights whose batch norm is folded: scale 1, mean 0, variance 1. Received: {net.name} with "
            f"{len(layers)} batch norm layers that are not. Weights as they come from Keras need no unfolding."
        )
    moments = [ops.mean(power(layer.input), axis=(0, 1, 2)) for layer in layers for power in (ops.copy, ops.square)]
    inner = keras.Model(backbone.input, moments)
    front = keras.Model(net.input, net.get_layer("scaled").output)
    sums, count = [np.zeros(tensor.shape) for tensor in moments], 0
    for images in batches:
        outputs = inner(front(ops.convert_to_tensor(images, "float32")), training=False)
        sums = [old + len(images) * ops.convert_to_numpy(new) for old, new in zip(sums, outputs, strict=True)]
        count += len(images)
    if not count:
        raise KitError("expected images to take statistics of. Received: none.")
    for layer, first, second in zip(layers, sums[::2], sums[1::2], strict=True):
        mean = first / count
        variance = np.maximum(second / count - mean**2, 0.0)
        layer.gamma.assign(np.sqrt(variance + layer.epsilon))
        layer.beta.assign(ops.convert_to_numpy(layer.beta) + mean)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def _is_folded(layer: keras.layers.BatchNormalization) -> bool:
    """Whether inference is x + offset."""
    deviation = np.sqrt(ops.convert_to_numpy(layer.moving_variance) + layer.epsilon)
    scale = ops.convert_to_numpy(layer.gamma) / deviation
    return bool(np.allclose(scale, 1.0, atol=1e-3) and not np.any(ops.convert_to_numpy(layer.moving_mean)))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.backbones.unfold",
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("weights", type=Path, help="a .weights.h5 file with folded batch norm")
    parser.add_argument("output", type=Path, help="the file to write: NAME.weights.h5")
    parser.add_argument("--backbone", default="mobilenet_v2", help="what the file is of")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--images", type=int, default=1024, help="so many images of the folds, never of the hold-out")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of images")
    args = parser.parse_args(argv)
    if not args.output.name.endswith(".weights.h5"):
        raise KitError(f"expected an output named *.weights.h5. Received: {args.output}.")
    if args.images < 1:
        raise KitError(f"--images must be at least 1. Received: {args.images}.")
    data = open_image_set(args.artifacts / "data", f"make data ARTIFACTS={args.artifacts}")
    folds = load_folds(args.artifacts / "split" / "folds.csv")
    folds.check_of(data, f"python -m training.split --artifacts {args.artifacts}")
    rows = folds.index[np.char.startswith(folds.part, "fold")]
    generator = np.random.default_rng(derive_seed(args.seed, "unfold"))
    rows = np.sort(generator.permutation(rows)[: args.images])
    net = build(args.backbone, data.image_shape, data.num_classes, str(args.weights))
    unfold_batch_norm(net, (data.images[rows[start : start + BATCH]] for start in range(0, len(rows), BATCH)))
    with atomic_path(args.output) as new:
        net.get_layer("backbone").save_weights(new)
    print(f"unfold: {args.output}: {args.backbone} with batch-norm statistics of {len(rows)} images")
    return 0


if __name__ == "__main__":
    run_main(main)
