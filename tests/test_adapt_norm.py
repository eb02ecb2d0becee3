"""Batch-norm statistics in a shipped graph, against Keras' own layers."""

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission.export_net import export_net
from submission.kit import adapt_norm as module
from submission.kit.adapt_norm import adapt_norm, agreement_of_halves
from submission.kit.errors import KitError
from submission.kit.image_input import ImageInput
from submission.kit.member import Member
from submission.kit.norm_graph import NormGraph

SHARE = 0.7
IMAGES = tiny.tiny_images(8)


def make_net(seed=0):
    """Normalisations with scale, without, without centre, after a dense layer, and a layer norm beside them."""
    import keras

    layers = keras.layers
    inputs = keras.Input(tiny.SHAPE, dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(x))
    x = layers.BatchNormalization(scale=False)(layers.Conv2D(5, 3)(layers.ReLU()(x)))
    x = layers.BatchNormalization(center=False, epsilon=1e-5)(layers.DepthwiseConv2D(3)(layers.ReLU()(x)))
    x = layers.LayerNormalization()(layers.GlobalAveragePooling2D()(x))
    x = layers.BatchNormalization(scale=False, center=False)(layers.Dense(6)(x))
    net = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(seed)
    for variable in net.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
        if "variance" in variable.path:
            variable.assign(rng.uniform(0.3, 1.5, variable.shape))
    return net


@pytest.fixture(scope="module")
def net():
    return make_net()


@pytest.fixture(scope="module")
def folder(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("member") / "net"
    export_net(net, folder, tiny.SHAPE)
    return folder


@pytest.fixture(scope="module")
def graph(folder):
    return NormGraph(folder)


def norms(net):
    return [layer for layer in net.layers if "batch_norm" in layer.name]


def by_hand(net, images, share):
    """Layer by layer: the probabilities and (mean, variance, image means) at each batch norm."""
    x, seen = images, []
    for layer in net.layers[1:]:
        if layer in norms(net):
            value = np.asarray(x, np.float64)
            axes = tuple(range(value.ndim - 1))
            mean, variance = value.mean(axes), value.var(axes)
            seen.append((mean, variance, value.reshape(len(value), -1, value.shape[-1]).mean(1)))
            mean = share * np.asarray(layer.moving_mean) + (1 - share) * mean
            variance = share * np.asarray(layer.moving_variance) + (1 - share) * variance
            scale = np.asarray(layer.gamma) if layer.scale else 1.0
            offset = np.asarray(layer.beta) if layer.center else 0.0
            x = ((value - mean) / np.sqrt(variance + layer.epsilon) * scale + offset).astype(np.float32)
        else:
            x = layer(x)
    return np.asarray(x), seen


def test_all_batch_norms_are_found_and_no_layer_norm(graph, net):
    assert len(graph.sites) == 4
    found = {len(site.mean): site for site in graph.sites}
    for layer in norms(net):
        site = next(one for one in graph.sites if np.array_equal(one.mean, np.asarray(layer.moving_mean)))
        np.testing.assert_array_equal(site.variance, np.asarray(layer.moving_variance))
    assert sorted(found) == [4, 5, 6]


@pytest.mark.parametrize("share", [1.0, SHARE, 0.0])
def test_the_observer_is_keras_with_blended_statistics(graph, net, share):
    probs, moments = graph.observer(share)(IMAGES)
    expected, seen = by_hand(net, IMAGES, share)
    np.testing.assert_allclose(probs, expected, atol=2e-4)
    for layer, values in zip(norms(net), seen, strict=True):
        at = next(n for n, one in enumerate(graph.sites) if np.array_equal(one.mean, np.asarray(layer.moving_mean)))
        np.testing.assert_allclose(moments[at].mean, values[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(moments[at].variance, values[1], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(moments[at].image_means, values[2], rtol=1e-3, atol=1e-4)


def test_with_its_own_statistics_it_is_the_member(graph, folder):
    same = graph.with_statistics([(site.mean, site.variance) for site in graph.sites])
    np.testing.assert_allclose(same(IMAGES), Member(folder)(IMAGES), atol=1e-6)


def test_new_statistics_are_keras_with_those_assigned(graph, folder):
    rng = np.random.default_rng(3)
    changed = make_net()
    statistics = []
    for site in graph.sites:
        layer = next(one for one in norms(changed) if np.array_equal(np.asarray(one.moving_mean), site.mean))
        pair = rng.normal(0, 0.5, site.mean.shape), rng.uniform(0.5, 1, site.mean.shape)
        statistics.append(pair)
        layer.moving_mean.assign(pair[0])
        layer.moving_variance.assign(pair[1])
    np.testing.assert_allclose(graph.with_statistics(statistics)(IMAGES), changed(IMAGES), atol=1e-5)


def test_one_batch_gives_the_blend_of_both_statistics(graph, net):
    adapted = adapt_norm(graph, ImageInput(IMAGES, tiny.SHAPE), prior_images=SHARE / (1 - SHARE) * len(IMAGES))
    np.testing.assert_allclose(adapted.predict(IMAGES), by_hand(net, IMAGES, SHARE)[0], atol=2e-4)
    assert adapted.refusal == "8 images are fewer than 500"


def test_a_strong_prior_changes_nothing(graph, folder):
    adapted = adapt_norm(graph, ImageInput(IMAGES, tiny.SHAPE), prior_images=1e9)
    np.testing.assert_allclose(adapted.predict(IMAGES), Member(folder)(IMAGES), atol=1e-5)
    assert adapted.before == pytest.approx(adapted.after, abs=1e-5)


def test_halves_agree_where_all_call_for_one_change():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 40))
    noise = rng.normal(0, 0.3, (300, 40))
    assert agreement_of_halves(one + noise) > 0.9
    mixed = np.where(rng.random(300)[:, None] < 0.5, one, other)
    assert agreement_of_halves(mixed + noise) < 0.5
    assert agreement_of_halves(noise) < 0  # nothing has changed
    assert agreement_of_halves(np.zeros((300, 40))) == 0


def test_the_guard():
    refusal = module._refusal
    assert refusal(500, 0.9, 0.6, 0.7) is None
    assert "499 images are fewer than 500" in refusal(499, 0.9, 0.6, 0.7)
    assert "agree by 0.10 only, less than 0.65" in refusal(500, 0.1, 0.6, 0.7)
    assert "would fall from 0.700 to 0.600" in refusal(500, 0.9, 0.7, 0.6)


def test_nets_without_batch_norm_and_other_folders_are_refused(tmp_path):
    import keras

    inputs = keras.Input(tiny.SHAPE, dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    export_net(keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x)), tmp_path / "plain", tiny.SHAPE)
    with pytest.raises(KitError, match="no batch normalisation was found in .*plain"):
        NormGraph(tmp_path / "plain")
    with pytest.raises(KitError, match="expected a SavedModel that can be frozen in .*nothing"):
        NormGraph(tmp_path / "nothing")
