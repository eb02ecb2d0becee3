"""Each augmentation against an independent reference: Pillow, scipy, colorsys, or values by hand."""

import colorsys

import keras
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from submission.kit.errors import KitError
from training.augment import colour, occlusion, texture, tone
from training.augment.affine import apply_warp, compose_warp
from training.augment.operation import OPERATIONS, Operation, make_operation, register

SHAPE = (5, 24, 20, 3)
DRAW_NOTHING = {"invert", "equalise", "autocontrast"}


def images(seed: int = 0) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).uniform(0, 255, SHAPE), (0, 2, 2, 0))
    return np.clip((smooth - smooth.mean()) * 4 + 127, 0, 255).round().astype(np.float32)


def applied(operation: Operation, batch: np.ndarray, **params) -> np.ndarray:
    """`apply` with the same parameters for every image."""
    full = {
        key: np.broadcast_to(np.asarray(value, np.float32), (len(batch), 1, 1, np.size(value)))
        for key, value in params.items()
    }
    return keras.ops.convert_to_numpy(operation.apply(keras.ops.convert_to_tensor(batch), full))


def by_pillow(batch: np.ndarray, function) -> np.ndarray:
    return np.stack([np.asarray(function(Image.fromarray(image.astype(np.uint8)))) for image in batch]).astype(float)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("channels", [1, 3])
def test_keeps_shape_type_range_and_follows_the_seed(name, channels):
    batch = keras.ops.convert_to_tensor(images()[..., :channels])

    def run(seed):
        generator = keras.random.SeedGenerator(seed)
        return keras.ops.convert_to_numpy(make_operation(name)(batch, generator))

    first = run(1)
    assert first.shape == batch.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() <= 255 + 1e-3
    np.testing.assert_array_equal(first, run(1))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - DRAW_NOTHING))
def test_two_images_of_a_batch_get_their_own_draws(name):
    batch = np.repeat(images()[:1], 16, axis=0)
    generator = keras.random.SeedGenerator(3)
    changed = keras.ops.convert_to_numpy(make_operation(name)(keras.ops.convert_to_tensor(batch), generator))
    assert len({image.tobytes() for image in changed}) > 3


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - DRAW_NOTHING - {"channel_shuffle"}))
def test_magnitude_nought_changes_nothing(name):
    batch = images()
    generator = keras.random.SeedGenerator(0)
    changed = keras.ops.convert_to_numpy(make_operation(name, 0.0)(keras.ops.convert_to_tensor(batch), generator))
    np.testing.assert_allclose(changed, batch, atol=1.0)


@pytest.mark.parametrize(
    ("operation", "params", "function", "tolerance"),
    [
        (tone.Invert(), {}, ImageOps.invert, 0),
        (tone.Solarise(), {"threshold": 100}, lambda image: ImageOps.solarize(image, 100), 0),
        (tone.Posterise(), {"step": 32}, lambda image: ImageOps.posterize(image, 3), 0),
        (tone.Autocontrast(), {}, ImageOps.autocontrast, 1),
        (tone.Contrast(), {"factor": 0.4}, lambda image: ImageEnhance.Contrast(image).enhance(0.4), 1.5),
        (tone.Contrast(), {"factor": 1.7}, lambda image: ImageEnhance.Contrast(image).enhance(1.7), 1.5),
        (colour.Saturation(), {"factor": 0.3}, lambda image: ImageEnhance.Color(image).enhance(0.3), 1.5),
        (colour.Saturation(), {"factor": 2.5}, lambda image: ImageEnhance.Color(image).enhance(2.5), 2.5),
        (colour.Greyscale(), {"share": 1.0}, lambda image: image.convert("L").convert("RGB"), 1),
    ],
    ids=lambda value: value.name if isinstance(value, Operation) else None,
)
def test_equals_pillow(operation, params, function, tolerance):
    batch = images()
    np.testing.assert_allclose(applied(operation, batch, **params), by_pillow(batch, function), atol=tolerance)


def test_equalise_is_pillows_up_to_its_integer_steps():
    batch = np.kron(images(), np.ones((1, 6, 6, 1), np.float32))  # large: Pillow floors the mean count of a level
    difference = np.abs(applied(tone.Equalise(), batch) - by_pillow(batch, ImageOps.equalize))
    assert difference.max() <= 3.0


def test_equalise_leaves_a_constant_image_and_spreads_two_levels():
    flat = np.full((1, 4, 4, 3), 77.0, np.float32)
    np.testing.assert_array_equal(applied(tone.Equalise(), flat), flat)
    two = flat.copy()
    two[:, :2] = 90.0
    assert set(np.unique(applied(tone.Equalise(), two))) == {0.0, 255.0}


