"""Every backbone: built once, and all that can be asked of it."""

import keras
import numpy as np
import pytest
from keras import ops

from submission.kit.errors import KitError
from training.backbones import BACKBONES, PRETRAINED, build, features_of, head_of, set_trainable
from training.backbones.registry import Backbone, register
from training.backbones.trainable import weighted_layers

SLOW = {
    "convnext_base",
    "convnext_xlarge",
    "densenet201",
    "efficientnet_b3",
    "efficientnet_b7",
    "efficientnet_v2_b3",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
    "inception_xception",
}

# Published: millions of parameters with a head of 1,000 classes, https://keras.io/api/applications/
KERAS_PAGE = {
    "mobilenet_v1": 4.3,
    "mobilenet_v2": 3.5,
    "nasnet_mobile": 5.3,
    "xception": 22.9,
    "inception_v3": 23.9,
    "resnet50": 25.6,
    "resnet50_v2": 25.6,
    "densenet121": 8.1,
    "densenet201": 20.2,
    "efficientnet_b2": 9.2,
    "efficientnet_b3": 12.3,
    "efficientnet_b7": 66.7,
    "efficientnet_v2_b0": 7.2,
    "efficientnet_v2_b3": 14.5,
    "efficientnet_v2_s": 21.6,
    "efficientnet_v2_m": 54.4,
    "efficientnet_v2_l": 119.0,
    "convnext_tiny": 28.6,
    "convnext_base": 88.6,
    "convnext_xlarge": 350.1,
    "vgg16": 138.4,
}
# By hand: blocks of ViT-Ti, 4 (192^2 + 192) + 2 * 192 * 768 + 768 + 192 + 4 * 192 = 444,864 each, and a last norm
BLOCK, LAST_NORM = 444_864, 384
EXACT = {
    "small_cnn": 1_259_392,
    "mobilenet_v3_small": 939_120,
    "mobilenet_v3_large": 2_996_352,
    "mobilenet_v2_035": 410_208,
    "mobilenet_v1_to_13": 3_228_864 - 1024 * 1024 - 4 * 1024,  # without the last pointwise convolution and its norm
    "inception_xception": 21_802_784 + 20_861_480,
    # the paper's 28.1 M with 1,000 classes: 26,039,024 that train, and a mean and a variance for 26,560 channels
    "se_resnet50": 26_039_024 + 2 * 26_560,
    "vit_tiny": 3 * 64 * 192 + 192 + 12 * BLOCK + LAST_NORM,
    "conv_vit": 11 * BLOCK + LAST_NORM + (97 * 192) + 9 * (3 * 24 + 24 * 48 + 48 * 96) + 4 * (24 + 48 + 96),
    "basic_cnn": 9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 4 * 992,
    "alexnet_like": 121 * 3 * 96 + 25 * 96 * 256 + 9 * (256 * 384 + 384 * 384 + 384 * 256) + 4 * 1376,
    "unet": 7_768_896,
}
# VGG16's published head: 25,088 to 4,096 to 4,096 to 1,000
VGG_HEAD = 25_088 * 4096 + 4096 + 4096**2 + 4096 + 4096 * 1000 + 1000


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in sorted(BACKBONES)],
)
def net(request):
    return build(request.param, (32, 32, 3), 5)


def random_images(shape, count=2):
    return np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype(np.float32)


def as_array(tensor):
    return ops.convert_to_numpy(tensor)


def test_takes_pixels_and_gives_logits_that_depend_on_them(net):
    images = random_images((32, 32, 3))
    features = as_array(features_of(net)(images, training=False))
    logits = as_array(net(images, training=False))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()
    # relative, since nets of fresh weights and statistics shrink their input, some to 1e-12
    assert np.abs(features[0] - features[1]).max() > 1e-4 * np.abs(features).max() > 0
    np.testing.assert_allclose(as_array(head_of(net)(features)), logits, rtol=1e-5, atol=1e-6)


def test_has_as_many_parameters_as_published(net):
    count, width = net.get_layer("backbone").count_params(), features_of(net).output_shape[-1]
    if net.name in KERAS_PAGE:
        count += VGG_HEAD if net.name == "vgg16" else (width + 1) * 1000
        assert round(count / 1e6, 1) == KERAS_PAGE[net.name]
    else:
        assert count == EXACT[net.name]


