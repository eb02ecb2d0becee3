"""Each operation against Pillow, scipy, colorsys or values by hand, and the registers."""

import colorsys
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage
from shift_images import cell

from local_eval.sheet import operations_of
from local_eval.shifts import OPERATIONS
from local_eval.shifts.an2dl import TYPICAL
from local_eval.shifts.detail import smooth
from local_eval.shifts.geometry import warp
from local_eval.shifts.occlusion import bar_mask
from local_eval.shifts.operation import SEVERITIES, Operation, get_operation, register_operation
from local_eval.shifts.suite import get_suite, register_suite
from submission.kit.errors import KitError


def apply(name, image, **params):
    return get_operation(name).apply(image, params)


def pil(image):
    return Image.fromarray(image)


# Against independent references


def test_tone_and_colour_equal_pillow_exactly():
    for seed in range(3):
        image = cell(seed=seed)
        np.testing.assert_array_equal(apply("invert", image), ImageOps.invert(pil(image)))
        np.testing.assert_array_equal(apply("equalise", image), ImageOps.equalize(pil(image)))
        for threshold in (0, 1, 128, 255):
            np.testing.assert_array_equal(
                apply("solarise", image, threshold=threshold), ImageOps.solarize(pil(image), threshold)
            )
        for bits in range(1, 9):
            np.testing.assert_array_equal(apply("posterise", image, bits=bits), ImageOps.posterize(pil(image), bits))
        grey = np.asarray(ImageOps.grayscale(pil(image)))
        np.testing.assert_array_equal(apply("greyscale", image, amount=1.0), np.stack([grey] * 3, -1))
        partly = np.asarray(ImageEnhance.Color(pil(image)).enhance(0.4)).astype(int)  # Pillow truncates
        assert np.abs(apply("greyscale", image, amount=0.6).astype(int) - partly).max() <= 1
        dark = np.asarray(ImageEnhance.Brightness(pil(image)).enhance(0.3)).astype(int)
        assert np.abs(apply("darken", image, factor=0.3).astype(int) - dark).max() <= 1


@pytest.mark.parametrize("values", [[7] * 64, [0, 255] * 32, list(range(256)) * 4, [3] * 500 + list(range(250))])
def test_equalise_equals_pillow_on_odd_histograms(values):
    image = np.repeat(np.array(values, np.uint8).reshape(2, -1, 1), 3, axis=-1)
    np.testing.assert_array_equal(apply("equalise", image), ImageOps.equalize(pil(image)))


def test_sharpness_equals_pillow():
    image = cell()
    filtered = np.asarray(pil(image).filter(ImageFilter.SMOOTH)).astype(int)
    assert np.abs(smooth(image).astype(int) - filtered).max() <= 1
    sharp = np.asarray(ImageEnhance.Sharpness(pil(image)).enhance(3.0)).astype(int)
    # A difference of one grey level in the smoothed image counts (factor - 1) times.
    assert np.abs(apply("sharpness", image, factor=3.0).astype(int) - sharp).max() <= 3
    np.testing.assert_array_equal(apply("sharpness", image, factor=1.0), image)


@given(
    st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=30),
    st.floats(-0.5, 0.5, allow_subnormal=False),
)
def test_hue_equals_colorsys(pixels, turn):
    expected = []
    for pixel in pixels:
        hue, saturation, value = colorsys.rgb_to_hsv(*(v / 255 for v in pixel))
        expected.append([255 * v for v in colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)])
    got = apply("hue", np.array([pixels], np.uint8), turn=turn)[0]
    assert np.abs(got - np.array(expected)).max() <= 0.51


