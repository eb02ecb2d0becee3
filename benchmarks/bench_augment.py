"""Time an epoch bare, with the strong policy, and fed by Keras' RandAugment in tf.data: one run, in turn.

The three differ in the augmentation alone: same net, batch, images and step. Each round times one epoch of each; the
medians over the rounds are printed, and the ratio of each round's pair.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from submission.kit.console import run_main
from submission.kit.image_set import ImageSet
from training.augment.engine import Augmenter
from training.augment.policies import get_policy
from training.augmented_net import AugmentedNet
from training.batches import ShuffledBatches
from training.net import build_net
from training.recipes import get_recipe
from training.train import make_optimizer

CLASSES = 8


def random_images(count: int, size: int) -> ImageSet:
    """Images of noise: the cost of a step does not depend on what they show."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3), np.uint8)
    labels = rng.integers(0, CLASSES, count)
    names = {"class_names": [f"class {k}" for k in range(CLASSES)]}
    return ImageSet(images, labels, np.arange(count).astype(str), names)


def policy_epoch(policy: str, recipe_name: str, data: ImageSet) -> Callable[[], float]:
    """A function that trains one epoch with a policy in the step, and returns its seconds."""
    recipe = get_recipe(recipe_name, {"policy": policy, "epochs": 1000})
    net = build_net(recipe, data.image_shape, CLASSES)
    model = AugmentedNet(net, Augmenter(get_policy(policy), recipe.batch_size, 0), True, recipe.label_smoothing)
    model.compile(optimizer=make_optimizer(recipe, len(data) // recipe.batch_size, 0.99), jit_compile=False)

    def run() -> float:
        batches = ShuffledBatches(data, np.arange(len(data)), recipe.batch_size, 0, 0)
        start = time.perf_counter()
        model.fit(batches, verbose=0, shuffle=False)
        return time.perf_counter() - start

    return run


def keras_epoch(recipe_name: str, data: ImageSet) -> Callable[[], float]:
    """The same with `keras.layers.RandAugment` mapped over tf.data, as its documentation shows."""
    recipe = get_recipe(recipe_name, {"epochs": 1000})
    net = build_net(recipe, data.image_shape, CLASSES)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    steps = len(data) // recipe.batch_size
    net.compile(optimizer=make_optimizer(recipe, steps, 0.99), loss=loss, jit_compile=False)
    augment = keras.layers.RandAugment(value_range=(0, 255), num_ops=2, factor=0.5)
    targets = np.eye(CLASSES, dtype=np.float32)[data.labels]
    dataset = (
        tf.data.Dataset.from_tensor_slices((data.images, targets)).shuffle(len(data)).batch(recipe.batch_size, True)
    )
    dataset = dataset.map(
        lambda images, target: (augment(tf.cast(images, tf.float32), training=True), target), tf.data.AUTOTUNE
    ).prefetch(tf.data.AUTOTUNE)

    def run() -> float:
        start = time.perf_counter()
        net.fit(dataset, verbose=0)
        return time.perf_counter() - start

    return run


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--recipe", default="small_cnn")
    parser.add_argument("--images", type=int, default=1920)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args(argv)
    data = random_images(args.images, args.size)
    epochs = {
        "no augmentation": policy_epoch("none", args.recipe, data),
        "policy strong, in the step": policy_epoch("strong", args.recipe, data),
        "keras RandAugment, in tf.data": keras_epoch(args.recipe, data),
    }
    for run in epochs.values():
        run()  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(args.rounds):
        for name, run in epochs.items():
            seconds[name].append(run())
    bare = seconds["no augmentation"]
    print(f"{args.recipe}, {args.images} images of {args.size} px, batch 64, {args.rounds} rounds in turn")
    for name, values in seconds.items():
        ratio = statistics.median(value / base for value, base in zip(values, bare, strict=True))
        rate = args.images / statistics.median(values)
        taken = f"{statistics.median(values):7.2f} s an epoch  {rate:6.0f} images/s"
        print(f"{name:30s} {taken}  {ratio:5.2f} times the bare epoch")
    return 0


if __name__ == "__main__":
    run_main(main)
