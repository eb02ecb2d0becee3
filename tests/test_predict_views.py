"""Predictions of views beyond the defaults: which are meant, and what is added to what is there."""

import numpy as np
import pytest
from tiny_contest import make_contest

from submission.kit.errors import KitError
from submission.kit.folds import load_folds
from submission.kit.image_set import open_image_set
from submission.kit.photometric import zone_contrast
from submission.kit.probs_file import load_probs
from submission.kit.tta import VIEWS, get_view
from training import predict as predict_module
from training.predict import predict, predict_views
from training.runs import Run
from training.view_names import view_names


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    return make_contest(tmp_path_factory.mktemp("contest"))


@pytest.fixture(scope="module")
def opened(contest):
    return open_image_set(contest / "data", ""), load_folds(contest / "split" / "folds.csv")


class Net:
    """Probabilities of two classes from the mean of the image's upper half."""

    output_shape = (None, 2)

    def __init__(self):
        self.images = 0

    def predict_on_batch(self, batch):
        self.images += len(batch)
        bright = batch[:, : batch.shape[1] // 2].mean((1, 2, 3)) / 255
        return np.stack([bright, 1 - bright], -1).astype(np.float32)


class FakeRun(Run):
    """Trained, without a net of its own."""

    def __init__(self, path):
        path.mkdir()
        super().__init__(path, {"fold": 0})
        self.set_state("trained")


@pytest.fixture
def run(tmp_path, monkeypatch):
    net = Net()
    monkeypatch.setattr(predict_module, "load_net", lambda run: net)
    monkeypatch.setattr(predict_module, "check_split", lambda run, artifacts: None)
    return FakeRun(tmp_path / "run")


def test_names_are_taken_in_order_each_once(opened):
    assert view_names(["dihedral"], *opened) == list(VIEWS)
    assert view_names(["zoom_1.1,flip", "flip", "identity"], *opened) == ["zoom_1.1", "flip", "identity"]
    assert view_names(["zoom_1.1", "dihedral"], *opened) == ["zoom_1.1", *VIEWS]


def test_all_has_the_training_images_means_and_not_the_hold_outs(opened):
    data, folds = opened
    names = view_names(["all"], data, folds)
    rows = folds.index[np.char.startswith(folds.part, "fold")]
    images = data.images[np.sort(rows)]
    mean, contrast = images.mean() / 255, zone_contrast(images).mean()
    assert names[:8] == list(VIEWS)
    assert {f"gamma_{mean:.2f}", f"uninvert_{mean:.2f}_{contrast:.2f}", "greyworld", "fill_60"} <= set(names)
    colours = "_".join(f"{one:.2f}" for one in images.mean((0, 1, 2)) / 255)
    assert f"balance_{colours}" in names
    for name in names:
        assert get_view(name)(images[:3]).shape == images[:3].shape


def test_all_bad_names_are_told(opened):
    with pytest.raises(KitError, match=r"expected views out of identity, .*Received: \['zoom', 'gama_1'\]"):
        view_names(["zoom,flip,gama_1"], *opened)


def test_predictions_are_of_the_views(opened):
    images = opened[0].images[:5]
    views = ["identity", "shift_3_0", "fill_60+autocontrast"]
    got = predict_views(Net(), images, np.arange(5), views, batch_size=2)
    for v, view in enumerate(views):
        np.testing.assert_array_equal(got[v], Net().predict_on_batch(get_view(view)(images)))


def test_views_that_lack_are_added_and_nothing_is_made_twice(contest, run):
    sets = [len(task.rows) for task in predict_module.tasks(contest, 0)]
    assert predict(run, contest, views=["identity,flip"]) == 2 * sum(sets)
    before = load_probs(run.path / "probs_oof.npz")
    assert predict(run, contest, views=["flip,shift_3_0"]) == sum(sets)
    probs = load_probs(run.path / "probs_oof.npz")
    assert probs.views == ["identity", "flip", "shift_3_0"]
    np.testing.assert_array_equal(probs.probs_vnk[:2], before.probs_vnk)
    assert probs.ids.tolist() == before.ids.tolist()
    assert run.state == "predicted"
    assert predict(run, contest, views=["identity"]) == 0
    assert load_probs(run.path / "probs_oof.npz").views == probs.views


def test_what_is_damaged_or_of_other_images_is_made_anew(contest, run):
    predict(run, contest, views=["identity"])
    (run.path / "probs_oof.npz").write_bytes(b"no npz")
    count = len(predict_module.tasks(contest, 0)[0].rows)
    assert predict(run, contest, views=["identity"]) == count
    (run.path / "predicted.json").write_text("{}")
    assert predict(run, contest, views=["flip"]) > count
    assert load_probs(run.path / "probs_oof.npz").views == ["flip"]