def test_hue_by_hand():
    image = np.array([[[255, 0, 0], [90, 90, 90]]], np.uint8)
    assert apply("hue", image, turn=1 / 3)[0].tolist() == [[0, 255, 0], [90, 90, 90]]
    assert apply("hue", image, turn=-1 / 3)[0].tolist() == [[0, 0, 255], [90, 90, 90]]
    assert apply("hue", image, turn=0.5)[0].tolist() == [[0, 255, 255], [90, 90, 90]]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(24, 48), st.integers(24, 48), st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=4, max_size=4)
)
def test_warp_equals_scipy(height, width, entries):
    image, matrix = cell(height, width), np.array(entries).reshape(2, 2)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    expected = np.stack(
        [
            ndimage.affine_transform(
                image[..., c].astype(float), matrix, centre - matrix @ centre, order=1, mode="reflect"
            )
            for c in range(3)
        ],
        axis=-1,
    )
    assert np.abs(warp(image, matrix) - expected).max() <= 0.52


@settings(deadline=None, max_examples=40)
@given(st.integers(20, 40), st.integers(20, 40), st.floats(-3, 3, allow_subnormal=False), st.sampled_from([1, 3]))
def test_shear_is_the_warp_it_should_be(height, width, factor, channels):
    image = cell(height, width, channels)
    for axis, matrix in (("x", [[1, 0], [factor, 1]]), ("y", [[1, factor], [0, 1]])):
        mine = apply("shear", image, axis=axis, factor=factor)
        assert np.abs(mine.astype(int) - warp(image, np.array(matrix))).max() <= 1  # ties of rounding


def test_rotation_is_the_matrix_it_should_be():
    image = cell(33, 33)
    np.testing.assert_array_equal(apply("rotate", image, degrees=90), np.rot90(image))
    turned = ndimage.rotate(image.astype(float), 30, axes=(1, 0), reshape=False, order=1, mode="reflect")
    assert np.abs(apply("rotate", image, degrees=30) - turned).max() <= 0.52


@settings(deadline=None, max_examples=30)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_translate_equals_scipy(down, right):
    image = cell(24, 30)
    expected = ndimage.shift(image, (round(down * 24), round(right * 30), 0), order=0, mode="reflect")
    np.testing.assert_array_equal(apply("translate", image, down=down, right=right), expected)


def test_blur_equals_scipy():
    image = cell(24, 30)
    expected = ndimage.gaussian_filter(image.astype(float), (1.5, 1.5, 0), mode="reflect")
    assert np.abs(apply("blur", image, sigma=1.5 / 24) - expected).max() <= 0.51


# By hand


def test_border_by_hand():
    image = np.arange(1, 13, dtype=np.uint8).reshape(3, 4, 1)
    moved = apply("border", image, right=0.25, up=0.34, fill=99)
    assert moved[..., 0].tolist() == [[99, 5, 6, 7], [99, 9, 10, 11], [99, 99, 99, 99]]


def test_bar_by_hand():
    image = np.full((5, 5, 3), 200, np.uint8)
    y, x = np.mgrid[:5, :5]
    for degrees, covered in ((0, y == 2), (90, x == 2), (45, x + y == 4), (135, x == y)):
        expected = np.where(covered[..., None], np.uint8(7), image)
        got = apply("bar", image, degrees=degrees, offset=0.0, thickness=0.2, fill=7)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("degrees", "steps"), [(0, 1), (90, 1), (45, 2**0.5), (135, 2**0.5)])
def test_a_bar_is_as_thick_as_asked_and_goes_from_edge_to_edge(degrees, steps):
    mask = bar_mask(96, 96, degrees, 0.01, 9.0)
    middle = mask[:, 48] if degrees != 90 else mask[48]
    assert middle.sum() == pytest.approx(9 * steps, abs=1)
    assert sum(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1])) >= 2


def test_channel_shift_shuffle_and_washout_by_hand():
    image = np.array([[[10, 100, 250]]], np.uint8)
    assert apply("channel_shift", image, shifts=[-20, 5, 30]).tolist() == [[[0, 105, 255]]]
    assert apply("channel_shuffle", image, order=[2, 0, 1]).tolist() == [[[250, 10, 100]]]
    assert apply("washout", image, amount=0.5, level=200).tolist() == [[[105, 150, 225]]]


