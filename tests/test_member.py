import json
import logging
import shutil

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission.convert import convert
from submission.engine import choose_engine
from submission.export_net import export_net
from submission.kit.errors import KitError
from submission.kit.member import EngineFile, Member, read_engine
from submission.kit.tflite_model import TfliteModel

IMAGES = tiny.tiny_images(37)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "net"
    export_net(tiny.tiny_net(0), folder, tiny.SHAPE)
    choose_engine(folder, [tiny.tiny_images(21, seed=1)], "tflite")
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "net")


@pytest.fixture(scope="module")
def expected():
    """By Keras itself."""
    return tiny.tiny_net(0)(IMAGES, training=False).numpy()


@pytest.mark.parametrize("num_images", [0, 1, 5, 16, 37])
def test_any_number_of_images(exported, expected, num_images):
    member = Member(exported)
    assert (member.engine, member.image_shape, member.num_classes) == ("tflite", tiny.SHAPE, 3)
    probs = member(IMAGES[:num_images])
    assert (probs.shape, probs.dtype) == ((num_images, 3), np.float32)
    np.testing.assert_allclose(probs, expected[:num_images], atol=1e-6)


def test_no_row_depends_on_the_batch_it_is_in(exported):
    model = TfliteModel(exported / "model.tflite", num_threads=1)
    assert model.batch_size == 16
    alone = np.concatenate([model(IMAGES[n : n + 1]) for n in range(len(IMAGES))])
    np.testing.assert_array_equal(model(IMAGES), alone)
    np.testing.assert_array_equal(model(np.swapaxes(IMAGES, 1, 2)), model(np.swapaxes(IMAGES, 1, 2).copy()))


def test_another_batch_size_where_the_net_can(tmp_path):
    import keras

    inputs = keras.Input(tiny.SHAPE, dtype="uint8")  # no reshape with the batch in it, as most backbones
    x = keras.layers.Conv2D(4, 3)(keras.ops.cast(inputs, "float32") / 255)
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    net = keras.Model(inputs, outputs)
    export_net(net, tmp_path / "net", tiny.SHAPE)
    (tmp_path / "model.tflite").write_bytes(convert(tmp_path / "net", 16))
    for batch_size in (5, 64):
        model = TfliteModel(tmp_path / "model.tflite", batch_size)
        assert model.batch_size == batch_size
        np.testing.assert_allclose(model(IMAGES), net(IMAGES).numpy(), atol=1e-6)


def test_a_net_with_the_batch_in_its_shapes_keeps_it(exported):
    with pytest.raises((RuntimeError, ValueError)):
        TfliteModel(exported / "model.tflite", 8)


def test_results_stay_when_the_next_batch_runs(exported):
    member = Member(exported)
    first = member(IMAGES[:4])
    kept = first.copy()
    member(IMAGES[4:8])
    np.testing.assert_array_equal(first, kept)


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def other_numbers(folder):
    with np.load(folder / "probe.npz") as probe:
        images, probs = probe["images"], probe["probs"]
    np.savez(folder / "probe.npz", images=images, probs=probs + 3e-4)


def other_images(folder):
    np.savez(folder / "probe.npz", images=np.zeros((2, 5, 5, 3), np.uint8), probs=np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "model.tflite").unlink(), "does not run here"),
        (lambda folder: cut(folder / "model.tflite"), "model.tflite is not what was packaged"),
        (lambda folder: (folder / "probe.npz").unlink(), "does not run here"),
        (lambda folder: cut(folder / "probe.npz"), "does not run here"),
        (other_images, "does not run here"),
        (other_numbers, "differs by 0.0003 from what it gave when it was packaged"),
    ],
)
def test_where_the_interpreter_fails_the_graph_runs_and_says_so(folder, expected, caplog, change, reason):
    change(folder)
    with caplog.at_level(logging.WARNING):
        member = Member(folder)
    assert member.engine == "savedmodel"
    (record,) = caplog.records
    assert reason in record.getMessage() and "its SavedModel runs instead" in record.getMessage()
    np.testing.assert_allclose(member(IMAGES), expected, atol=1e-6)


def test_a_tensorflow_without_the_interpreter(folder, monkeypatch, caplog):
    import tensorflow as tf

    monkeypatch.delattr(tf.lite, "Interpreter")
    assert Member(folder).engine == "savedmodel"
    assert "does not run here" in caplog.text


def test_an_engine_may_be_asked_for(exported, expected, caplog):
    member = Member(exported, "savedmodel")
    assert member.engine == "savedmodel" and not caplog.records
    np.testing.assert_allclose(member(IMAGES), expected, atol=1e-6)


def test_the_graph_takes_its_batches(folder, expected):
    (folder / "engine.json").write_text('{"engine": "savedmodel", "batch_sizes": {"savedmodel": 8}}')
    member = Member(folder)
    calls = []
    run = member._model._run
    member._model._run = lambda images: calls.append(len(images)) or run(images)
    np.testing.assert_allclose(member(IMAGES), expected, atol=1e-6)
    assert calls == [8, 8, 8, 8, 5]


def test_a_folder_without_the_file_is_a_saved_model(folder):
    (folder / "engine.json").unlink()
    assert read_engine(folder) == EngineFile()
    assert Member(folder).engine == "savedmodel"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "expected engine and batch_sizes in .*engine.json"),
        ("[]", "expected engine and batch_sizes"),
        ('{"engine": "tflite"}', "batch_sizes"),
        ('{"engine": "tflite", "batch_sizes": [16]}', "batch_sizes"),
        ('{"engine": "tflite", "batch_sizes": {"tflite": "many"}}', "batch_sizes"),
        ('{"engine": "tflite", "batch_sizes": {"tflite": 0}}', "at least 1. Received"),
        ('{"engine": "onnx", "batch_sizes": {}}', "expected tflite or savedmodel.*onnx"),
    ],
)
def test_a_damaged_file_is_refused(folder, value, message):
    (folder / "engine.json").write_text(value)
    with pytest.raises(KitError, match=message):
        Member(folder)


def test_the_folder_holds_what_it_needs(exported):
    assert json.loads((exported / "engine.json").read_text())["engine"] == "tflite"
    with np.load(exported / "probe.npz") as probe:
        assert (probe["images"].shape, probe["images"].dtype) == ((4, *tiny.SHAPE), np.uint8)
        np.testing.assert_allclose(probe["probs"], tiny.tiny_net(0)(probe["images"]).numpy(), atol=1e-6)
