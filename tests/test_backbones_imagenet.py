"""`weights="imagenet"`: Keras' own loading code, fed from a server of the test's own, and what it tells of failures."""

import functools
import hashlib
import http.server
import threading

import keras
import numpy as np
import pytest
from keras.src.applications import efficientnet, mobilenet_v2
from keras.src.backend import config
from legacy_h5 import randomise, write_legacy

from submission.kit.errors import KitError
from training.backbones import build, features_of

SHAPE = (32, 32, 3)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """(folder, address) of a web server; Keras' cache is empty, and no address outside is asked."""
    folder = tmp_path / "served"
    folder.mkdir()
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path / "cache"))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{running.server_port}/"
        monkeypatch.setattr(mobilenet_v2, "BASE_WEIGHT_PATH", address)
        monkeypatch.setattr(efficientnet, "BASE_WEIGHTS_PATH", address)
        yield folder
        running.shutdown()
        thread.join()


def images_of():
    # few images would give the last layers variances near 0, and rounding would decide the output
    return np.random.default_rng(0).uniform(0, 255, (8, *SHAPE)).astype(np.float32)


def assert_close(mine, theirs):
    theirs = keras.ops.convert_to_numpy(theirs)
    assert np.abs(theirs[0] - theirs[1]).max() > 0.01 * np.abs(theirs).max()
    np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())


def test_keras_downloads_and_loads(server, tmp_path, capsys):
    reference = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=SHAPE)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"  # what Keras asks for
    write_legacy(server / name, randomise(reference, images_of() / 127.5 - 1))
    net = build("mobilenet_v2_035", SHAPE, 4, weights="imagenet")
    assert (tmp_path / "cache" / "models" / name).exists()
    for mine, theirs in zip(net.get_layer("backbone").weights, reference.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    images = images_of()
    pooled = keras.ops.mean(reference(images / 127.5 - 1, training=False), axis=(1, 2))
    assert_close(features_of(net)(images, training=False), pooled)


def test_efficientnet_sees_what_keras_shows_it_and_a_rebuilt_net_the_same(server, tmp_path, monkeypatch, capsys):
    """Keras' net has another scaling with and without "imagenet"; ours must not, since runs are rebuilt without."""
    source = keras.applications.EfficientNetB2(include_top=False, weights=None, input_shape=SHAPE)
    randomise(source, images_of())
    scaling = next(layer for layer in source.layers if isinstance(layer, keras.layers.Normalization))
    for weight, value in zip(scaling.weights, ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 0), strict=True):
        weight.assign(value)
    write_legacy(server / "efficientnetb2_notop.h5", source)
    digest = hashlib.md5((server / "efficientnetb2_notop.h5").read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(efficientnet.WEIGHTS_HASHES, "b2", (None, digest))
    theirs = keras.applications.EfficientNetB2(include_top=False, input_shape=SHAPE, pooling="avg")
    net = build("efficientnet_b2", SHAPE, 4, weights="imagenet")
    images = images_of()
    assert_close(features_of(net)(images, training=False), theirs(images, training=False))
    net.save_weights(tmp_path / "run.weights.h5")
    rebuilt = build("efficientnet_b2", SHAPE, 4)
    rebuilt.load_weights(tmp_path / "run.weights.h5")
    np.testing.assert_array_equal(net(images, training=False), rebuilt(images, training=False))


def test_a_file_that_is_not_there_says_what_to_do(server, capsys):
    message = r"'imagenet' weights of mobilenet_v2_035 could not be loaded \(URL fetch failure on http.*404.*"
    with pytest.raises(KitError, match=message + "--weights FILE.weights.h5, or --weights none"):
        build("mobilenet_v2_035", SHAPE, 4, weights="imagenet")


def test_a_file_with_another_hash_is_refused(server, capsys):
    (server / "efficientnetb2_notop.h5").write_bytes(b"tampered")
    with pytest.raises(KitError, match="weights of efficientnet_b2 could not be loaded .*hash"):
        build("efficientnet_b2", SHAPE, 4, weights="imagenet")