def test_gamma_brightness_range_and_channels_by_hand():
    batch = np.array([[[[0.0, 51.0, 255.0]]]], np.float32)
    np.testing.assert_allclose(applied(tone.Gamma(), batch, gamma=2.0), [[[[0.0, 10.2, 255.0]]]], atol=1e-3)
    np.testing.assert_allclose(applied(tone.Brightness(), batch, delta=-60.0), [[[[0.0, 0.0, 195.0]]]])
    np.testing.assert_allclose(applied(tone.Range(), batch, width=0.5, low=100.0), [[[[100.0, 125.5, 227.5]]]])
    np.testing.assert_allclose(applied(colour.ChannelShift(), batch, delta=[9, -60, 9]), [[[[9.0, 0.0, 255.0]]]])
    np.testing.assert_allclose(applied(colour.ChannelGain(), batch, factor=[1, 2, 0.5]), [[[[0.0, 102.0, 127.5]]]])
    shuffled = colour.ChannelShuffle().apply(keras.ops.convert_to_tensor(batch), {"order": np.array([[2, 0, 1]])})
    assert sorted(keras.ops.convert_to_numpy(shuffled).ravel().tolist()) == [0.0, 51.0, 255.0]
    assert keras.ops.convert_to_numpy(shuffled).ravel().tolist() != batch.ravel().tolist()


def test_hue_turns_the_colour_and_keeps_the_luma():
    batch = np.array([[[[150.0, 110.0, 120.0]]]], np.float32)
    weights = np.array([0.299, 0.587, 0.114])
    for angle in (0.5, 2.0, -1.0):
        changed = applied(colour.Hue(), batch, angle=angle)
        np.testing.assert_allclose(changed @ weights, batch @ weights, atol=0.2)
        before, after = (colorsys.rgb_to_yiq(*np.ravel(image) / 255) for image in (batch, changed))
        turned = np.angle(complex(*after[1:])) - np.angle(complex(*before[1:]))
        assert (turned - angle + np.pi) % (2 * np.pi) - np.pi == pytest.approx(0, abs=0.1)
    np.testing.assert_allclose(applied(colour.Hue(), batch, angle=0.0), batch, atol=0.5)


def test_blur_and_sharpness_equal_scipys_binomial_filter():
    batch = images()
    kernel = np.array([0.25, 0.5, 0.25])

    def smooth(array, times):
        for _ in range(times):
            for axis in (1, 2):
                array = ndimage.correlate1d(array, kernel, axis=axis, mode="nearest")
        return array

    np.testing.assert_allclose(applied(texture.Blur(), batch, share=1.0), smooth(batch, 8), atol=1e-2)
    expected = np.clip(batch + 3.0 * (batch - smooth(batch, 1)), 0, 255)
    np.testing.assert_allclose(applied(texture.Sharpness(), batch, factor=3.0), expected, atol=1e-2)


def test_covers_by_hand():
    white = np.full((1, 10, 10, 3), 200.0, np.float32)
    bar = applied(occlusion.Bar(), white, angle=0.0, offset=0.0, half_width=0.1, fill=0.0)[0, :, :, 0]
    assert (bar == 0).sum(axis=1).tolist() == [2] * 10  # two columns in the middle of every row
    assert set(np.nonzero(bar[0] == 0)[0]) == {4, 5}
    border = applied(occlusion.Border(), white, across=-0.2, down=0.3, fill=7.0)[0, :, :, 0]
    assert (border[:, :2] == 7).all()  # left
    assert (border[-3:] == 7).all()  # bottom
    assert (border[:-3, 2:] == 200).all()
    box = applied(occlusion.Cutout(), white, x=0.0, y=0.0, half_width=0.2, half_height=0.1, fill=9.0)[0, :, :, 0]
    assert (box == 9).sum() == 8
    assert (box[4:6, 3:7] == 9).all()


@pytest.mark.parametrize("fill_mode", ["constant", "reflect"])
def test_warp_equals_scipy(fill_mode):
    batch = images()[:1]
    height, width = batch.shape[1:3]
    angle, scale, shear_x, shear_y, move_x, move_y = 0.3, 1.2, 0.4, -0.1, 2.5, -1.5
    values = [np.array([value], np.float32) for value in (angle, scale, shear_x, shear_y, move_x, move_y)]
    warp = compose_warp(*values, height, width)
    warped = keras.ops.convert_to_numpy(apply_warp(keras.ops.convert_to_tensor(batch), warp, fill_mode))
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix_xy = rotation @ np.array([[1, shear_x], [shear_y, 1]])
    matrix = matrix_xy[::-1, ::-1]  # scipy counts rows first
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = centre - matrix @ (centre + np.array([move_y, move_x]))
    for channel in range(3):
        expected = ndimage.affine_transform(
            batch[0, :, :, channel].astype(float),
            matrix,
            offset,
            order=1,
            mode={"constant": "grid-constant"}.get(fill_mode, fill_mode),
        )
        np.testing.assert_allclose(warped[0, :, :, channel], expected, atol=0.5)


def test_the_identity_warp_changes_nothing():
    batch = images()
    zeros = np.zeros(len(batch), np.float32)
    warp = compose_warp(zeros, zeros + 1, zeros, zeros, zeros, zeros, *batch.shape[1:3])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(apply_warp(batch, warp, "constant")), batch, atol=1e-3)


def test_registry_refuses_twins_and_lists_the_known():
    with pytest.raises(ValueError, match="'blur' is registered twice"):
        register(type("Blur", (Operation,), {"name": "blur"}))
    with pytest.raises(KitError, match=r"Received: 'fog'\. Known: autocontrast, bar"):
        make_operation("fog")
    with pytest.raises(ValueError, match=r"magnitude must be in \[0, 1\]. Received: magnitude=1.5"):
        make_operation("blur", 1.5)
