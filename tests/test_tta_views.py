"""The views beyond the symmetries: each against an independent reference, and what all must keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy import ndimage

from submission.kit.errors import KitError
from submission.kit.photometric import zone_contrast
from submission.kit.tta import VIEWS, check_views, describe_views, get_view

NAMES = [
    "rot180", "shift_6_-6", "shift_0_1", "zoom_1.15", "zoom_0.8", "autocontrast", "autocontrast_2", "greyworld",
    "gamma_0.62", "uninvert_0.7", "uninvert_0.7_-1.5", "fill_60", "fill_60+autocontrast+flip",
]  # fmt: skip


def smooth(rng, shape):
    """Something between noise and a photograph: even parts, edges, sometimes a bar or a border."""
    images = ndimage.gaussian_filter(rng.uniform(-300, 550, shape), (0, 1.5, 1.5, 0))
    images = np.clip(images + rng.uniform(-60, 60, (shape[0], 1, 1, 1)), 0, 255).astype(np.uint8)
    for image in images:
        if rng.random() < 0.4:
            image[:, : 1 + shape[2] // 12] = rng.integers(0, 30)
        if rng.random() < 0.4:
            image[shape[1] // 2 : shape[1] // 2 + 1 + shape[1] // 16] = rng.integers(0, 30)
    return images


IMAGES = smooth(np.random.default_rng(3), (6, 20, 31, 3))


@pytest.mark.parametrize("name", [*NAMES, "balance_0.8_0.7_0.6"])
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    channels=st.sampled_from([1, 3]),
)
@settings(max_examples=12, deadline=None)
def test_a_row_depends_on_itself_alone(name, seed, height, width, channels):
    rng = np.random.default_rng(seed)
    view = get_view(name)
    images = smooth(rng, (4, height, width, view.channels or channels))
    before = images.copy()
    result = view(images)
    assert (result.shape, result.dtype) == (images.shape, np.uint8)
    np.testing.assert_array_equal(images, before)  # the batch goes to other views, too
    order = rng.permutation(4)
    np.testing.assert_array_equal(view(images[order]), result[order])
    for n in range(4):
        np.testing.assert_array_equal(view(images[n : n + 1])[0], result[n])
    assert view(images[:0]).shape == (0, *images.shape[1:])


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, -3), (-1, 5), (100, -64)])
def test_shifts_are_scipys(down, right):
    expected = ndimage.shift(IMAGES, (0, down, right, 0), order=0, mode="reflect")
    np.testing.assert_array_equal(get_view(f"shift_{down}_{right}")(IMAGES), expected)


@pytest.mark.parametrize("factor", [0.25, 0.8, 1, 1.15, 2.5, 4])
def test_zooms_are_scipys(factor):
    centre = (np.array(IMAGES.shape[1:3]) - 1) / 2
    for image, got in zip(IMAGES, get_view(f"zoom_{factor}")(IMAGES), strict=True):
        for c in range(3):
            expected = ndimage.affine_transform(
                image[..., c].astype(float), [1 / factor] * 2, centre - centre / factor, order=1, mode="reflect"
            )
            np.testing.assert_allclose(got[..., c], expected, atol=0.5 + 1e-3)


@pytest.mark.parametrize("cutoff", [0, 2, 20, 49])
def test_autocontrast_is_pillows(cutoff):
    for image, got in zip(IMAGES, get_view(f"autocontrast_{cutoff}")(IMAGES), strict=True):
        np.testing.assert_array_equal(got, np.asarray(ImageOps.autocontrast(Image.fromarray(image), cutoff)))


def test_grey_world_gives_all_channels_one_mean():
    images = (IMAGES // 2 * np.array([1, 0.7, 0.5])).astype(np.uint8)
    means = get_view("greyworld")(images).mean((1, 2))
    np.testing.assert_allclose(means, np.repeat(images.mean((1, 2, 3))[:, None], 3, 1), atol=0.5)
    grey = IMAGES[..., :1]
    np.testing.assert_array_equal(get_view("greyworld")(grey), grey)


def test_balance_brings_each_channel_to_its_mean():
    images = (IMAGES // 3).astype(np.uint8)
    np.testing.assert_allclose(
        get_view("balance_0.2_0.25_0.3")(images).mean((1, 2)) / 255, [[0.2, 0.25, 0.3]] * 6, atol=0.03
    )
    black = np.zeros_like(images)
    np.testing.assert_array_equal(get_view("balance_0.2_0.25_0.3")(black), black)


@pytest.mark.parametrize("mean", [0.3, 0.5, 0.62])
def test_gamma_brings_an_image_to_the_mean(mean):
    from scipy.optimize import brentq

    got = get_view(f"gamma_{mean}")(IMAGES)
    np.testing.assert_allclose(got.mean((1, 2, 3)) / 255, mean, atol=0.01)
    scaled = IMAGES[0] / 255
    power = brentq(lambda power: (scaled**power).mean() - mean, 1 / 8, 8)
    np.testing.assert_array_equal(got[0], np.rint(255 * scaled**power))


def cells(rng, count):
    """A dark round thing in the middle of a bright image."""
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    dark = (np.hypot(y, x)[None] < rng.uniform(0.3, 0.6, (count, 1, 1))) * 120
    return np.clip(210 - dark[..., None] + rng.normal(0, 8, (count, 32, 32, 3)), 0, 255).astype(np.uint8)


def test_negatives_are_told_from_dark_images():
    images = cells(np.random.default_rng(0), 20)
    name = f"uninvert_{images.mean() / 255:.2f}_{zone_contrast(images).mean():.2f}"
    view = get_view(name)
    for kept in (images, images // 5, images // 2 + 120):
        np.testing.assert_array_equal(view(kept), kept)
        np.testing.assert_array_equal(view(255 - kept), kept)
    by_mean = get_view("uninvert_0.8")
    np.testing.assert_array_equal(by_mean(255 - images), images)
    np.testing.assert_array_equal(by_mean(images // 5), 255 - images // 5)  # brightness alone cannot tell


@pytest.mark.parametrize("name", ["uninvert_0.7_-1.5", "uninvert_0.3", "fill_60", "identity", "shift_0_0", "zoom_1"])
def test_twice_is_once(name):
    view = get_view(name)
    np.testing.assert_array_equal(view(view(IMAGES)), view(IMAGES))


def test_images_that_need_no_correction_come_back_as_they_were():
    images = cells(np.random.default_rng(1), 5)
    full = images.copy()
    full[:, 0, 0], full[:, 0, 1] = 0, 255
    np.testing.assert_array_equal(get_view("autocontrast")(full), full)
    for image in images:
        mean = image.mean() / 255
        # two digits of the mean are within half a level of it for some images only: those come back
        if abs(mean - round(mean, 2)) < 0.4 / 255:
            np.testing.assert_array_equal(get_view(f"gamma_{mean:.2f}")(image[None])[0], image)
    grey = np.repeat(images[..., :1], 3, -1)
    np.testing.assert_array_equal(get_view("greyworld")(grey), grey)
    for kept in (images, images // 8, 255 - images, np.full_like(images, 7)):
        np.testing.assert_array_equal(get_view("fill_60")(kept), kept)


def test_a_composition_is_its_parts_in_turn():
    expected = VIEWS["flip"](get_view("autocontrast")(get_view("fill_60")(IMAGES)))
    np.testing.assert_array_equal(get_view("fill_60+autocontrast+flip")(IMAGES), expected)
    assert get_view("rot90+zoom_1.1").swaps_sides
    assert not get_view("rot90+rot90").swaps_sides


@pytest.mark.parametrize(
    "name",
    [
        "", "mirror", "zoom", "zoom_", "zoom_0", "zoom_nan", "zoom_1e0", "zoom_9", "zoom_1.1_2", "shift_3",
        "autocontrast_50", "autocontrast_-1", "greyworld_1", "gamma_0", "gamma_1.5", "balance_0.5", "uninvert_2",
        "fill_300", "flip+", "+flip", "shift_1.5_2", "rot90_1", "zoom_ 1.1", "identity ",
    ],
)  # fmt: skip
def test_bad_names_list_the_forms(name):
    with pytest.raises(KitError, match=r"flip_rot270; shift_DOWN_RIGHT, zoom_FACTOR, .* joined by \+.*\. Received: '"):
        get_view(name)


@pytest.mark.parametrize(
    ("names", "shape", "message"),
    [
        (["zoom_1.1", "rot90+zoom_1.1"], (3, 5, 3), r"Received: \['rot90\+zoom_1.1'\]: rot90\+zoom_1.1 swaps their"),
        (["balance_0.5_0.5_0.5"], (5, 5, 1), "balance_0.5_0.5_0.5 needs 3 channels"),
        (["gama_0.5", "flip", "zoom_99"], (5, 5, 3), r"\['gama_0.5', 'zoom_99'\]"),
    ],
)
def test_all_views_that_do_not_fit_are_named(names, shape, message):
    with pytest.raises(KitError, match=message):
        check_views(names, shape)


def test_views_that_fit_pass():
    check_views([*VIEWS, *NAMES, "balance_0.5_0.5_0.5"], (5, 5, 3))
    assert "gamma_MEAN" in describe_views()
