"""The registry of backbones: shapes, scaling, weights from files, bad input."""

import keras
import numpy as np
import pytest

from submission.kit.errors import KitError
from training.backbones import BACKBONES, build
from training.backbones.registry import register


@pytest.mark.parametrize("name", sorted(BACKBONES))
@pytest.mark.parametrize("shape", [(32, 32, 3), (40, 33, 3), (28, 28, 1)])
def test_takes_pixels_and_gives_logits(name, shape):
    net = build(name, shape, 5)
    images = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype(np.float32)
    logits = keras.ops.convert_to_numpy(net(images))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()


def test_small_cnn_has_its_stated_size():
    assert build("small_cnn", (96, 96, 3), 8).count_params() == pytest.approx(1.26e6, rel=0.01)


def test_small_cnn_takes_one_channel():
    assert build("small_cnn", (32, 32, 1), 3).output_shape == (None, 3)


def test_local_weights_are_loaded(tmp_path):
    source = BACKBONES["mobilenet_v3_small"]((32, 32, 3), None)
    source.save_weights(tmp_path / "own.weights.h5")
    net = build("mobilenet_v3_small", (32, 32, 3), 4, weights=str(tmp_path / "own.weights.h5"))
    loaded = {weight.path: weight for weight in net.weights}
    for weight in source.weights:
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (loaded[weight.path], weight)))


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("vgg99", None, "unknown backbone. Received: 'vgg99'. Known: mobilenet_v3_small, small_cnn"),
        ("small_cnn", "nowhere.weights.h5", "Received: 'nowhere.weights.h5', which is no file"),
        ("small_cnn", "other.weights.h5", "other.weights.h5 does not fit the net 'small_cnn_features'"),
        ("small_cnn", "broken.weights.h5", "broken.weights.h5 does not fit the net 'small_cnn_features'"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, name, weights, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.weights.h5").write_bytes(b"\x89HDF nothing")
    BACKBONES["mobilenet_v3_small"]((32, 32, 3), None).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(KitError, match=message):
        build(name, (32, 32, 3), 4, weights=weights)


def test_a_second_backbone_of_a_name_is_refused():
    with pytest.raises(ValueError, match="backbone 'small_cnn' is registered twice"):
        register("small_cnn", pretrained=False)(lambda shape, weights: None)


def test_imagenet_without_a_network_says_what_to_do(monkeypatch):
    def refuse(**kwargs):
        raise Exception("URL fetch failure on https://example.org")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", refuse)
    with pytest.raises(
        KitError, match=r"could not be loaded \(URL fetch.*--weights FILE.weights.h5, or --weights none"
    ):
        build("mobilenet_v3_small", (32, 32, 3), 4, weights="imagenet")


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_batch_norm_follows_within_tens_of_steps(name):
    layers = [
        layer for layer in build(name, (32, 32, 3), 4).layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert layers
    assert all(layer.momentum <= 0.9 for layer in layers)