# Every operation


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", [(24, 24, 3), (24, 57, 3), (96, 40, 1), (224, 224, 3)])
def test_any_size_gives_uint8_of_the_same_shape_and_leaves_the_original(name, shape):
    operation, image = get_operation(name), cell(*shape)
    before = image.copy()
    for severity in SEVERITIES if shape[0] < 200 else (5,):
        params = operation.sample(np.random.default_rng(severity), severity)
        json.dumps(params)
        result = operation.apply(image, params)
        assert result.dtype == np.uint8
        assert result.shape == shape
        assert not np.shares_memory(result, image)
        np.testing.assert_array_equal(result, operation.apply(image, params))  # apply draws nothing
        unchanged = np.array_equal(result, image)
        assert unchanged == (operation.needs_colour and shape[-1] == 1)
    np.testing.assert_array_equal(image, before)


# The published severities of these do not grow by this measure; the bar's and the shift's change is in their place.
NOT_BY_CHANGE = {"glass_blur", "frost", "fog", "translate", "bar"}


@pytest.mark.parametrize("name", [n for n in OPERATIONS if get_operation(n).graded and n not in NOT_BY_CHANGE])
def test_severity_grows(name):
    image, operation = cell(96, 96), get_operation(name)

    def change(severity):
        rng = np.random.default_rng(1)
        results = [operation.apply(image, operation.sample(rng, severity)).astype(int) for _ in range(20)]
        return np.mean([np.abs(result - image).mean() for result in results])

    assert change(1) < change(3) < change(5)


@pytest.mark.parametrize("name", OPERATIONS)
def test_sampled_parameters_hang_on_the_generator_alone(name):
    operation = get_operation(name)
    first, again = (operation.sample(np.random.default_rng(3), 4) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("name", ["shear", "bar", "border", "posterise"])
@pytest.mark.parametrize("severity", [0, 6])
def test_unknown_severity(name, severity):
    with pytest.raises(ValueError, match=f"severity must be one of .* Received: severity={severity}"):
        get_operation(name).sample(np.random.default_rng(0), severity)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**31 - 1))
def test_border_and_bar_have_the_sizes_contestants_saw(seed):
    rng = np.random.default_rng(seed)
    image = np.full((96, 96, 3), 255, np.uint8)
    left_bottom = get_operation("border").apply(image, get_operation("border").sample(rng, 4)) < 255
    assert 2 <= left_bottom[0, :, 0].sum() <= 8
    assert 2 <= left_bottom[:, -1, 0].sum() <= 8
    bar = get_operation("bar").sample(rng, int(rng.integers(1, 6)))
    assert bar["degrees"] in (0, 45, 90, 135)
    assert 6 <= bar["thickness"] * 96 <= 12


AN2DL = {*["shear", "translate", "rotate", "bar", "border", "greyscale", "channel_shift", "channel_shuffle", "hue"]}
AN2DL |= {*["invert", "solarise", "equalise", "posterise", "darken", "washout", "sharpness", "blur"]}


def test_canonical_names():
    assert set(OPERATIONS) >= AN2DL
    assert operations_of(get_suite("an2dl"), 3) == [name for name in OPERATIONS if name in AN2DL]
    assert len(set(OPERATIONS)) == len(OPERATIONS)


# Registers


def test_registers_refuse_a_second_of_a_name_and_list_the_known():
    with pytest.raises(ValueError, match="'shear' is registered already"):
        register_operation("shear")(Operation)
    with pytest.raises(ValueError, match="'an2dl' is registered already"):
        register_suite("an2dl", version=2)(TYPICAL.plan)
    with pytest.raises(KitError, match=r"expected an operation out of .*shear.*Received: 'sheer'"):
        get_operation("sheer")
    with pytest.raises(KitError, match=r"expected a suite out of an2dl, an2dl-harsh, an2dl-mild, .*clean.*'an2d1'"):
        get_suite("an2d1")
    assert Operation.name == ""