def test_the_trainable_share_grows_from_the_output(net):
    backbone = net.get_layer("backbone")
    layers = weighted_layers(backbone)
    assert {id(weight) for layer in layers for weight in layer.weights} == {id(weight) for weight in backbone.weights}
    before: set = set()
    for depth in (0.0, 0.001, 0.3, 0.7, 1.0):
        set_trainable(net, depth, freeze_batch_norm=False)
        share = {index for index, layer in enumerate(layers) if layer.trainable}
        assert share == set(range(len(layers) - int(np.ceil(depth * len(layers))), len(layers)))
        assert before <= share
        before = share
        assert all(weight.trainable for weight in head_of(net).weights)
    assert len(net.trainable_weights) == len(backbone.trainable_weights) + 2
    set_trainable(net, 0.0, freeze_batch_norm=False)
    assert not backbone.trainable_weights
    set_trainable(net, 1.0, freeze_batch_norm=True)
    frozen = [layer for layer in layers if not layer.trainable]
    assert frozen == [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_batch_norm_follows_within_tens_of_steps(net):
    layers = weighted_layers(net.get_layer("backbone"))
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(layer.momentum <= 0.9 for layer in norms)
    assert bool(norms) == (net.name not in {"vgg16", "vit_tiny"} and not net.name.startswith("convnext"))


def test_these_names_and_no_other():
    assert len(BACKBONES) == 33
    assert set(BACKBONES) == set(KERAS_PAGE) | set(EXACT)
    own = {"small_cnn", "basic_cnn", "alexnet_like", "unet", "se_resnet50", "vit_tiny", "conv_vit"}
    assert set(BACKBONES) - PRETRAINED == own


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(
            (name, shape)
            for name in ("small_cnn", "unet", "mobilenet_v3_small")
            for shape in ((28, 28, 1), (41, 33, 3))
        ),
        ("conv_vit", (8, 9, 1)),
        ("nasnet_mobile", (41, 33, 3)),
        ("xception", (28, 28, 1)),
    ],
)
def test_takes_any_size_and_one_channel(name, shape):
    net = build(name, shape, 5)
    logits = as_array(net(random_images(shape), training=False))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize(
    ("name", "shape", "image_size", "inner"),
    [
        ("small_cnn", (96, 96, 3), None, (96, 96, 3)),
        ("small_cnn", (96, 96, 1), 224, (224, 224, 1)),
        ("vgg16", (96, 64, 1), 128, (192, 128, 3)),
        ("vgg16", (96, 64, 3), 16, (48, 32, 3)),  # never below what the net takes
        ("xception", (32, 64, 3), None, (71, 142, 3)),
        ("unet", (40, 90, 3), None, (48, 96, 3)),
    ],
)
def test_images_are_resized_before_the_backbone(name, shape, image_size, inner):
    net = build(name, shape, 2, image_size=image_size)
    assert net.get_layer("backbone").input.shape == (None, *inner)
    assert net.input_shape == (None, *shape)


def test_an_enlarged_image_is_the_image_enlarged():
    net = build("small_cnn", (4, 4, 1), 2)
    scaled = keras.Model(net.input, net.get_layer("scaled").output)
    steps = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None] * 60, (1, 4, 4, 1))
    column = (as_array(scaled(steps))[0, :, 3, 0] + 1) * 127.5
    np.testing.assert_allclose(column, [0, 15, 45, 75, 105, 135, 165, 180], atol=1e-3)  # bilinear, by hand


def test_two_builds_take_each_others_weights(tmp_path):
    first, second = (
        build("conv_vit", (32, 32, 3), 4, head_units=(8,), dropout=0.1, image_size=40, l2=1e-3) for _ in range(2)
    )
    shapes = [[(variable.name, variable.shape) for variable in net.weights] for net in (first, second)]
    assert shapes[0] == shapes[1]
    first.save_weights(tmp_path / "net.weights.h5")
    second.load_weights(tmp_path / "net.weights.h5")
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(as_array(one), as_array(other))


