import itertools
import json

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission import engine as engine_module
from submission.convert import convert
from submission.engine import choose_engine, fastest_ms
from submission.export_net import export_net
from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.tflite_model import TfliteModel

VIEWS = [tiny.tiny_images(21), tiny.tiny_images(21, seed=1)]


@pytest.fixture(scope="module")
def flatbuffers(tmp_path_factory):
    """Of two nets, converted once."""
    folder = tmp_path_factory.mktemp("nets")
    for seed in range(2):
        export_net(tiny.tiny_net(seed), folder / str(seed), tiny.SHAPE)
    return [convert(folder / str(seed), 16) for seed in range(2)]


@pytest.fixture
def folder(tmp_path, flatbuffers, monkeypatch):
    """A SavedModel whose conversion is at hand."""
    export_net(tiny.tiny_net(0), tmp_path / "net", tiny.SHAPE)
    monkeypatch.setattr(engine_module, "convert", lambda path, batch_size, precision: flatbuffers[0])
    return tmp_path / "net"


def timed(monkeypatch, tflite, savedmodel, by_batch=None):
    def times(ways, images):
        if "savedmodel" in ways:
            return {"tflite": tflite, "savedmodel": savedmodel}
        return {name: (by_batch or {}).get(name, 1.0) for name in ways}

    monkeypatch.setattr(engine_module, "fastest_ms", times)


def added(folder):
    return {path.name for path in folder.iterdir()} & {"engine.json", "model.tflite", "probe.npz"}


@pytest.mark.parametrize(
    ("savedmodel_ms", "wanted", "name"),
    [
        (1.06, "auto", "tflite"),
        (1.04, "auto", "savedmodel"),
        (0.5, "tflite", "tflite"),
        (9.0, "savedmodel", "savedmodel"),
    ],
)
def test_the_interpreter_is_taken_where_it_is_worth_its_bytes(folder, monkeypatch, savedmodel_ms, wanted, name):
    timed(monkeypatch, 1.0, savedmodel_ms)
    chosen = choose_engine(folder, VIEWS, wanted)
    assert chosen.name == name
    assert added(folder) == {"engine.json"} | ({"model.tflite", "probe.npz"} if name == "tflite" else set())
    written = json.loads((folder / "engine.json").read_text())
    sha256 = {"sha256": sha256_file(folder / "model.tflite")} if name == "tflite" else {}
    assert written == {"engine": name, "batch_sizes": chosen.batch_sizes, **sha256}
    if wanted == "auto":
        assert chosen.reason == f"the interpreter is {savedmodel_ms:.2f} times as fast as the graph"
        assert 0 <= chosen.largest_difference < 1e-6
        assert chosen.ms_per_image == {"tflite": 1.0, "savedmodel": savedmodel_ms}


def test_the_smallest_batch_that_is_about_as_fast(folder, monkeypatch):
    class Resizable(TfliteModel):
        """The tiny net has the batch in a shape; the batches of others are what is chosen from."""

        def __init__(self, path, batch_size=None):
            super().__init__(path)

    monkeypatch.setattr(engine_module, "TfliteModel", Resizable)
    timed(monkeypatch, 1.0, 2.0, {"8": 1.04, "16": 1.02, "32": 1.0})
    assert choose_engine(folder, VIEWS).batch_sizes == {"tflite": 16, "savedmodel": 64}
    timed(monkeypatch, 1.0, 2.0, {"8": 1.1, "16": 1.1, "32": 1.0})
    assert choose_engine(folder, VIEWS).batch_sizes == {"tflite": 32, "savedmodel": 64}


def test_a_net_with_the_batch_in_its_shapes_keeps_it(folder, monkeypatch):
    timed(monkeypatch, 1.0, 2.0, {"8": 0.1, "16": 1.0, "32": 0.1})
    assert choose_engine(folder, VIEWS).batch_sizes["tflite"] == 16


