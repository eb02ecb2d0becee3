"""The embedded contest: what is planted is what truth.csv says, and colours alone do not tell the types."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.data import shapes
from training.data.__main__ import main
from training.data.near_copy import NEAR_COPIES, near_copy
from training.data.plan import CLASS_WEIGHTS, KINDS, make_plan
from training.data.sample_sheet import write_sample_sheet
from training.data.slide import Slide
from training.data.synthetic import CLASS_NAMES, draw_contest


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A/data of 200 pictures of 32 px, and its truth.csv."""
    folder = tmp_path_factory.mktemp("tiny")
    assert main(["--artifacts", str(folder), "--images", "200", "--size", "32", "--seed", "7"]) == 0
    with open(folder / "data/truth.csv", newline="") as file:
        return open_image_set(folder / "data", ""), list(csv.DictReader(file))


def test_default_numbers():
    plan = make_plan(2400, 0)
    assert {kind: int((plan.kinds == kind).sum()) for kind in KINDS} == {
        "cell": 2240, "joke_a": 80, "joke_b": 20, "exact_duplicate": 24, "near_duplicate": 36,
    }  # fmt: skip
    cells = plan.kinds == "cell"
    sizes = np.bincount(plan.true_labels[cells])
    assert sizes.sum() == 2240
    assert sizes.max() / sizes.min() == pytest.approx(2.5, rel=0.02)
    assert (plan.true_labels != plan.given_labels).sum() == 45  # 2 % of the cells
    assert np.bincount(plan.given_labels[plan.kinds == "joke_a"]).tolist() == [10] * 8
    assert set(plan.given_labels[plan.kinds == "joke_b"]) == {5}


@settings(max_examples=40, deadline=None)
@given(num_images=st.integers(80, 3000), seed=st.integers(0, 2**40))
def test_plan_invariants(num_images, seed):
    plan = make_plan(num_images, seed)
    rows = np.arange(num_images)
    assert all(len(column) == num_images for column in (plan.true_labels, plan.given_labels, plan.kinds))
    assert set(plan.kinds) == set(KINDS)
    assert set(plan.true_labels[plan.kinds == "cell"]) == set(range(len(CLASS_WEIGHTS)))
    copies = np.char.endswith(plan.kinds, "duplicate")
    assert (plan.kinds[plan.originals[copies]] == "cell").all()
    assert len(set(plan.originals[copies])) == copies.sum()
    assert (plan.true_labels == plan.true_labels[plan.originals])[copies].all()
    assert (plan.originals[plan.kinds == "cell"] == rows[plan.kinds == "cell"]).all()
    wrong = plan.true_labels != plan.given_labels
    assert 0 < wrong.sum() <= max(1, round(0.02 * num_images))
    assert (plan.kinds[wrong] == "cell").all()
    assert not np.isin(plan.originals[copies], rows[wrong]).any()
    jokes = np.char.startswith(plan.kinds, "joke")
    assert jokes[-jokes.sum() :].all()  # at the end
    assert (plan.given_labels >= 0).all()
    assert (plan.given_labels < len(CLASS_WEIGHTS)).all()


def test_truth_agrees_with_the_pictures(tiny):
    data, truth = tiny
    assert [row["id"] for row in truth] == data.ids.tolist()
    assert [int(row["index"]) for row in truth] == list(range(200))
    assert [int(row["given_label"]) for row in truth] == data.labels.tolist()
    for row in truth:
        same = row["id"] == truth[int(row["original_index"])]["id"]
        assert same == (row["kind"] != "near_duplicate")
        if row["kind"] == "near_duplicate":
            here, there = (data.images[int(row[key])].astype(int) for key in ("index", "original_index"))
            assert np.abs(here - there).mean() < 20
    unplanted = [row["id"] for row in truth if row["kind"] == "cell"]
    assert len(set(unplanted)) == len(unplanted)


def test_meta_and_up_to_date(tiny, tmp_path, capsys):
    data, _ = tiny
    assert data.class_names == list(CLASS_NAMES)
    assert data.meta["seed"] == 7
    assert sum(data.meta["counts"]) == 200
    arguments = ["--artifacts", str(tmp_path), "--images", "80", "--size", "24"]
    main(arguments)
    main(arguments)
    assert "up to date" in capsys.readouterr().out.splitlines()[1]
    with pytest.raises(KitError, match="source_sha256"):
        main([*arguments, "--seed", "1"])


def test_same_seed_same_pictures_in_any_order():
    contest, again, other = draw_contest(80, 24, 0), draw_contest(80, 24, 0), draw_contest(80, 24, 1)
    images = np.concatenate([images for images, _ in contest.batches()])
    np.testing.assert_array_equal(again.draw(70), images[70])
    np.testing.assert_array_equal(again.draw(3), images[3])
    assert not np.array_equal(other.draw(3), images[3])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in contest.batches()]), contest.labels)


