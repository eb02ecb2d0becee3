"""Dark borders and bars are found where they are, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from submission.kit.dark_fill import dark_lines, fill_dark


def textured(seed, height=48, width=48):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(0, 150, (height, width, 3)), (2, 2, 0))
    return np.clip(160 + noise, 90, 255).astype(np.uint8)


def bar(height, width, direction, at, thick):
    y, x = np.mgrid[:height, :width]
    line = {"row": y, "column": x, "rising": y + x, "falling": y - x + width - 1}[direction]
    return (line >= at) & (line < at + thick)


@pytest.mark.parametrize("direction", ["row", "column", "rising", "falling"])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (40, 64)])
def test_bars_of_all_four_directions_are_found(direction, height, width):
    image = textured(0, height, width)
    where = bar(height, width, direction, 22, 5)
    image[where] = 12
    np.testing.assert_array_equal(dark_lines(image, 60), where)


@given(seed=st.integers(0, 999), sides=st.tuples(*[st.integers(0, 7)] * 4), level=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_borders_of_any_sides_are_found(seed, sides, level):
    image = textured(seed)
    top, bottom, left, right = sides
    where = np.ones((48, 48), bool)
    where[top : 48 - bottom, left : 48 - right] = False
    image[where] = level
    np.testing.assert_array_equal(dark_lines(image, 60), where)


def test_a_border_over_a_bar_over_noise():
    image = textured(5)
    where = bar(48, 48, "rising", 30, 6)
    image[where] = 40  # other levels than the border
    where[-6:], where[:, :4] = True, True
    image[-6:], image[:, :4] = 3, 3
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 1, image.shape), 0, 255).astype(np.uint8)
    for one in (image, noisy):
        assert (dark_lines(one, 60) == where).mean() > 0.99


def test_grey_bars_need_a_higher_level():
    image = textured(6)
    where = bar(48, 48, "column", 20, 5)
    image[where] = 120
    assert not dark_lines(image, 60).any()
    np.testing.assert_array_equal(dark_lines(image, 140), where)


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.1, 0.0])
def test_dark_images_are_no_bars(factor):
    assert not dark_lines((textured(1) * factor).astype(np.uint8), 60).any()


def test_an_even_background_is_no_border():
    image = np.full((48, 48, 3), 20, np.uint8)
    image[16:32, 16:32] = 27
    assert not dark_lines(image, 60).any()


def test_what_is_left_must_be_enough_to_fill_from():
    half, most = textured(2), textured(2)
    half[:30] = 0
    most[:23], most[:, :20] = 0, 0
    assert not dark_lines(half, 60).any()
    assert not dark_lines(most, 60).any()


def test_a_border_is_filled_with_the_mirrored_image():
    image = textured(3)
    dark = image.copy()
    dark[:5], dark[:, -3:] = 0, 0
    inner = image[5:, :-3]
    np.testing.assert_array_equal(
        fill_dark(dark[None], 60)[0][:, :-3], np.pad(inner, ((5, 0), (0, 0), (0, 0)), "symmetric")
    )
    np.testing.assert_array_equal(
        fill_dark(dark[None], 60)[0][5:], np.pad(inner, ((0, 0), (0, 3), (0, 0)), "symmetric")
    )


def test_the_filled_image_is_near_the_whole_one():
    y, x = np.mgrid[:48, :48]
    whole = np.stack([100 + 2 * y, 80 + 3 * x, 220 - y - x], -1).astype(np.uint8)
    dark = whole.copy()
    for direction, at in (("row", 12), ("falling", 60)):
        dark[bar(48, 48, direction, at, 5)] = 5
    filled = fill_dark(dark[None], 60)[0].astype(int)
    assert np.abs(filled - whole).max() <= 30
    assert np.abs(dark.astype(int) - whole).max() >= 150
