import json
import shutil

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission.export_net import export_net
from submission.kit import saved_model
from submission.kit.blend import blend
from submission.kit.errors import KitError
from submission.kit.image_input import batches
from submission.kit.member import Member
from submission.kit.predictor import Predictor
from submission.kit.tta import VIEWS

IMAGES = tiny.tiny_images(11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An unpacked submission without its code."""
    folder = tmp_path_factory.mktemp("zip")
    for m in range(2):
        export_net(tiny.tiny_net(m), folder / "members" / f"m{m}", tiny.SHAPE)
    members = [{"name": f"m{m}", "path": f"members/m{m}", "temperature": t} for m, t in enumerate(tiny.TEMPERATURES)]
    manifest = {
        "members": members,
        "views": tiny.VIEW_NAMES,
        "weights_mv": tiny.WEIGHTS_MV,
        "class_names": tiny.CLASSES,
        "image_shape": tiny.SHAPE,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def predictor(folder):
    return Predictor(folder, batch_size=4)


@pytest.fixture(scope="module")
def expected_mvnk():
    """By Keras itself, all images at once."""
    return np.array([[tiny.tiny_net(m)(VIEWS[name](IMAGES)).numpy() for name in tiny.VIEW_NAMES] for m in range(2)])


def test_the_table_is_what_keras_computes(predictor, expected_mvnk):
    np.testing.assert_allclose(predictor.predict_table(IMAGES), expected_mvnk, atol=1e-6)


def test_probabilities_are_the_blend_and_labels_their_largest(predictor, expected_mvnk):
    expected = blend(expected_mvnk, tiny.WEIGHTS_MV, tiny.TEMPERATURES)
    probs, labels = predictor.predict_probs(IMAGES), predictor.predict(IMAGES)
    np.testing.assert_allclose(probs, expected, atol=1e-6)
    np.testing.assert_array_equal(labels, expected.argmax(-1))
    assert (probs.dtype, labels.dtype, labels.shape) == (np.float32, np.int64, (11,))
    np.testing.assert_array_equal(probs, predictor.predict_probs(IMAGES))  # again: the same bits


def test_what_has_weight_0_is_not_run(folder, monkeypatch):
    calls = []
    run = Member.__call__
    monkeypatch.setattr(Member, "__call__", lambda self, images: calls.append(self.folder.name) or run(self, images))
    Predictor(folder, batch_size=64).predict(IMAGES)
    assert sorted(calls) == ["m0", "m0", "m1"]


def test_the_graph_with_variables_gives_the_same(folder, predictor, monkeypatch):
    monkeypatch.setattr(saved_model, "_FREEZE_BELOW_BYTES", 0)
    np.testing.assert_allclose(Predictor(folder).predict_probs(IMAGES), predictor.predict_probs(IMAGES), atol=1e-6)


def test_no_images_give_no_rows(predictor):
    none = IMAGES[:0]
    assert predictor.predict(none).shape == (0,)
    assert predictor.predict_probs(none).shape == (0, 3)
    assert predictor.predict_table(none).shape == (2, 2, 0, 3)


def as_uint8(images, batch_size=4):
    return np.concatenate([*batches(images, tiny.SHAPE, batch_size)])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint32, np.float16, np.float32, np.float64])
def test_every_dtype_of_0_to_255_is_taken(dtype):
    np.testing.assert_array_equal(as_uint8(IMAGES.astype(dtype)), IMAGES)


def test_floats_are_rounded_and_those_of_0_to_1_scaled():
    np.testing.assert_array_equal(as_uint8(IMAGES * 0.999 + 0.1), IMAGES)
    np.testing.assert_array_equal(as_uint8(IMAGES.astype(np.float32) / 255), IMAGES)
    np.testing.assert_array_equal(as_uint8(np.zeros((3, *tiny.SHAPE))), 0)


def test_one_nearly_black_batch_among_floats_is_not_taken_for_0_to_1():
    images = IMAGES.astype(np.float32)
    images[:4] = 1.0  # a whole batch
    np.testing.assert_array_equal(as_uint8(images)[:4], 1)


def test_lists_are_taken():
    np.testing.assert_array_equal(as_uint8(IMAGES.tolist()), IMAGES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], r"shape \(n, 12, 12, 3\)\. Received: \(12, 12, 3\)"),
        (IMAGES[..., :1], r"Received: \(11, 12, 12, 1\)"),
        (IMAGES.transpose(0, 3, 1, 2), r"Received: \(11, 3, 12, 12\)"),
        (IMAGES[:, :8], r"Received: \(11, 8, 12, 3\)"),
        (IMAGES > 3, "dtype=bool"),
        (IMAGES.astype(np.complex64), "dtype=complex64"),
        (IMAGES.astype(np.int16) - 1, "0-255. Received: -1 to"),
        (IMAGES.astype(np.int16) + 300, "Received: 300 to 555 in images 0 to 3"),
        (IMAGES / 127.5 - 1, "Received: -255.0 to"),
        (np.where(IMAGES > 250, np.nan, IMAGES), "Received: nan to nan"),
        (np.where(IMAGES > 250, np.inf, IMAGES), "inf in images"),
    ],
)
def test_other_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        as_uint8(images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_mv": [[0.5, 0.5]]}, r"\(2, 2\)\. Received: \(1, 2\)"),
        ({"weights_mv": [[0.5, 0.5], [0.5, 0.5]]}, "sum is 1"),
        ({"views": ["identity", "zoom"]}, r"Received: \['zoom'\]"),
        ({"class_names": ["a", "b"]}, r"return 2 classes\. Received: \(12, 12, 3\), 3"),
        ({"image_shape": [12, 12, 1]}, "expected members/m0 to take"),
        ({"views": None}, r"none for \['views'\]"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder, tmp_path, change, message):
    shutil.copytree(folder, tmp_path / "zip")
    manifest = json.loads((folder / "manifest.json").read_text()) | change
    manifest = {key: value for key, value in manifest.items() if value is not None}
    (tmp_path / "zip" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(KitError, match=message):
        Predictor(tmp_path / "zip")


def test_missing_files_are_named(folder, tmp_path):
    with pytest.raises(KitError, match=r"manifest at .*manifest.json"):
        Predictor(tmp_path)
    shutil.copy(folder / "manifest.json", tmp_path)
    with pytest.raises(KitError, match=r"expected a SavedModel .* in .*m0"):
        Predictor(tmp_path)


def test_probabilities_that_are_not_finite_are_refused(tmp_path):
    net = tiny.tiny_net(0)
    net.layers[-1].bias.assign([np.nan, 0, 0])
    export_net(net, tmp_path / "broken", tiny.SHAPE)
    with pytest.raises(KitError, match="broken returned probabilities that are not finite"):
        Member(tmp_path / "broken")(IMAGES)
