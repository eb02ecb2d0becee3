"""Losses against numpy, by hand where that is possible; what trains in each kind of phase."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from training.augment.engine import Augmenter
from training.augment.policies import POLICIES
from training.augmented_net import AugmentedNet, ConsistentNet, ContrastiveNet, FeatureHead
from training.losses import ClassLoss, jensen_shannon, supervised_contrastive

LOGITS = np.array([[2.0, 0.0, 1.0, -1.0], [0.5, -3.0, 0.0, 4.0]], np.float32)
SOFT = np.array([[0.0, 0.0, 1.0, 0.0], [0.3, 0.0, 0.0, 0.7]], np.float32)


def number(tensor) -> float:
    return float(keras.ops.convert_to_numpy(tensor))


def test_cross_entropy_smooths_soft_targets():
    targets = 0.8 * SOFT + 0.05
    expected = -np.mean(np.sum(targets * log_softmax(LOGITS, axis=1), axis=1))
    assert number(ClassLoss(smoothing=0.2)(LOGITS, SOFT)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_by_hand():
    # two equal logits: the true class has probability 1/2, so the term is (1/2)**2 log 2
    loss = ClassLoss("focal", gamma=2.0)
    assert number(loss(np.zeros((1, 2), np.float32), np.array([[1.0, 0.0]]))) == pytest.approx(0.25 * np.log(2))
    assert number(ClassLoss("focal", gamma=0.0)(LOGITS, SOFT)) == pytest.approx(number(ClassLoss()(LOGITS, SOFT)))
    probs = softmax(LOGITS, axis=1)
    expected = -np.mean(np.sum(SOFT * (1 - probs) ** 1.5 * np.log(probs), axis=1))
    assert number(ClassLoss("focal", gamma=1.5)(LOGITS, SOFT)) == pytest.approx(expected, rel=1e-5)


def test_class_weights_weigh_images_by_their_unsmoothed_targets():
    loss = ClassLoss(smoothing=0.1, class_weights=(1.0, 2.0, 3.0, 0.5))
    by_image = -np.sum((0.9 * SOFT + 0.025) * log_softmax(LOGITS, axis=1), axis=1)
    expected = np.mean(by_image * [3.0, 0.3 * 1.0 + 0.7 * 0.5])
    assert number(loss(LOGITS, SOFT)) == pytest.approx(expected, rel=1e-5)


def test_jensen_shannon_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3 * 5, 4)).astype(np.float32)
    clean, one, two = np.split(softmax(logits, axis=1), 3)
    mixture = np.log((clean + one + two) / 3)
    expected = sum(np.mean(np.sum(p * (np.log(p) - mixture), axis=1)) for p in (clean, one, two)) / 3
    assert number(jensen_shannon(logits)) == pytest.approx(expected, rel=1e-5)
    assert number(jensen_shannon(np.tile(logits[:5], (3, 1)))) == pytest.approx(0.0, abs=1e-6)
    apart = np.float32([[99, 0, 0], [0, 99, 0], [0, 0, 99]])  # three certain and different answers for one image
    assert number(jensen_shannon(apart)) == pytest.approx(np.log(3), rel=1e-5)


def khosla(projections: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """L_out of Khosla et al. 2020, equation 2, in loops."""
    total, counted = 0.0, 0
    for i, anchor in enumerate(projections):
        others = [a for a in range(len(projections)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if positives:
            below = sum(np.exp(anchor @ projections[a] / temperature) for a in others)
            total -= sum(np.log(np.exp(anchor @ projections[p] / temperature) / below) for p in positives) / len(
                positives
            )
            counted += 1
    return total / counted if counted else 0.0


@settings(deadline=None, max_examples=25)
@given(
    labels=st.lists(st.integers(0, 2), min_size=2, max_size=9),
    temperature=st.floats(0.1, 2.0),
    seed=st.integers(0, 99),
)
def test_supervised_contrastive_is_that_of_the_paper(labels, temperature, seed):
    projections = np.random.default_rng(seed).normal(size=(len(labels), 5))
    projections /= np.linalg.norm(projections, axis=1, keepdims=True)
    found = number(supervised_contrastive(projections.astype(np.float32), np.eye(3)[labels], temperature))
    assert found == pytest.approx(khosla(projections, np.array(labels), temperature), rel=1e-4, abs=1e-5)


def test_losses_have_derivatives_where_the_net_is_certain():
    """A finite loss with a gradient that is none would end a training without a word."""
    certain = np.float32([[80.0, 0.0, 0.0], [0.0, 80.0, 0.0]])
    for gamma in (0.0, 0.5, 2.0):
        loss = ClassLoss("focal", gamma=gamma)
        assert np.isfinite(step_of(lambda logits, loss=loss: loss(logits, np.eye(3)[:2]), certain)).all()
    assert np.isfinite(step_of(lambda logits: jensen_shannon(logits, copies=2), certain)).all()


def step_of(function, start: np.ndarray) -> np.ndarray:
    """The values after one step down the gradient."""

    class Down(keras.Model):
        def __init__(self):
            super().__init__()
            self.values = self.add_weight(shape=start.shape, initializer=keras.initializers.Constant(0.0))
            self.values.assign(start)

        def call(self, inputs):
            return self.values + 0.0 * inputs

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return function(y_pred)

    model = Down()
    model.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    model.train_on_batch(np.zeros_like(start))
    return keras.ops.convert_to_numpy(model.values)


def batch(n: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "images": rng.integers(0, 256, (n, 8, 8, 3), np.uint8),
        "targets": np.eye(2, dtype=np.float32)[np.arange(n) % 2],
    }


def tiny_net() -> keras.Model:
    net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()])
    return keras.Sequential([net, keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5))])


def test_the_penalty_of_the_weights_is_part_of_the_loss():
    net = tiny_net()
    model = AugmentedNet(net, Augmenter(POLICIES["none"], 4, 0), ClassLoss())
    outputs = model(batch())
    penalty = 0.5 * np.sum(keras.ops.convert_to_numpy(net.layers[-1].kernel) ** 2)
    bare = number(model.batch_loss(outputs))
    assert number(model.compute_loss(y_pred=outputs)) == pytest.approx(bare + penalty, rel=1e-5)


def test_a_consistent_net_without_changes_has_the_plain_loss():
    net, inputs = tiny_net(), batch()
    plain = AugmentedNet(net, Augmenter(POLICIES["none"], 4, 0), ClassLoss())
    consistent = ConsistentNet(net, Augmenter(POLICIES["none"], 8, 0), ClassLoss(), jsd_weight=12.0)
    outputs = consistent(inputs)
    assert outputs["logits"].shape == (12, 2)
    assert number(consistent.batch_loss(outputs)) == pytest.approx(number(plain.batch_loss(plain(inputs))), rel=1e-5)


def test_altered_copies_raise_the_loss_of_a_consistent_net():
    net, inputs = tiny_net(), batch()
    losses = {
        weight: ConsistentNet(net, Augmenter(POLICIES["flips"], 8, 0), ClassLoss(), jsd_weight=weight)
        for weight in (0.0, 12.0)
    }
    values = {weight: number(model.batch_loss(model(inputs))) for weight, model in losses.items()}
    assert values[12.0] > values[0.0]


def test_projections_have_length_one_and_each_image_two_of_them():
    features = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(7)])
    model = ContrastiveNet(features, Augmenter(POLICIES["flips"], 8, 0), temperature=0.1)
    outputs = model(batch())
    projections = keras.ops.convert_to_numpy(outputs["projections"])
    assert projections.shape == (8, 128)
    np.testing.assert_allclose(np.linalg.norm(projections, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs["targets"])[4:], batch()["targets"])


@pytest.mark.parametrize("kind", ["plain", "consistent", "contrastive", "features"])
def test_a_few_steps_lower_every_loss(kind):
    keras.utils.set_random_seed(0)
    inputs = batch(8)
    inputs["images"][1::2] //= 4  # one class is darker
    if kind == "features":
        inputs["images"] = inputs["images"].reshape(8, -1)[:, :20].astype(np.float32) / 255
        head = keras.Sequential([keras.Input((20,)), keras.layers.Dense(2)])
        model = FeatureHead(head, ClassLoss())
    elif kind == "contrastive":
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(8)]
        backbone = keras.Sequential([keras.Input((8, 8, 3)), *layers])
        model = ContrastiveNet(backbone, Augmenter(POLICIES["flips"], 16, 0), temperature=0.5)
    elif kind == "consistent":
        model = ConsistentNet(tiny_net(), Augmenter(POLICIES["flips"], 16, 0), ClassLoss(), 1.0)
    else:
        model = AugmentedNet(tiny_net(), Augmenter(POLICIES["flips"], 8, 0), ClassLoss())
    model.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = [float(model.fit(inputs, batch_size=8, verbose=0).history["loss"][0]) for _ in range(12)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
