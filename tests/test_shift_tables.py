"""Tables of corruptions by severities, recipes and choices of rows: what hangs on what, and what is drawn how often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_eval.shifts.choice import choose, choose_some
from local_eval.shifts.grid import Corruption, GridSuite, register_grid
from local_eval.shifts.mixture import Recipe
from local_eval.shifts.operation import SEVERITIES, get_operation
from local_eval.shifts.suite import get_suite, make_step, suite_names
from submission.kit.errors import KitError

TABLES = {"bloodmnist-c": 11, "imagenet-c": 15, "imagenet-c-bar": 10}


def noise(n, shape=(24, 28, 3)):
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


# Tables


@pytest.mark.parametrize(("name", "rows"), TABLES.items())
def test_tables_have_the_published_rows_and_five_severities(name, rows):
    suite = get_suite(name)
    cells = suite.cells(3)
    assert len(cells) == len(set(cells)) == 5 * rows
    assert {severity for _, severity in cells} == set(SEVERITIES)


def test_grey_images_have_no_cell_that_changes_colours_only():
    assert set(get_suite("bloodmnist-c").cells(3)) - set(get_suite("bloodmnist-c").cells(1)) == {
        ("saturate", severity) for severity in SEVERITIES
    }


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(list(TABLES)), st.permutations(range(6)), st.integers(1, 6))
def test_a_stored_image_is_that_cell_of_the_full_table(name, order, size):
    suite, images, ids = get_suite(name), noise(6), [f"id{n}" for n in range(6)]
    stored, names = suite.apply(images, ids, "judge", 3)
    for start in range(0, 6, size):
        for row in order[start : start + size]:
            cell = suite.cell(ids[row], 3, "judge", 3)
            assert names[row] == (cell[0],)
            alone = suite.apply_cell(images[[row]], [ids[row]], "judge", 3, cell)
            np.testing.assert_array_equal(alone[0], stored[row])


def test_every_cell_is_about_as_frequent():
    suite = get_suite("bloodmnist-c")
    drawn = [suite.cell(f"id{n}", 3, "judge", 0) for n in range(5500)]
    counts = np.array([drawn.count(cell) for cell in suite.cells(3)])
    assert counts.min() > 60 and counts.max() < 145  # mean 100, standard deviation 10


def test_part_seed_severity_and_id_each_change_what_a_cell_draws():
    suite = get_suite("imagenet-c")

    def drawn(cell=("gaussian_noise", 3), image_id="a", part="select", seed=0):
        return suite.cell_step(cell, image_id, part, seed).params["seed"]

    seeds = [drawn(), drawn(("gaussian_noise", 4)), drawn(image_id="b"), drawn(part="judge"), drawn(seed=1)]
    assert len(set(seeds)) == 5
    assert drawn() == seeds[0]


def test_a_corruption_brings_its_own_settings():
    rng = np.random.default_rng(0)
    assert Corruption("x", "jpeg", (9, 8, 7, 6, 5)).step(rng, 2).params == {"quality": 8}
    assert Corruption("x", "jpeg").step(rng, 2).params == {"quality": 18}
    with pytest.raises(TypeError, match="the operation 'shear' takes no settings"):
        make_step(rng, "shear", 1, (1, 2, 3, 4, 5))
    with pytest.raises(ValueError, match="'imagenet-c' is registered already"):
        register_grid("imagenet-c", 1, [])
    with pytest.raises(KitError, match=r"expected images of 1 or 3 channels\. Received: 4"):
        get_suite("imagenet-c").apply_cell(np.zeros((1, 24, 24, 4), np.uint8), ["a"], "judge", 0, ("fog", 1))


@pytest.mark.parametrize("shape", [(16, 16, 3), (33, 20, 1), (224, 224, 3)])
@pytest.mark.parametrize("name", TABLES)
def test_any_size_and_grey_images_too(name, shape):
    suite = get_suite(name)
    assert isinstance(suite, GridSuite)
    image = noise(1, shape)
    for corruption, severity in suite.cells(shape[2]):
        if severity == 5 or shape[0] == 16:
            altered = suite.apply_cell(image, ["a"], "judge", 0, (corruption, severity))
            assert altered.shape == image.shape and altered.dtype == np.uint8
            assert not np.array_equal(altered, image), (corruption, severity)


# Recipes and draws


def test_a_recipe_keeps_its_order_and_its_settings():
    recipe = Recipe({"gamma": 1, "jpeg": 2, "hue": 1}, (0, 0.5, 0.5), settings={"jpeg": (50, 50, 50, 50, 50)})
    plans = [recipe.plan(np.random.default_rng(n), 3) for n in range(300)]
    order = ["gamma", "jpeg", "hue"]
    for plan in plans:
        names = [step.operation for step in plan]
        assert names == sorted(set(names), key=order.index)
        assert all(step.params == {"quality": 50} for step in plan if step.operation == "jpeg")
    assert {len(plan) for plan in plans} == {1, 2}
    grey = {step.operation for n in range(50) for step in recipe.plan(np.random.default_rng(n), 1)}
    assert grey == {"gamma", "jpeg"}


@settings(max_examples=100)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9), st.integers(0, 1000), st.data())
def test_choices_are_numpys_draw_for_draw(weights, seed, data):
    size = data.draw(st.integers(0, len(weights)))
    p = np.array(weights) / np.sum(weights)
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    assert choose(one, p.tolist()) == other.choice(len(p), p=p)
    assert choose_some(one, p.tolist(), size) == other.choice(len(p), size, replace=False, p=p, shuffle=False).tolist()
    assert one.random() == other.random()


# Class frequencies


def test_prior_takes_clean_images_once_with_other_frequencies():
    suite = get_suite("prior")
    labels = np.repeat(np.arange(8), [70, 150, 80, 140, 70, 85, 160, 110])
    ids = [f"id{n}" for n in range(len(labels))]
    shares = []
    for seed in range(40):
        rows = suite.rows(labels, ids, "judge", seed)
        assert len(set(rows.tolist())) == len(rows) >= 0.2 * len(labels)
        assert (np.diff(rows) > 0).all()
        shares.append(np.bincount(labels[rows], minlength=8) / len(rows))
    assert np.std(shares, axis=0).mean() > 0.06  # of the prior itself: 0
    assert len({tuple(share) for share in shares}) == 40
    images = noise(4)
    np.testing.assert_array_equal(suite.apply(images, ids[:4], "judge", 0)[0], images)


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(60)), st.integers(0, 50))
def test_prior_takes_the_same_images_in_any_order(order, seed):
    suite, labels = get_suite("prior"), np.arange(60) % 4
    ids = np.array([f"id{n}" for n in range(60)])
    rows, others = suite.rows(labels, ids, "judge", seed), suite.rows(labels[order], ids[order], "judge", seed)
    assert set(ids[rows]) == set(ids[order][others])


@pytest.mark.parametrize("labels", [[3] * 7, [0], list(range(10)), [0] * 500 + [1]])
def test_prior_of_few_images_or_one_class(labels):
    labels = np.array(labels)
    for seed in range(20):
        rows = get_suite("prior").rows(labels, [str(n) for n in range(len(labels))], "select", seed)
        assert 0 < len(rows) <= len(labels)


def test_other_suites_take_every_image():
    for name in set(suite_names()) - {"prior"}:
        assert get_suite(name).rows(np.zeros(5, int), list("abcde"), "judge", 0).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["perlin_noise", "sparkles", "vignette", "text", "optical_density"])
def test_operations_hold_at_flat_images(name):
    """All one value: no division by a spread of 0, no warning."""
    operation = get_operation(name)
    for value in (0, 255):
        image = np.full((20, 24, 3), value, np.uint8)
        assert operation.apply(image, operation.sample(np.random.default_rng(0), 3)).shape == image.shape
