"""How hard the synthetic contest is: for mean colours (should fail) and for a small CNN (should pass).

Run from the repository root: `python -m benchmarks.bench_synthetic [--cnn]`.
"""

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np

from submission.kit.console import run_main
from submission.kit.seeds import derive_seed
from training.data.synthetic import CLASS_NAMES, Contest, draw_contest

_BATCH = 32
_HOLDOUT = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Print generation time, the linear models' accuracy and, if asked, a CNN's; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--images", type=int, default=2400)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cnn", action="store_true", help="also train a CNN of about 1 M parameters: minutes")
    parser.add_argument("--epochs", type=int, default=14, help="of the CNN")
    args = parser.parse_args(argv)

    contest = draw_contest(args.images, args.size, args.seed)
    start = time.perf_counter()
    images = np.concatenate([batch for batch, _ in contest.batches()])
    print(f"drawn: {len(images)} images of {args.size} px in {time.perf_counter() - start:.1f} s")

    cells = np.flatnonzero(contest.plan.kinds == "cell")
    images, true = images[cells], contest.plan.true_labels[cells]
    for name, features in _colour_features(images).items():
        scores = _linear_scores(features, true)
        folds = f"{scores.min():.3f} to {scores.max():.3f}"
        print(f"logistic regression on {name}: {scores.mean():.3f} ({folds} in 5 folds; wanted: below 0.6)")
    if args.cnn:
        _bench_cnn(contest, images, cells, args.epochs)
    return 0


def _colour_features(images: np.ndarray) -> dict[str, np.ndarray]:
    pixels = images.reshape(len(images), -1, 3)
    mean = np.stack([image.mean(0) for image in pixels])
    spread = np.stack([image.std(0) for image in pixels])
    return {"mean colours": mean, "mean and spread of colours": np.concatenate([mean, spread], 1)}


def _linear_scores(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return cross_val_score(model, features, labels, cv=5)


def _bench_cnn(contest: Contest, images: np.ndarray, cells: np.ndarray, epochs: int) -> None:
    """Train on the given labels, wrong ones included, of 80 % of the cells; score on the rest."""
    import keras

    keras.utils.set_random_seed(derive_seed(contest.seed, "bench"))
    rng = np.random.default_rng(derive_seed(contest.seed, "bench", "order"))
    rows = rng.permutation(len(cells))
    cut = round(_HOLDOUT * len(rows))
    held, rest = rows[:cut], rows[cut:]
    given, true = contest.plan.given_labels[cells], contest.plan.true_labels[cells]
    model = _small_cnn(images.shape[1:])
    steps = len(rest) // _BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * steps, warmup_target=2e-3, warmup_steps=epochs * steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            order = rng.permutation(rest)
            for at in range(0, steps * _BATCH, _BATCH):
                batch = order[at : at + _BATCH]
                turned = np.rot90(images[batch], rng.integers(4), axes=(1, 2))
                yield np.ascontiguousarray(turned[:, :, :: rng.choice([-1, 1])]), given[batch]

    start = time.perf_counter()
    model.fit(batches(), steps_per_epoch=steps, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    guess = model.predict(images[held], batch_size=64, verbose=0).argmax(1)
    print(
        f"CNN, {model.count_params():,} parameters, {epochs} epochs in {seconds:.0f} s, {len(held)} held out: "
        f"{np.mean(guess == true[held]):.3f} of the true labels, {np.mean(guess == given[held]):.3f} of the given ones "
        f"(wanted: above 0.95)"
    )
    for label, name in enumerate(CLASS_NAMES):
        here = true[held] == label
        print(f"  {name}: {np.mean(guess[here] == label):.3f} of {here.sum()}")


def _small_cnn(image_shape: tuple[int, ...]):
    from keras import Model, layers

    inputs = layers.Input(image_shape)
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters, kernel, stride in ((32, 4, 2), (64, 3, 2), (96, 3, 1), (160, 3, 2), (160, 3, 1), (256, 3, 2)):
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return Model(inputs, layers.Dense(len(CLASS_NAMES))(x))


if __name__ == "__main__":
    run_main(main)
