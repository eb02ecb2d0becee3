"""Optimizers, schedules, averages: against Keras' own and against hand-made sums."""

import keras
import numpy as np
import pytest

from training.augment.engine import Augmenter
from training.augment.policies import POLICIES
from training.augmented_net import AugmentedNet
from training.averaging import EqualAverage, averaged_weights, ema_momentum
from training.losses import ClassLoss
from training.optimizers import OPTIMIZERS, make_optimizer, make_schedule, plateau_rate
from training.phases import Phase, phases_of
from training.progress import Progress
from training.recipes import get_recipe

TUNE = Phase("tune", 4, 0.1)


def recipe(**changes):
    return get_recipe("small_cnn", {"epochs": 4, "warmup_epochs": 1, **changes})


def model_with(optimizer, norm: bool = False) -> AugmentedNet:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.BatchNormalization()] if norm else []
    net = keras.Sequential([keras.Input((4, 4, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(2)])
    model = AugmentedNet(net, Augmenter(POLICIES["none"], 4, 0), ClassLoss())
    model.compile(optimizer=optimizer, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model


def batches(count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        {
            "images": rng.integers(0, 256, (4, 4, 4, 3), np.uint8),
            "targets": np.eye(2, dtype=np.float32)[[0, 1, 0, 1]],
        }
        for _ in range(count)
    ]


def kernel(model: AugmentedNet) -> np.ndarray:
    return keras.ops.convert_to_numpy(model.net.layers[-1].kernel)


def rates(schedule, steps: int) -> list[float]:
    return [float(keras.ops.convert_to_numpy(schedule(step))) for step in range(steps)]


def test_cosine_warms_up_and_comes_down_to_zero():
    found = rates(make_schedule(recipe(), TUNE, 10), 41)
    assert found[10] == max(found) == pytest.approx(0.1)
    assert found[5] == pytest.approx(0.055)
    assert found[25] == pytest.approx(0.05)  # half of the way down
    assert found[40] == pytest.approx(0.0, abs=1e-7)


def test_constant_warms_up_and_stays():
    found = rates(make_schedule(recipe(schedule="constant"), TUNE, 10), 41)
    assert found[10:] == pytest.approx([0.1] * 31)
    assert found[:10] == sorted(found[:10])
    assert found[5] == pytest.approx(0.055)
    still = rates(make_schedule(recipe(schedule="constant", warmup_epochs=0), TUNE, 10), 41)
    assert still == pytest.approx([0.1] * 41)


def test_plateau_warms_up_by_epochs_and_is_reduced():
    found = [plateau_rate(recipe(warmup_epochs=2, plateau_factor=0.5), TUNE, epoch, 0) for epoch in (1, 2, 3)]
    assert found == pytest.approx([0.05, 0.1, 0.1])
    assert plateau_rate(recipe(plateau_factor=0.5), TUNE, 9, 3) == pytest.approx(0.0125)


def test_plateau_counts_as_keras_does():
    losses = [3.0, 2.0, 2.0, 1.99995, 2.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    keras_callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    keras_callback.set_model(model)
    keras_callback.on_train_begin()
    progress, found, expected = Progress(), [], []
    for epoch, loss in enumerate(losses):
        keras_callback.on_epoch_end(epoch, {"val_loss": loss})
        expected.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        progress.end_epoch(loss, True, recipe(schedule="plateau", plateau_patience=2))
        found.append(0.5**progress.reductions)
    assert found == expected


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_optimizers_step_as_keras_own_do(name):
    fields = {"optimizer": name, "schedule": "constant", "warmup_epochs": 0, "ema_epochs": 0, "weight_decay": 0.1}
    model = model_with(make_optimizer(recipe(**fields), Phase("tune", 1, 0.01), 10))
    momentum = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    keras_class = {"adamw": "AdamW", "lion": "Lion", "adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}[name]
    other = getattr(keras.optimizers, keras_class)(0.01, weight_decay=0.1, clipnorm=5.0, **momentum)
    other.exclude_from_weight_decay(var_names=["bias"])
    reference = model_with(other)
    for batch in batches(3):
        for one in (model, reference):
            one.train_on_batch(batch)
    np.testing.assert_allclose(kernel(model), kernel(reference), rtol=1e-6)


def test_weights_decay_by_themselves_and_biases_do_not():
    fields = {"optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "warmup_epochs": 0, "ema_epochs": 0}
    made = {decay: model_with(make_optimizer(recipe(weight_decay=decay, **fields), TUNE, 9)) for decay in (0.0, 0.5)}
    before = kernel(made[0.0])
    (batch,) = batches(1)
    for model in made.values():
        model.train_on_batch(batch)
    np.testing.assert_allclose(kernel(made[0.0]) - kernel(made[0.5]), 0.1 * 0.5 * before, rtol=1e-3, atol=1e-6)
    biases = [keras.ops.convert_to_numpy(model.net.layers[-1].bias) for model in made.values()]
    np.testing.assert_allclose(biases[0], biases[1], rtol=1e-5)


def test_accumulated_gradients_are_those_of_one_larger_batch():
    fields = {"optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "warmup_epochs": 0, "weight_decay": 0}
    halves = model_with(make_optimizer(recipe(accumulate=2, ema_epochs=1, **fields), Phase("tune", 1, 1e-3), 4))
    start = kernel(halves)
    one, two = ({**batch, "images": batch["images"] // 128} for batch in batches(2))  # too small to be clipped
    halves.train_on_batch(one)
    np.testing.assert_array_equal(kernel(halves), start)
    halves.train_on_batch(two)
    whole = model_with(make_optimizer(recipe(ema_epochs=0, **fields), Phase("tune", 1, 1e-3), 4))
    gradients = []
    for batch in (one, two):
        for variable, value in zip(whole.trainable_variables, (start, np.zeros(2)), strict=True):
            variable.assign(value)
        whole.train_on_batch(batch)
        gradients.append(start - kernel(whole))
    np.testing.assert_allclose(start - kernel(halves), np.mean(gradients, axis=0), rtol=1e-3, atol=1e-7)
    # the moving average counts batches, and starts from the weights after the first change
    first = kernel(halves)
    for batch in (one, two):
        halves.train_on_batch(batch)
    second = kernel(halves)
    assert ema_momentum(1, 4) == 0.75
    with averaged_weights(halves, halves.optimizer.assign_averages, []):
        np.testing.assert_allclose(kernel(halves), 0.75 * first + 0.25 * second, rtol=1e-5)


def test_the_moving_average_leaves_no_trace():
    model = model_with(
        make_optimizer(recipe(warmup_epochs=0, ema_epochs=0.5), Phase("tune", 1, 2e-3), 4), norm=True
    )  # momentum 1 - 1 / (0.5 * 4) = 0.5
    kernels = []
    for batch in batches(3):
        model.fit(batch, epochs=1, batch_size=4, verbose=0)
        kernels.append(kernel(model))
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trained_variables()]
    mean = keras.ops.convert_to_numpy(model.net.layers[0].moving_mean)
    with averaged_weights(model, model.optimizer.assign_averages, batches(3)):
        # the average starts from the weights after the first step, not from those before it
        expected = 0.25 * kernels[0] + 0.25 * kernels[1] + 0.5 * kernels[2]
        np.testing.assert_allclose(kernel(model), expected, rtol=1e-5)
        assert not np.array_equal(keras.ops.convert_to_numpy(model.net.layers[0].moving_mean), mean)
    for variable, value in zip(model.trained_variables(), before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


def test_the_equal_average_is_the_mean():
    model = model_with(keras.optimizers.SGD(0.1))
    average = EqualAverage(model.trainable_variables)
    kernels = []
    for batch in batches(3):
        model.train_on_batch(batch)
        average.update(model.trainable_variables)
        kernels.append(kernel(model))
    with averaged_weights(model, average.assign_averages, []):
        np.testing.assert_allclose(kernel(model), np.mean(kernels, axis=0), rtol=1e-5)
    np.testing.assert_array_equal(kernel(model), kernels[-1])


def test_phases_come_in_order_with_their_own_rates():
    made = recipe(contrastive_epochs=3, head_epochs=2, head_learning_rate=0.5, learning_rate=0.25)
    assert phases_of(made) == [Phase("contrastive", 3, 0.5), Phase("head", 2, 0.5), Phase("tune", 4, 0.25)]
    assert [phase.name for phase in phases_of(recipe(head_epochs=1, epochs=0))] == ["head"]


def test_a_phase_stops_where_it_stalls_or_begins_its_average():
    patient = recipe(epochs=9, patience=2, ema_epochs=0)
    phase = Phase("tune", 9, 0.1)
    progress, epochs = Progress(), 0
    while progress.begin_epoch(phase, patient, averages=False):
        progress.end_epoch([3.0, 1.0][epochs == 1], True, patient)
        epochs += 1
    assert (epochs, progress.best_line) == (4, 2)  # the best was the second; two more were not better
    averaging = recipe(epochs=9, patience=2, ema_epochs=0, swa_epochs=3)
    progress, epochs = Progress(), 0
    while progress.begin_epoch(phase, averaging, averages=True):
        progress.end_epoch([3.0, 1.0][epochs == 1], True, averaging)
        epochs += 1
    assert (epochs, progress.swa_from) == (7, 4)
    never_stalls = Progress()
    while never_stalls.begin_epoch(phase, averaging, averages=True):
        never_stalls.end_epoch(-never_stalls.epoch, True, averaging)
    assert (never_stalls.epoch, never_stalls.swa_from) == (9, 6)


def test_the_next_phase_keeps_the_best_and_forgets_the_rest():
    progress = Progress()
    progress.end_epoch(2.0, True, recipe())
    after = progress.next_phase()
    assert (after.phase, after.epoch, after.lines, after.best, after.best_line) == (1, 0, 1, 2.0, 1)
    assert not after.end_epoch(3.0, True, recipe())
    assert after.phase_best == 3.0
    assert Progress(**after.to_json()) == after
