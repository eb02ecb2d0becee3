"""Time an epoch bare, with a policy, and fed by Keras' RandAugment in tf.data: one run, in turn.

They differ in the augmentation alone: same net, batch, images and step. Keras' layer draws once for whatever it is
given: mapped over batches, a batch has one choice of operations; mapped over images before they are batched, each image
has its own, as with the policy. Each round times one epoch of each, in seconds of the clock and of the processors;
medians over the rounds are printed, and of the ratios within each round. On a machine that others use, the processors'
seconds are the steadier measure.
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
from training.losses import ClassLoss
from training.net import build_net
from training.optimizers import make_optimizer
from training.phases import phases_of
from training.recipes import get_recipe

CLASSES = 8


def random_images(count: int, size: int) -> ImageSet:
    """Images of noise: the cost of a step does not depend on what they show."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3), np.uint8)
    labels = rng.integers(0, CLASSES, count)
    names = {"class_names": [f"class {k}" for k in range(CLASSES)]}
    return ImageSet(images, labels, np.arange(count).astype(str), names)


def policy_epoch(policy: str, recipe_name: str, data: ImageSet) -> Callable[[], None]:
    """A function that trains one epoch with a policy in the step."""
    recipe = get_recipe(recipe_name, {"policy": policy, "epochs": 1000})
    net = build_net(recipe, data.image_shape, CLASSES)
    loss = ClassLoss(smoothing=recipe.label_smoothing)
    model = AugmentedNet(net, Augmenter(get_policy(policy), recipe.batch_size, 0), loss)
    optimizer = make_optimizer(recipe, phases_of(recipe)[0], len(data) // recipe.batch_size)
    model.compile(optimizer=optimizer, jit_compile=False)

    def run() -> None:
        batches = ShuffledBatches(data, np.arange(len(data)), recipe.batch_size, 0, 0)
        model.fit(batches, verbose=0, shuffle=False)

    return run


def keras_epoch(recipe_name: str, data: ImageSet, per_image: bool) -> Callable[[], None]:
    """The same with `keras.layers.RandAugment` mapped over the batches or over the images of a tf.data pipeline."""
    recipe = get_recipe(recipe_name, {"epochs": 1000})
    net = build_net(recipe, data.image_shape, CLASSES)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    steps = len(data) // recipe.batch_size
    net.compile(optimizer=make_optimizer(recipe, phases_of(recipe)[0], steps), loss=loss, jit_compile=False)
    augment = keras.layers.RandAugment(value_range=(0, 255), num_ops=2, factor=0.5)
    targets = np.eye(CLASSES, dtype=np.float32)[data.labels]
    dataset = tf.data.Dataset.from_tensor_slices((data.images, targets)).shuffle(len(data))
    stages = [
        lambda given: given.batch(recipe.batch_size, drop_remainder=True),
        lambda given: given.map(
            lambda images, target: (augment(tf.cast(images, tf.float32), training=True), target), tf.data.AUTOTUNE
        ),
    ]
    for stage in reversed(stages) if per_image else stages:
        dataset = stage(dataset)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)

    def run() -> None:
        net.fit(dataset, verbose=0, shuffle=False)

    return run


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds of the clock and of all processors."""
    clock, processors = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - processors


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--recipe", default="small_cnn")
    parser.add_argument("--policy", default="strong")
    parser.add_argument("--images", type=int, default=1920)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args(argv)
    data = random_images(args.images, args.size)
    bare = "no augmentation"
    epochs = {
        bare: policy_epoch("none", args.recipe, data),
        f"policy {args.policy}, in the step": policy_epoch(args.policy, args.recipe, data),
        "keras RandAugment, over batches": keras_epoch(args.recipe, data, per_image=False),
        "keras RandAugment, over images": keras_epoch(args.recipe, data, per_image=True),
    }
    for run in epochs.values():
        run()  # compiles
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in epochs}
    for _ in range(args.rounds):
        for name, run in epochs.items():
            seconds[name].append(timed(run))
    print(f"{args.recipe}, {args.images} images of {args.size} px, batch 64, {args.rounds} rounds in turn")
    for name, values in seconds.items():
        clock, processors = (statistics.median(column) for column in zip(*values, strict=True))
        ratios = [
            [one / base for one, base in zip(*pair, strict=True)] for pair in zip(values, seconds[bare], strict=True)
        ]
        by_clock, by_processors = (statistics.median(column) for column in zip(*ratios, strict=True))
        print(
            f"{name:32s} {args.images / clock:5.0f} images/s, {by_clock:5.2f} times the bare epoch; "
            f"processors {processors:6.2f} s, {by_processors:5.2f} times"
        )
    return 0


if __name__ == "__main__":
    run_main(main)
