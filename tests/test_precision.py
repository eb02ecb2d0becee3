"""Weights in half or a quarter of the bytes: how they are stored, run, checked and told of."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission.change import change_table, change_under_shift
from submission.check_runtimes import Outcome, find_failures
from submission.convert import convert
from submission.cost import measure_run
from submission.export import export_ensemble
from submission.export_net import export_net
from submission.kit.errors import KitError
from submission.kit.member import Member, read_engine
from submission.kit.precisions import PRECISIONS
from submission.kit.saved_model import SavedModel
from submission.package import package
from submission.precision import LEAST_EQUAL, check_labels
from submission.runtime import Runtime
from submission.small_weights import quantize, with_small_weights
from submission.zip_run import ZipRun
from submission.zip_shape import least_equal_labels

IMAGES = tiny.tiny_images(20)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return tiny.make_artifacts(tmp_path_factory.mktemp("contest") / "A")


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (3, 3, 16, 1), (40, 5)])
def test_integers_are_within_half_a_step(shape):
    kernel = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32) * np.logspace(-3, 0, shape[-1])
    kernel = kernel.astype(np.float32)
    kernel[..., 0, :] = 0
    integers, scale = quantize(kernel)
    assert integers.dtype == np.int8 and abs(integers.astype(int)).max() == 127
    assert scale.size == (shape[2] if shape[-1] == 1 else shape[-1])  # one for each channel
    assert (abs(integers * scale - kernel) <= scale / 2 + 1e-7).all()


def test_what_is_small_or_one_axis_stays_exact():
    net = tiny.tiny_net(0)
    saved, _ = with_small_weights(net, "int8")
    kinds = sorted(variable.dtype.name for variable in saved)
    assert kinds.count("int8") == 1  # the dense kernel; 108 values of the convolution stay
    assert kinds.count("float32") == len(net.variables)  # its scales stand for it
    with pytest.raises(ValueError, match="precision must be float16 or int8"):
        with_small_weights(net, "float32")


@pytest.mark.parametrize(("precision", "size", "difference"), [("float16", 0.55, 0.002), ("int8", 0.35, 0.05)])
def test_a_graph_computes_in_float32_from_small_weights(tmp_path, precision, size, difference):
    net = tiny.tiny_net(0)
    for name in ("float32", precision):
        export_net(net, tmp_path / name, tiny.SHAPE, name)
    stored = {name: _bytes(tmp_path / name) for name in ("float32", precision)}
    assert stored[precision] < 1728 * 4 * size + stored["float32"] - 1728 * 4
    model = SavedModel(tmp_path / precision)
    expected, found = net.predict(IMAGES, verbose=0), model(IMAGES)
    assert 1e-7 < abs(found - expected).max() < difference
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)


def _bytes(folder):
    return next((folder / "variables").glob("*.data*")).stat().st_size


def test_casts_of_constants_are_gone(tmp_path):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from submission.kit.cast_constants import cast_constants

    export_net(tiny.tiny_net(0), tmp_path, tiny.SHAPE, "int8")
    loaded = tf.saved_model.load(str(tmp_path))
    graph = convert_variables_to_constants_v2(loaded.signatures["serving_default"]).graph.as_graph_def()
    assert cast_constants(graph) == 1
    assert cast_constants(graph) == 0
    (value,) = [
        tf.make_ndarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const" and tf.make_ndarray(node.attr["value"].tensor).shape == (576, 3)
        and node.attr["dtype"].type == tf.float32.as_datatype_enum
    ]  # fmt: skip
    np.testing.assert_array_equal(value, np.rint(value))


def test_labels_are_what_is_checked():
    probs = np.eye(3)[np.arange(100) % 3]
    other = probs.copy()
    other[:3] = np.roll(other[:3], 1, -1)
    assert check_labels("it", other, probs, "int8") == 0.97
    with pytest.raises(
        KitError, match=r"it: expected weights in float16 to give at least 99% .*Received: 97.0% of 100"
    ):
        check_labels("it", other, probs, "float16")
    with pytest.raises(KitError, match="finite"):
        check_labels("it", np.full_like(probs, np.nan), probs, "int8")
    assert set(LEAST_EQUAL) == set(PRECISIONS)


def export_int8(artifacts):
    return export_ensemble(artifacts, tiny.load_tiny_net, engine="tflite", precision="int8")


def test_the_interpreter_runs_integers(artifacts, monkeypatch):
    exported = export_int8(artifacts)
    assert exported["precision"] == "int8"
    assert {member["engine"] for member in exported["members"].values()} == {"tflite"}
    assert all(0.95 <= member["equal_labels"] <= 1 for member in exported["members"].values())
    folder = artifacts / "export" / tiny.RUNS[0]
    assert read_engine(folder).probe_tolerance == 0.1
    assert Member(folder).engine == "tflite"
    assert (artifacts / "runs" / tiny.RUNS[0] / "export-int8" / "engine.json").is_file()  # float32 has its own
    monkeypatch.setattr("submission.precision.LEAST_EQUAL", {"int8": 1.01})
    with pytest.raises(KitError, match=r"expected weights in int8 .* Export it with --precision float16 or float32"):
        export_int8(artifacts)


@pytest.mark.slow
def test_a_zip_says_what_its_weights_are(artifacts):
    exported = export_int8(artifacts)
    made = package(artifacts)
    with zipfile.ZipFile(made.path) as archive:
        told = json.loads(archive.read("manifest.json"))["precision"]
    assert (told["weights"], told["least_equal_labels"]) == ("int8", 0.95)
    assert told["equal_labels"] == {name: one["equal_labels"] for name, one in exported["members"].items()}
    assert least_equal_labels(made.path) == 0.95 and least_equal_labels(artifacts / "no zip") == 1


def test_what_it_changes_under_shift(artifacts):
    run = tiny.RUNS[0]
    net = tiny.load_tiny_net(artifacts / "runs" / run)
    same = change_under_shift(artifacts, run, lambda images: net.predict(images, verbose=0), 500)
    assert list(same) == ["clean", "an2dl"]
    assert all(
        one["equal_labels"] == 1 and one["accuracy_change"] == 0 and one["images"] == 20 for one in same.values()
    )
    shifted = change_under_shift(artifacts, run, lambda images: np.roll(net.predict(images, verbose=0), 1, -1), 7)
    assert shifted["clean"]["images"] == 7 and shifted["clean"]["equal_labels"] == 0
    assert shifted["clean"]["accuracy_change"] != 0 or shifted["an2dl"]["accuracy_change"] != 0
    line = change_table({"one int8": shifted}).splitlines()[1]
    assert line.startswith("one int8  clean") and line.endswith("0.00%")


def test_a_variant_stands_beside_float32(artifacts, monkeypatch):
    monkeypatch.setattr(
        "submission.cost._in_a_fresh_process",
        lambda folder, images, cores, views: {"engine": read_engine(folder).engine, "ms_per_image": 1.0},
    )
    run = tiny.RUNS[1]
    small = measure_run(artifacts, run, tiny.load_tiny_net, precision="float16", engine="savedmodel")
    written = json.loads((artifacts / "runs" / run / "cost.json").read_text())
    assert written["variants"] == {"float16": small} and "change" not in written
    assert set(small["change"]) == {"clean", "an2dl"}
    assert small["size_bytes"] < written["size_bytes"]
    again = measure_run(artifacts, run, tiny.load_tiny_net, engine="savedmodel")
    assert json.loads((artifacts / "runs" / run / "cost.json").read_text()) == again | {"variants": {"float16": small}}


def test_runtimes_may_differ_by_what_the_zip_vouches_for():
    def outcome(name: str, labels: np.ndarray) -> Outcome:
        runtime = Runtime(name, Path(), "3.11", ())
        return Outcome(runtime, ZipRun(labels, np.eye(2, dtype=np.float32)[labels], 0.0, 0.0, {}))

    labels = np.zeros(100, int)
    other = labels.copy()
    other[:4] = 1
    outcomes = [outcome("a", labels), outcome("b", other)]
    assert find_failures(outcomes, 1e-4, 0.95) == []
    assert len(find_failures(outcomes, 1e-4)) == 4  # of each: probabilities and labels
    other[:6] = 1
    assert len(find_failures([outcome("a", labels), outcome("b", other)], 1e-4, 0.95)) == 2


def test_the_interpreter_of_older_platforms_knows_the_operations(tmp_path):
    """TensorFlow 2.15 has FULLY_CONNECTED up to version 11; 12 came with scales by channel."""
    from tensorflow.lite.python import schema_py_generated as schema

    export_net(tiny.tiny_net(0), tmp_path, tiny.SHAPE)
    model = schema.Model.GetRootAs(convert(tmp_path, 4, "int8"), 0)
    codes = [model.OperatorCodes(n) for n in range(model.OperatorCodesLength())]
    versions = {code.BuiltinCode(): code.Version() for code in codes}
    assert 1 < versions[schema.BuiltinOperator.FULLY_CONNECTED] < 12  # 1 would be float32
