"""Suites of shifts: what hangs on what, and how often what happens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shift_images import cell

from local_eval.sheet import operations_of
from local_eval.shifts import OPERATIONS
from local_eval.shifts.an2dl import HARSH, MILD, TYPICAL
from local_eval.shifts.suite import Step, apply_steps, get_suite, suite_names
from submission.kit.errors import KitError

# Operations of "an2dl", version 2, part judge, seed 0, for the ids id0 to id5.
GOLDEN = [
    "solarise+border",
    "greyscale+shear+translate+border",
    "equalise+channel_shift+invert+border",
    "border",
    "border",
    "bar+border",
]


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(8)), st.integers(1, 8), st.sampled_from(suite_names()))
def test_an_image_is_altered_the_same_way_in_any_batch_and_order(order, size, name):
    images = np.stack([cell(24, 24, seed=n) for n in range(8)])
    ids = [f"id{n}" for n in range(8)]
    suite = get_suite(name)
    whole, operations = suite.apply(images, ids, "select", 0)
    assert len(operations) == 8
    for start in range(0, 8, size):
        rows = list(order[start : start + size])
        part, names = suite.apply(images[rows], [ids[row] for row in rows], "select", 0)
        np.testing.assert_array_equal(part, whole[rows])
        assert names == [operations[row] for row in rows]


def test_clean_changes_nothing():
    images = np.stack([cell(24, 24, seed=n) for n in range(3)])
    altered, operations = get_suite("clean").apply(images, ["a", "b", "c"], "judge", 0)
    np.testing.assert_array_equal(altered, images)
    assert operations == [(), (), ()]


def test_part_seed_suite_and_id_each_change_the_draws():
    def plans(name="an2dl", part="select", seed=0, start=0):
        return [get_suite(name).plan(f"id{n + start}", 3, part, seed) for n in range(40)]

    base = plans()
    for other in (plans(part="judge"), plans(seed=1), plans(name="an2dl-mild"), plans(start=1000)):
        assert sum(a == b for a, b in zip(base, other, strict=True) if len(a) + len(b) > 0) == 0
    assert base == plans()


def test_no_plan_of_judge_is_a_plan_of_select():
    select, judge = (
        {repr(get_suite("an2dl").plan(f"id{n}", 3, part, 0)) for n in range(500)} - {"[]"}
        for part in ("select", "judge")
    )
    assert not select & judge


def test_apply_is_the_plan_step_by_step():
    image = cell(24, 24)
    steps = [Step("invert", {}), Step("darken", {"factor": 0.5})]
    np.testing.assert_array_equal(apply_steps(image, steps), np.rint((255 - image) * 0.5).astype(np.uint8))


def test_the_mixture_is_as_frequent_as_the_report_says():
    plans = [get_suite("an2dl").plan(f"id{n}", 3, "select", 0) for n in range(4000)]
    names = [[step.operation for step in plan] for plan in plans]
    share = {name: np.mean([name in plan for plan in names]) for name in OPERATIONS}
    assert share["border"] == pytest.approx(0.95, abs=0.02)
    assert share["bar"] == pytest.approx(0.30, abs=0.03)
    assert np.mean([set(plan) <= {"border"} for plan in names]) == pytest.approx(0.45 * 0.7, abs=0.03)
    for item in (
        ("shear",),
        ("translate",),
        ("greyscale",),
        ("invert", "solarise"),
        ("darken", "washout"),
        ("equalise",),
    ):
        assert sum(share[name] for name in item) == pytest.approx(0.13, abs=0.02)
    assert all("border" not in plan[:-1] for plan in names)  # the L is last
    assert all("bar" not in plan or plan.index("bar") >= len(plan) - 2 for plan in names)
    assert all(len(set(plan)) == len(plan) <= 5 for plan in names)


def test_mild_typical_and_harsh_are_in_that_order():
    images = np.stack([cell(32, 32, seed=n) for n in range(300)])
    ids = [str(n) for n in range(300)]

    def change(name):
        return np.abs(get_suite(name).apply(images, ids, "select", 0)[0].astype(int) - images).mean()

    assert change("an2dl-mild") < change("an2dl") < change("an2dl-harsh")
    for mixture in (MILD, TYPICAL, HARSH):
        assert sum(mixture.counts) == pytest.approx(1)
        assert sum(mixture.severities) == pytest.approx(1)


def test_version_2_of_an2dl_stays_what_it_is():
    """If this fails on purpose, raise the suite's version: folders written before are then made anew."""
    plans = [get_suite("an2dl").plan(f"id{n}", 3, "judge", 0) for n in range(6)]
    assert get_suite("an2dl").version == 2
    assert ["+".join(step.operation for step in plan) for plan in plans] == GOLDEN


def test_grey_images_get_no_colour_operation():
    possible = set(operations_of(get_suite("an2dl"), 3))
    plans = [get_suite("an2dl-harsh").plan(f"id{n}", 1, "select", 0) for n in range(300)]
    assert {step.operation for plan in plans for step in plan} == possible - {"greyscale", "hue", "channel_shuffle"}


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(KitError, match=r"expected images of 1 or 3 channels\. Received: 4"):
        get_suite("clean").apply(np.zeros((1, 24, 24, 4), np.uint8), ["a"], "select", 0)