def test_the_head_has_units_dropout_and_decay():
    net = build("small_cnn", (32, 32, 3), 4, head_units=(16, 8), dropout=0.5, l2=0.1)
    head = head_of(net)
    kinds = [type(layer).__name__ for layer in head.layers]
    assert kinds == ["InputLayer", "Dropout", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    kernels = [as_array(layer.kernel) for layer in head.layers if isinstance(layer, keras.layers.Dense)]
    assert [kernel.shape for kernel in kernels] == [(192, 16), (16, 8), (8, 4)]
    expected = sum(0.1 * (kernel**2).sum() for kernel in kernels)
    assert float(sum(net.losses)) == pytest.approx(expected, rel=1e-5)
    assert not build("small_cnn", (32, 32, 3), 4).losses


@pytest.mark.parametrize("name", ["small_cnn", "vit_tiny", "vgg16"])
def test_logits_and_pixels_are_float32_in_half_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        net = build(name, (32, 32, 3), 4, head_units=(8,))
    finally:
        keras.config.set_dtype_policy("float32")
    dtypes = [net.get_layer("scaled").output, features_of(net).output, net.output]
    assert [tensor.dtype for tensor in dtypes] == ["float32"] * 3
    assert np.isfinite(as_array(net(random_images((32, 32, 3))))).all()
    assert "float16" in {layer.compute_dtype for layer in net.get_layer("backbone").layers}


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_v3_small"])
@pytest.mark.parametrize("depth", [0.5, 1.0])
@pytest.mark.parametrize("freeze", [True, False])
def test_a_train_step_changes_what_may_change(name, depth, freeze):
    net = build(name, (32, 32, 3), 4)
    set_trainable(net, depth, freeze)
    layers = weighted_layers(net.get_layer("backbone"))
    before = [[as_array(weight).copy() for weight in layer.weights] for layer in layers]
    bias = as_array(head_of(net).weights[-1]).copy()  # its kernel moves by nothing where fresh features are 1e-12
    net.compile(optimizer=keras.optimizers.SGD(1.0), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(2):  # statistics in front of a first step may move no gradient
        net.train_on_batch(random_images((32, 32, 3), 8), np.arange(8) % 3)  # no image of the fourth class
    changed = [
        any(not np.array_equal(old, as_array(new)) for old, new in zip(olds, layer.weights, strict=True))
        for olds, layer in zip(before, layers, strict=True)
    ]
    first = len(layers) - int(np.ceil(depth * len(layers)))
    for index, (layer, moved) in enumerate(zip(layers, changed, strict=True)):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if index < first or (freeze and is_norm):
            assert not moved, layer.name
        elif is_norm:
            assert moved, layer.name
    assert not np.array_equal(bias, as_array(head_of(net).weights[-1]))


@pytest.mark.slow
def test_parallel_nets_are_cut_at_the_same_share():
    net = build("inception_xception", (75, 75, 3), 4)
    set_trainable(net, 0.5, freeze_batch_norm=False)
    parts = [layer for layer in net.get_layer("backbone").layers if isinstance(layer, keras.Model)]
    for part in parts:
        layers = weighted_layers(part)
        assert sum(layer.trainable for layer in layers) == pytest.approx(len(layers) / 2, abs=1)
        assert layers[-1].trainable
        assert not layers[0].trainable


@pytest.mark.parametrize("depth", [-0.1, 1.1, float("nan")])
def test_a_depth_is_a_share(depth):
    with pytest.raises(KitError, match=r"expected a trainable depth in \[0, 1\]. Received: depth="):
        set_trainable(build("small_cnn", (32, 32, 3), 4), depth, freeze_batch_norm=False)


@pytest.mark.parametrize(
    ("name", "shape", "weights", "message"),
    [
        ("vgg99", (32, 32, 3), None, "unknown backbone. Received: 'vgg99'. Known: alexnet_like, basic_cnn, "),
        ("small_cnn", (32, 32, 3), "imagenet", "small_cnn has no pretrained weights. Received: weights='imagenet'"),
        ("small_cnn", (32, 32, 3), "no.weights.h5", "Received: 'no.weights.h5', which is no file"),
        ("vgg16", (32, 32, 4), None, "vgg16 takes images of 1 or 3 channels. Received: 4 channels"),
    ],
)
def test_bad_input(name, shape, weights, message):
    with pytest.raises(KitError, match=message):
        build(name, shape, 4, weights=weights)


def test_a_second_backbone_of_a_name_is_refused():
    with pytest.raises(ValueError, match="backbone 'small_cnn' is registered twice"):
        register(Backbone("small_cnn", BACKBONES["small_cnn"].make))
