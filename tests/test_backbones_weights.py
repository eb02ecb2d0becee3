"""Weight files: taken whole or not at all, with every offender named."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from legacy_h5 import randomise, write_legacy
from tiny_contest import make_contest

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.backbones import build, features_of, set_trainable
from training.backbones.unfold import main as unfold
from training.backbones.unfold import unfold_batch_norm
from training.weights import load_weights

SHARED = Path(__file__).parents[2] / "shared" / "weights"
SHAPE = (32, 32, 3)


def values(net):
    return [keras.ops.convert_to_numpy(weight).copy() for weight in net.weights]


def assert_same(net, other):
    for mine, theirs in zip(values(net), values(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def mobile():
    """Keras' own net, without our wrapper."""
    net = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=SHAPE)
    return randomise(net, np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)))


@pytest.fixture(scope="module")
def file(mobile, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    mobile.save_weights(path)
    return path


def test_a_file_of_the_keras_application_is_loaded(mobile, file):
    net = build("mobilenet_v2_035", SHAPE, 4, weights=str(file))
    assert_same(net.get_layer("backbone"), mobile)
    images = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    pooled = keras.ops.mean(mobile(images / 127.5 - 1, training=False), axis=(1, 2))
    np.testing.assert_allclose(features_of(net)(images, training=False), pooled, rtol=1e-3, atol=1e-3)


def test_a_backbone_of_ours_is_a_file_too(tmp_path, file):
    trained = build("mobilenet_v2_035", SHAPE, 4, weights=str(file), head_units=(3,))
    trained.get_layer("backbone").save_weights(tmp_path / "mine.weights.h5")
    other = build("mobilenet_v2_035", (40, 40, 1), 9, weights=str(tmp_path / "mine.weights.h5"))
    assert_same(trained.get_layer("backbone"), other.get_layer("backbone"))


@pytest.mark.parametrize(
    ("name", "application", "options"),
    [
        ("mobilenet_v2_035", "MobileNetV2", {"alpha": 0.35}),
        ("vgg16", "VGG16", {}),
        ("convnext_tiny", "ConvNeXtTiny", {}),  # nets in the net
        ("mobilenet_v3_small", "MobileNetV3Small", {}),
    ],
)
def test_a_legacy_file_is_loaded(tmp_path, name, application, options):
    net = getattr(keras.applications, application)(include_top=False, weights=None, input_shape=SHAPE, **options)
    randomise(net)
    write_legacy(tmp_path / "net_notop.h5", net, rename=lambda layer: f"{layer}_77")  # the names of another session
    assert_same(build(name, SHAPE, 4, weights=str(tmp_path / "net_notop.h5")).get_layer("backbone"), net)


def damaged(source: Path, target: Path) -> Path:
    """One tensor gone, one of another shape, two too many."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        old.copy("layers", new)
        del new["layers/conv2d/vars/0"]
        del new["layers/batch_normalization_3/vars/2"]
        new["layers/batch_normalization_3/vars/2"] = np.zeros(7, np.float32)
        new["layers/dense/vars/0"] = np.zeros((5, 6), np.float32)
        new["layers/conv2d_1/vars/1"] = np.zeros(3, np.float32)
        new["optimizer/vars/0"] = np.zeros(1)  # of a compiled model: not the net's
    return target


def test_a_mismatch_lists_all_offenders_and_changes_nothing(tmp_path, file):
    net = build("mobilenet_v2_035", SHAPE, 4).get_layer("backbone")
    before = values(net)
    with pytest.raises(KitError) as caught:
        load_weights(net, damaged(file, tmp_path / "bad.weights.h5"), "Mend it.")
    lines = str(caught.value).splitlines()
    assert lines == [
        f"{tmp_path / 'bad.weights.h5'} does not fit the net 'backbone': "
        "4 tensors differ; the net has 260, the file 261.",
        f"  other shape: layers/batch_normalization_3/vars/2 ({norm_name(net, 3)}), expected (48,), found (7,)",
        "  missing: layers/conv2d/vars/0 (Conv1), expected (3, 3, 3, 16)",
        "  unexpected: layers/conv2d_1/vars/1 (expanded_conv_project), found (3,)",
        "  unexpected: layers/dense/vars/0, found (5, 6)",
        "Mend it.",
    ]
    for old, new in zip(before, values(net), strict=True):
        np.testing.assert_array_equal(old, new)


def norm_name(net, index):
    return [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)][index].name


def test_a_legacy_mismatch_lists_all_offenders_and_changes_nothing(tmp_path):
    net = keras.applications.VGG16(include_top=False, weights=None, input_shape=SHAPE)
    write_legacy(tmp_path / "vgg.h5", net)
    with h5py.File(tmp_path / "vgg.h5", "a") as broken:
        del broken["block1_conv1/block1_conv1/1:0"]
        broken["block1_conv1/block1_conv1/1:0"] = np.zeros(3, np.float32)
        names = list(broken.attrs["layer_names"])
        broken.attrs["layer_names"] = [name for name in names if "block5_conv3" not in str(name)]
    with pytest.raises(KitError) as caught:
        build("vgg16", SHAPE, 4, weights=str(tmp_path / "vgg.h5"))
    assert str(caught.value).splitlines()[:-1] == [
        f"{tmp_path / 'vgg.h5'} does not fit the net 'backbone': 3 tensors differ; the net has 26, the file 24.",
        "  other shape: layer 0 block1_conv1 1 (bias), expected (64,), found (3,)",
        "  missing: layer 12 block5_conv3 0 (kernel), expected (3, 3, 512, 512)",
        "  missing: layer 12 block5_conv3 1 (bias), expected (512,)",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("other.weights.h5", "small_cnn", r"does not fit the net 'backbone': \d+ tensors differ"),
        ("broken.weights.h5", b"\x89HDF nothing", "broken.weights.h5 does not fit the net 'backbone': "),
        ("empty.weights.h5", b"", "empty.weights.h5 does not fit the net 'backbone': "),
        ("renamed.h5", "mobilenet_v2_035", r"reads it by the name \*.weights.h5 only: rename it"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        build(content, SHAPE, 4).get_layer("backbone").save_weights(tmp_path / "made.weights.h5")
        (tmp_path / "made.weights.h5").rename(path)
    with pytest.raises(KitError, match=message):
        build("mobilenet_v2_035", SHAPE, 4, weights=str(path))


def test_efficientnet_files_bring_a_scaling_that_must_be_ours(tmp_path):
    net = keras.applications.EfficientNetB2(include_top=False, weights=None, input_shape=SHAPE)
    scaling = next(layer for layer in net.layers if isinstance(layer, keras.layers.Normalization))
    net.save_weights(tmp_path / "fresh.weights.h5")
    with pytest.raises(
        KitError, match=r"scaled by ImageNet's mean.*Received: \[\[0.0, 0.0, 0.0\], \[1.0, 1.0, 1.0\]\]"
    ):
        build("efficientnet_b2", SHAPE, 4, weights=str(tmp_path / "fresh.weights.h5"))
    mean, deviation, _ = scaling.weights
    mean.assign([0.485, 0.456, 0.406])
    deviation.assign([0.229, 0.224, 0.225])
    net.save_weights(tmp_path / "imagenet.weights.h5")
    write_legacy(tmp_path / "imagenet_notop.h5", net)
    own = {weight.path for weight in scaling.weights}
    theirs = [value for value, weight in zip(values(net), net.weights, strict=True) if weight.path not in own]
    for name in ("imagenet.weights.h5", "imagenet_notop.h5"):
        mine = values(build("efficientnet_b2", SHAPE, 4, weights=str(tmp_path / name)).get_layer("backbone"))
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no pretrained weights in ../shared/weights")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenet_v2_035", "mobilenetv2_0.35_no_top.weights.h5"),
        ("mobilenet_v1_to_13", "mobilenetv1_1.0_to_conv_dw_13_relu.weights.h5"),
        ("mobilenet_v2", "mobilenetv2_1.0_no_top_bnfolded.weights.h5"),
    ],
)
def test_real_weights_are_loaded(name, file):
    net = build(name, (96, 96, 3), 8, weights=str(SHARED / file))
    with h5py.File(SHARED / file) as stored:
        first = stored["layers/conv2d/vars/0"][()]
    backbone = net.get_layer("backbone")
    kernel = next(layer.kernel for layer in backbone.layers if isinstance(layer, keras.layers.Conv2D))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(kernel), first)
    features = features_of(net)(np.random.default_rng(0).uniform(0, 255, (4, 96, 96, 3)), training=False)
    assert 0.3 < float(keras.ops.std(features)) < 3  # of a trained net: neither vanished nor exploded


@pytest.mark.skipif(not SHARED.is_dir(), reason="no pretrained weights in ../shared/weights")
def test_real_weights_of_another_width_are_refused():
    with pytest.raises(KitError, match="256 tensors differ; the net has 260, the file 260"):
        build("mobilenet_v2", (96, 96, 3), 8, weights=str(SHARED / "mobilenetv2_0.35_no_top.weights.h5"))


def fold(net):
    """Batch norm that does nothing but add, as in files made from int8 models."""
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.ones(layer.gamma.shape))
            layer.moving_mean.assign(np.zeros(layer.gamma.shape))
            layer.moving_variance.assign(np.full(layer.gamma.shape, 1 - layer.epsilon))
    return net


def test_unfolded_batch_norm_has_statistics_and_computes_the_same(file):
    net = build("mobilenet_v2_035", SHAPE, 4, weights=str(file))
    fold(net.get_layer("backbone"))
    images = np.random.default_rng(0).uniform(0, 255, (12, *SHAPE)).astype(np.float32)
    before = keras.ops.convert_to_numpy(features_of(net)(images, training=False))
    unfold_batch_norm(net, [images[:5], images[5:]])
    after = keras.ops.convert_to_numpy(features_of(net)(images, training=False))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * np.abs(before).max())
    # the statistics are those that a train step on the same images would use
    set_trainable(net, 1.0, freeze_batch_norm=False)
    trained = keras.ops.convert_to_numpy(features_of(net)(images, training=True))
    np.testing.assert_allclose(trained, before, rtol=1e-2, atol=1e-2 * np.abs(before).max())


def test_unfolding_needs_folded_weights_and_images(file):
    net = build("mobilenet_v2_035", SHAPE, 4, weights=str(file))
    with pytest.raises(KitError, match="expected weights whose batch norm is folded.*52 batch norm layers"):
        unfold_batch_norm(net, [np.zeros((1, *SHAPE))])
    fold(net.get_layer("backbone"))
    with pytest.raises(KitError, match="expected images to take statistics of. Received: none"):
        unfold_batch_norm(net, [])


@pytest.mark.slow
def test_the_command_unfolds_a_file(tmp_path, file, capsys):
    artifacts = make_contest(tmp_path / "A")
    folded = fold(build("mobilenet_v2_035", SHAPE, 4, weights=str(file)).get_layer("backbone"))
    folded.save_weights(tmp_path / "folded.weights.h5")
    capsys.readouterr()
    where = ["--backbone", "mobilenet_v2_035", "--artifacts", str(artifacts), "--images", "40"]
    assert unfold([str(tmp_path / "folded.weights.h5"), str(tmp_path / "out.weights.h5"), *where]) == 0
    assert capsys.readouterr().out == (
        f"unfold: {tmp_path / 'out.weights.h5'}: mobilenet_v2_035 with batch-norm statistics of 40 images\n"
    )
    images = open_image_set(artifacts / "data", "").images[:4].astype(np.float32)
    before, after = (
        features_of(build("mobilenet_v2_035", SHAPE, 4, weights=str(tmp_path / name)))(images, training=False)
        for name in ("folded.weights.h5", "out.weights.h5")
    )
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * float(keras.ops.max(keras.ops.abs(before))))
    with pytest.raises(KitError, match=r"expected an output named \*.weights.h5"):
        unfold([str(tmp_path / "folded.weights.h5"), str(tmp_path / "out.h5"), *where])