def test_slow_nets_run_in_small_batches(folder, monkeypatch):
    timed(monkeypatch, 1.0, 2.0)
    ticks = itertools.count()
    monkeypatch.setattr(engine_module.time, "process_time", lambda: float(next(ticks)))  # 125 ms an image
    asked = []
    monkeypatch.setattr(engine_module, "convert", lambda path, size, _: asked.append(size) or convert(path, size))
    chosen = choose_engine(folder, VIEWS)
    assert (asked, chosen.batch_sizes) == ([4], {"tflite": 4, "savedmodel": 8})


def test_other_numbers_are_not_shipped(folder, monkeypatch, flatbuffers):
    monkeypatch.setattr(engine_module, "convert", lambda path, batch_size, precision: flatbuffers[1])
    chosen = choose_engine(folder, VIEWS)
    assert chosen.name == "savedmodel" and "the interpreter differs from the graph by 0." in chosen.reason
    assert added(folder) == {"engine.json"}
    (folder / "engine.json").unlink()
    with pytest.raises(KitError, match=r"differs from the graph by .*, by more than 0\.0001"):
        choose_engine(folder, VIEWS, "tflite")
    assert added(folder) == set()


def test_an_interpreter_that_refuses_what_was_converted(folder, monkeypatch):
    def refuse(path):
        raise ValueError("Didn't find op for builtin opcode 'GELU' version '3'")

    monkeypatch.setattr(engine_module, "TfliteModel", refuse)
    chosen = choose_engine(folder, VIEWS)
    assert chosen.name == "savedmodel" and "does not take what was converted: Didn't find op" in chosen.reason


def test_an_operation_that_the_interpreter_lacks_is_named(tmp_path):
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 1), tf.uint8, name="images")])
    def serve(images):
        squares = tf.cast(images[..., 0], tf.float32)
        return {"probs": tf.linalg.det(squares)[:, None] * tf.constant([[0.5, 0.5]])}

    module.serve = serve
    tf.saved_model.save(module, str(tmp_path / "odd"), signatures={"serving_default": serve})
    with pytest.raises(KitError, match="it cannot be converted: .*MatrixDeterminant"):
        convert(tmp_path / "odd", 4)
    chosen = choose_engine(tmp_path / "odd", [np.zeros((9, 4, 4, 1), np.uint8)])
    assert chosen.name == "savedmodel" and "MatrixDeterminant" in chosen.reason


def test_an_unknown_engine_is_refused(folder):
    with pytest.raises(ValueError, match="onnx"):
        choose_engine(folder, VIEWS, "onnx")


def test_shapes_are_fixed_and_builtin(tmp_path, flatbuffers):
    (tmp_path / "m.tflite").write_bytes(flatbuffers[0])
    model = TfliteModel(tmp_path / "m.tflite")
    assert (model.batch_size, model.image_shape, model.num_classes) == (16, tiny.SHAPE, 3)
    names = {one["op_name"] for one in model._interpreter._get_ops_details()}
    assert not [name for name in names if name.startswith("Flex")]
    assert "SHAPE" not in names


@pytest.mark.parametrize(("share", "milliseconds"), [(2.0, 100.0), (0.5, 50.0)])
def test_times_are_the_fastest_of_turns_and_the_processors_on_a_busy_machine(monkeypatch, share, milliseconds):
    """The first round takes a second a way, later ones less; the process gets `share` of a core."""
    now = [0.0]
    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(engine_module.time, "process_time", lambda: now[0] * share)
    order = []

    def way(name):
        order.append(name)
        now[0] += 1.0 if len(order) <= 4 else 0.4

    ways = {name: lambda images, name=name: way(name) for name in "ab"}
    times = fastest_ms(ways, np.zeros((4, 1)))
    assert times == pytest.approx({"a": milliseconds, "b": milliseconds})
    assert order[:6] == ["a", "b"] * 3
    assert len(order) == 2 * (1 + 4)  # once without the clock; then until the budget of 4 s is over