@pytest.mark.parametrize("size", [24, 33, 96, 150])
def test_any_size_shows_the_cell(size):
    contest = draw_contest(80, size, 0)
    for label in range(len(CLASS_NAMES)):
        row = int(np.flatnonzero((contest.plan.true_labels == label) & (contest.plan.kinds == "cell"))[0])
        image = contest.draw(row)
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8
        middle = slice(size // 5, -(size // 5))
        assert image[middle, middle, 0].min() < 0.75 * np.median(image[..., 0])  # something stained


def test_colours_do_not_tell_the_types():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    contest = draw_contest(400, 24, 0)
    cells = np.flatnonzero(contest.plan.kinds == "cell")
    pixels = np.stack([contest.draw(int(row)) for row in cells]).reshape(len(cells), -1, 3)
    labels = contest.plan.true_labels[cells]
    mean, spread = pixels.mean(1), pixels.std(1)
    for features in (mean, np.concatenate([mean, spread], 1)):
        features = (features - features.mean(0)) / features.std(0)
        score = cross_val_score(LogisticRegression(max_iter=2000), features, labels, cv=5).mean()
        assert score < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "79"], "at least 80 images. Received: --images 79"),
        (["--images", "-1"], "Received: --images -1"),
        (["--size", "23"], "at least 24 pixels.*Received: --size 23"),
        (["--class-names", "a,b"], "Received: --class-names"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(KitError, match=message):
        main(["--artifacts", str(tmp_path / "A"), *arguments])
    assert not (tmp_path / "A").exists()


@pytest.mark.parametrize("how", NEAR_COPIES)
@pytest.mark.parametrize("size", [24, 96])
def test_near_copies_are_near_but_not_equal(how, size):
    image = draw_contest(80, size, 0).draw(0)
    for seed in range(10):
        copy = near_copy(image, how, np.random.default_rng(seed))
        assert copy.shape == image.shape
        assert copy.dtype == np.uint8
        assert not np.array_equal(copy, image)
        assert np.abs(copy.astype(int) - image).mean() < 25
    with pytest.raises(ValueError, match="how must be one of"):
        near_copy(image, "rotate", np.random.default_rng(0))


def test_distances_by_hand():
    x, y = np.array([[0.0, 3.0, 10.0]], np.float32), np.array([[0.0], [4.0]], np.float32)
    np.testing.assert_allclose(shapes.disc(x, y, 5), [[-5, -2, 5], [-1, 0, np.sqrt(116) - 5]], rtol=1e-6)
    np.testing.assert_allclose(
        shapes.capsule(x, y, (0, 0), (10, 0), 1), [[-1, -1, -1], [3, 3, 3]], rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(shapes.ellipse(x, y, 10, 4, 0)[0, 2], 0, atol=1e-6)
    np.testing.assert_allclose(shapes.ellipse(x, y, 10, 4, 0)[1, 0], 0, atol=1e-6)
    np.testing.assert_allclose(shapes.ellipse(x, y, 4, 10, np.pi / 2)[0, 2], 0, atol=1e-6)
    one, two = np.array([2.0, 0.0]), np.array([5.0, 0.0])
    np.testing.assert_allclose(shapes.join(one, two, 2), [2.0, -0.5])
    np.testing.assert_allclose(shapes.cut(one, -two, 2), [5.0, 0.5])


def test_grains_lie_where_they_are_put():
    slide = Slide(96, np.random.default_rng(0), 1.0)
    coverage = slide.spots(np.array([[-20.5, 10.5]]), np.array([2.0]))
    assert coverage[58, 27] == 1  # row 48 + 10, column 48 - 21
    assert coverage.sum() == pytest.approx(coverage[50:67, 19:36].sum(), rel=1e-3)


def test_noise_has_no_mean_and_about_unit_spread():
    fields = np.stack([Slide(96, np.random.default_rng(seed), 1.0).noise(4.0) for seed in range(10)])
    assert abs(fields.mean()) < 0.1
    assert fields.std() == pytest.approx(1, abs=0.15)


def test_sheet_of_grey_odd_sized_and_strangely_named_data(tmp_path):
    from PIL import Image

    np.savez(
        tmp_path / "x.npz",
        images=np.random.default_rng(0).integers(0, 256, (30, 10, 20), dtype=np.uint8),
        labels=np.arange(30) % 3,
        class_names=np.array(
            ["细胞", "a name that is much longer than the column is wide", "no-space-anywhere-in-this-name"]
        ),
    )
    main(["--data", str(tmp_path / "x.npz"), "--artifacts", str(tmp_path)])
    data = open_image_set(tmp_path / "data", "")
    write_sample_sheet(tmp_path / "again.png", data)
    with Image.open(tmp_path / "data/sheet.png") as sheet:
        assert sheet.height == 3 * 98
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "data/sheet.png").read_bytes()
