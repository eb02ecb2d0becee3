import errno
import json
import resource
import signal

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission.expected import check_same, load_expected
from submission.export import export_ensemble
from submission.export_net import export_net
from submission.kit.errors import KitError
from submission.kit.member import Member


@pytest.fixture
def artifacts(tmp_path):
    return tiny.make_artifacts(tmp_path / "A")


def test_a_saved_model_gives_what_the_net_gives(tmp_path):
    net = tiny.tiny_net(0)
    export_net(net, tmp_path / "net", tiny.SHAPE)
    member = Member(tmp_path / "net")
    assert (member.image_shape, member.num_classes) == (tiny.SHAPE, 3)
    for num_images in (1, 5):  # any number of images
        images = tiny.tiny_images(num_images)
        np.testing.assert_allclose(member(images), net(images, training=False).numpy(), atol=1e-6)


def test_grey_images_that_are_not_square_and_half_precision(tmp_path):
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        net = tiny.tiny_net(0, (6, 9, 1), 5)
    finally:
        keras.config.set_dtype_policy("float32")
    export_net(net, tmp_path / "net", (6, 9, 1))
    probs = Member(tmp_path / "net")(np.zeros((2, 6, 9, 1), np.uint8))
    assert (probs.shape, probs.dtype) == ((2, 5), np.float32)


def test_an_older_export_is_replaced_and_nothing_else_left(tmp_path):
    for seed in (0, 1):
        export_net(tiny.tiny_net(seed), tmp_path / "net", tiny.SHAPE)
    images = tiny.tiny_images(3)
    np.testing.assert_allclose(Member(tmp_path / "net")(images), tiny.tiny_net(1)(images).numpy(), atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_net_without_class_probabilities_is_refused(tmp_path):
    import keras

    inputs = keras.Input(tiny.SHAPE, dtype="uint8")
    net = keras.Model(inputs, keras.layers.Rescaling(1 / 255)(inputs))
    with pytest.raises(KitError, match=r"probabilities \(n, K\)\. Received: \(None, 12, 12, 3\)"):
        export_net(net, tmp_path / "net", tiny.SHAPE)
    assert not (tmp_path / "net").exists()


@pytest.fixture
def full_disk():
    """Files end at 100 bytes, which the system tells in the same way as a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_takes_no_more_is_an_error_of_the_system(tmp_path, full_disk):
    with pytest.raises(OSError, match="File too large") as caught:
        export_net(tiny.tiny_net(0), tmp_path / "net", tiny.SHAPE)
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        ("/x/saved_model.pb.tmp1; No space left on device", OSError, r"\[Errno 28\] No space left on device: '.*net'"),
        ("something odd", KitError, "expected TensorFlow to write a SavedModel to .*net. Received: something odd"),
    ],
)
def test_what_tensorflow_says_of_the_disk(tmp_path, monkeypatch, message, kind, told):
    import tensorflow as tf

    def save(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(kind, match=told):
        export_net(tiny.tiny_net(0), tmp_path / "net", tiny.SHAPE)


def test_all_members_are_exported_and_checked(artifacts):
    exported = export_ensemble(artifacts, tiny.load_tiny_net)
    assert json.loads((artifacts / "export" / "export.json").read_text()) == exported
    assert [exported["members"][run]["run"] for run in tiny.RUNS] == list(tiny.RUNS)
    assert max(member["largest_difference"] for member in exported["members"].values()) < 1e-5
    assert (exported["image_shape"], exported["class_names"]) == ([12, 12, 3], tiny.CLASSES)
    assert set(exported["versions"]) == {"tensorflow", "keras", "numpy", "python"}
    assert {member["engine"] for member in exported["members"].values()} <= {"tflite", "savedmodel"}
    assert all((artifacts / "export" / run / "saved_model.pb").exists() for run in tiny.RUNS)


def never(run_dir):
    raise AssertionError("exported again")


def test_what_is_exported_is_what_its_run_holds_and_is_made_once(artifacts):
    exported = export_ensemble(artifacts, tiny.load_tiny_net, engine="savedmodel")
    for run in tiny.RUNS:
        kept, shipped = artifacts / "runs" / run / "export", artifacts / "export" / run
        files = [path.relative_to(kept) for path in kept.rglob("*") if path.is_file()]
        assert files and all((kept / file).read_bytes() == (shipped / file).read_bytes() for file in files)
        assert not (shipped / "model.tflite").exists()
    assert export_ensemble(artifacts, never, engine="savedmodel") == exported
    with pytest.raises(AssertionError, match="exported again"):
        export_ensemble(artifacts, never, engine="savedmodel", again=True)


def test_a_member_that_differs_from_training_is_refused(artifacts):
    mend = rf"training\.predict --artifacts {artifacts} --run two-f1-s0-11111111"
    with pytest.raises(
        KitError, match=rf"two-f1-s0-11111111 as savedmodel, view identity: expected training's probabilities.*{mend}"
    ):
        export_ensemble(artifacts, lambda run_dir: tiny.tiny_net(0))  # the weights of the first run for both
    assert not (artifacts / "export" / "export.json").exists()


def test_missing_files_name_the_command_that_makes_them(artifacts):
    (artifacts / "runs" / tiny.RUNS[1] / "probs_an2dl_select.npz").unlink()
    with pytest.raises(KitError, match=rf"training\.predict --artifacts {artifacts} --run {tiny.RUNS[1]}`"):
        export_ensemble(artifacts, tiny.load_tiny_net)
    (artifacts / "ensemble" / "ensemble.json").unlink()
    with pytest.raises(KitError, match=r"ensembles\.fit"):
        export_ensemble(artifacts, tiny.load_tiny_net)


def test_expected_is_joined_by_id_and_bounded(tmp_path):
    artifacts = tiny.make_artifacts(tmp_path / "A", num_images=300)
    expected = load_expected(artifacts, tiny.RUNS, ["identity"])
    assert expected.images.shape == (256, *tiny.SHAPE)
    np.testing.assert_allclose(expected.probs_mvnk[1, 0], tiny.tiny_net(1)(expected.images).numpy(), atol=1e-6)
    with pytest.raises(
        KitError, match=rf"none for \['rot180'\]. Run `python -m training.predict --artifacts {artifacts} --run"
    ):
        load_expected(artifacts, tiny.RUNS, ["identity", "rot180"])


def test_without_suites_the_error_names_the_command(tmp_path):
    with pytest.raises(KitError, match=r"local_eval\.suites"):
        load_expected(tmp_path, tiny.RUNS, ["identity"])


@pytest.mark.parametrize("value", [0.1001, np.nan])
def test_a_difference_names_the_worst_image(value):
    expected = np.full((4, 2), 0.1)
    probs = expected.copy()
    probs[2, 1] = value
    with pytest.raises(KitError, match=r"it: expected .* within 1e-05.*image 2 of 4\. Mend"):
        check_same("it", probs, expected, 1e-5, "Mend.")
    assert check_same("it", expected, expected, 1e-5, "Mend.") == 0
    with pytest.raises(KitError, match=r"\(4, 2\)\. Received: \(3, 2\)"):
        check_same("it", probs[:3], expected, 1e-5, "Mend.")
