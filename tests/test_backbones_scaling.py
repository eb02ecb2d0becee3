"""The pixels that each backbone sees, against Keras' own preprocessing."""

import keras
import numpy as np
import pytest
from keras import applications

from training.backbones import BACKBONES, PRETRAINED, build

# Nets with a preprocess_input of their own; that of the others does nothing, since they scale inside.
OUTSIDE = {
    "mobilenet_v1": applications.mobilenet,
    "mobilenet_v1_to_13": applications.mobilenet,
    "mobilenet_v2": applications.mobilenet_v2,
    "mobilenet_v2_035": applications.mobilenet_v2,
    "nasnet_mobile": applications.nasnet,
    "xception": applications.xception,
    "inception_v3": applications.inception_v3,
    "resnet50": applications.resnet,
    "resnet50_v2": applications.resnet_v2,
    "vgg16": applications.vgg16,
    "densenet121": applications.densenet,
    "densenet201": applications.densenet,
}
# name: a Keras net of the same family and scaling, and its first layer after the scaling
INSIDE = {
    "mobilenet_v3_small": (applications.MobileNetV3Small, "conv"),
    "mobilenet_v3_large": (applications.MobileNetV3Large, "conv"),
    "efficientnet_v2_b0": (applications.EfficientNetV2B0, "stem_conv"),
    "efficientnet_v2_b3": (applications.EfficientNetV2B3, "stem_conv"),
    "efficientnet_v2_s": (applications.EfficientNetV2S, "stem_conv"),
    "efficientnet_v2_m": (applications.EfficientNetV2M, "stem_conv"),
    "efficientnet_v2_l": (applications.EfficientNetV2L, "stem_conv"),
    "convnext_tiny": (applications.ConvNeXtTiny, "convnext_tiny_stem"),
    "convnext_base": (applications.ConvNeXtBase, "convnext_base_stem"),
    "convnext_xlarge": (applications.ConvNeXtXLarge, "convnext_xlarge_stem"),
}
# (x - 255 mean) / (255 std), the reference implementation's; its weights are tested with the real loading code
BY_HAND = {"efficientnet_b2", "efficientnet_b3", "efficientnet_b7"}


@pytest.fixture
def images():
    edges = np.stack([np.zeros((2, 32, 3)), np.full((2, 32, 3), 255.0)], axis=1).reshape(1, 4, 32, 3)
    noise = np.random.default_rng(0).uniform(0, 255, (1, 28, 32, 3))
    return np.concatenate([edges, noise], axis=1).astype(np.float32)


def scaled(name, images):
    return keras.ops.convert_to_numpy(BACKBONES[name].scaling(keras.ops.convert_to_tensor(images)))


def test_every_pretrained_net_is_compared():
    assert set(OUTSIDE) | set(INSIDE) | BY_HAND | {"inception_xception"} == PRETRAINED


@pytest.mark.parametrize("name", OUTSIDE)
def test_like_preprocess_input(name, images):
    np.testing.assert_allclose(scaled(name, images), OUTSIDE[name].preprocess_input(images.copy()), atol=1e-4)


SIZES_ALONE = ("_b3", "_m", "_l", "base", "xlarge", "large")  # of the same family as others: built with the slow ones


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name.endswith(SIZES_ALONE) else []) for name in INSIDE],
)
def test_like_the_scaling_that_keras_has_inside(name, images):
    make, first = INSIDE[name]
    net = make(include_top=False, weights=None, input_shape=(32, 32, 3), include_preprocessing=True)
    reference = keras.Model(net.input, net.get_layer(first).input)
    np.testing.assert_allclose(scaled(name, images), reference(images), atol=1e-4)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_like_the_reference_implementation(name, images):
    mean, deviation = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    np.testing.assert_allclose(scaled(name, images), (images - mean) / deviation, atol=1e-4)


def test_a_grey_image_is_three_equal_channels_before_the_scaling():
    net = build("vgg16", (32, 32, 1), 2)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)
    seen = keras.ops.convert_to_numpy(keras.Model(net.input, net.get_layer("scaled").output)(images))
    expected = applications.vgg16.preprocess_input(np.repeat(images, 3, axis=-1))
    np.testing.assert_allclose(seen, expected, atol=1e-4)


def test_each_half_of_the_hybrid_has_its_own_scaling():
    """The hybrid's features are those of its parts, each fed through its own preprocess_input."""
    net = build("inception_xception", (75, 75, 3), 2).get_layer("backbone")
    images = np.random.default_rng(0).uniform(0, 255, (1, 75, 75, 3)).astype(np.float32)
    parts = [layer for layer in net.layers if isinstance(layer, keras.Model)]
    assert [part.name for part in parts] == ["inception_v3", "xception"]
    expected = [part(OUTSIDE[part.name].preprocess_input(images.copy()), training=False) for part in parts]
    expected = np.concatenate([keras.ops.convert_to_numpy(features) for features in expected], axis=1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(net(images, training=False)), expected, rtol=1e-4, atol=1e-5)
