"""Tone, colour, texture and covers against an independent reference: Pillow, scipy, colorsys, or values by hand."""

import colorsys
import io

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from submission.kit.errors import KitError
from training.augment import colour, jpeg, occlusion, stain, texture, tone
from training.augment.chain import chain_function
from training.augment.draws import COLUMNS, Draws
from training.augment.operation import OPERATIONS, Operation, make_operation, register

SHAPE = (5, 24, 20, 3)
MAGNITUDES = sorted(name for name, cls in OPERATIONS.items() if cls.has_strength)


def images(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).uniform(0, 255, shape), (0, 2, 2, 0))
    return np.clip((smooth - smooth.mean()) * 4 + 127, 0, 255).round().astype(np.float32)


def run(operation: Operation, batch: np.ndarray, seed: int = 0) -> np.ndarray:
    generator = keras.random.SeedGenerator(seed)
    return keras.ops.convert_to_numpy(operation(keras.ops.convert_to_tensor(batch), generator))


def applied(operation: Operation, batch: np.ndarray, **params) -> np.ndarray:
    """`apply` with the same parameters for every image."""
    full = {
        key: keras.ops.convert_to_tensor(
            np.broadcast_to(np.asarray(value, np.float32), (len(batch), 1, 1, np.size(value)))
        )
        for key, value in params.items()
    }
    return keras.ops.convert_to_numpy(operation.apply(keras.ops.convert_to_tensor(batch), full))


def by_pillow(batch: np.ndarray, function) -> np.ndarray:
    return np.stack([np.asarray(function(Image.fromarray(image.astype(np.uint8)))) for image in batch]).astype(float)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.floats(0, 1),
    st.integers(0, 2**31),
    st.sampled_from([(3, 9, 7, 3), (2, 8, 16, 1), (1, 5, 5, 3)]),
)
def test_keeps_shape_type_range_and_follows_the_seed(name, magnitude, seed, shape):
    batch = np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)
    first = run(make_operation(name, magnitude), batch, seed)
    assert first.shape == shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() <= 255 + 1e-3
    np.testing.assert_array_equal(first, run(make_operation(name, magnitude), batch, seed))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"invert", "equalise", "autocontrast"}))
def test_two_images_of_a_batch_get_their_own_draws(name):
    batch = np.repeat(images()[:1], 16, axis=0)
    changed = run(make_operation(name), batch, 3)
    two_choices = {"flip", "flip_vertical", "quarter_turn"}  # the image is not square: no quarter, half turns only
    assert len({image.tobytes() for image in changed}) > (1 if name in two_choices else 3)


@pytest.mark.parametrize("name", MAGNITUDES)
def test_magnitude_nought_changes_nothing(name):
    batch = images()
    # jpeg's finest steps are whole numbers: a coefficient is off by up to a half
    np.testing.assert_allclose(run(make_operation(name, 0.0), batch), batch, atol=3.0 if name == "jpeg" else 1.0)


def test_compiled_equals_eager_for_every_operation():
    class All(keras.Model):
        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(4)

        def call(self, inputs):
            return {name: make_operation(name)(inputs, self.seeds) for name in sorted(OPERATIONS)}

    batch = images()
    model = All()
    model.compile(jit_compile=keras.backend.backend() == "jax")
    compiled = model.predict_on_batch(batch)
    eager = All()(keras.ops.convert_to_tensor(batch))
    for name, value in compiled.items():
        # posterise, equalise and the edges of covers are steps: a rounding may move single pixels
        same = np.abs(value - keras.ops.convert_to_numpy(eager[name])) < 0.1
        assert same.mean() > 0.998, name


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


def test_autocontrast_leaves_a_constant_channel():
    batch = images()
    batch[..., 1] = 40.0
    changed = applied(tone.Autocontrast(), batch)
    np.testing.assert_array_equal(changed[..., 1], batch[..., 1])
    assert changed[..., 0].max() == pytest.approx(255, abs=1e-3)


def test_gamma_brightness_range_and_channels_by_hand():
    batch = np.array([[[[0.0, 51.0, 255.0]]]], np.float32)
    np.testing.assert_allclose(applied(tone.Gamma(), batch, gamma=2.0), [[[[0.0, 10.2, 255.0]]]], atol=1e-3)
    np.testing.assert_allclose(applied(tone.Brightness(), batch, delta=-60.0), [[[[0.0, 0.0, 195.0]]]])
    np.testing.assert_allclose(applied(tone.Range(), batch, width=0.5, low=100.0), [[[[100.0, 125.5, 227.5]]]])
    np.testing.assert_allclose(applied(colour.ChannelShift(), batch, delta=[9, -60, 9]), [[[[9.0, 0.0, 255.0]]]])
    np.testing.assert_allclose(applied(colour.ChannelGain(), batch, factor=[1, 2, 0.5]), [[[[0.0, 102.0, 127.5]]]])
    order = keras.ops.convert_to_tensor(np.array([[2, 0, 1]]))
    shuffled = colour.ChannelShuffle().apply(keras.ops.convert_to_tensor(batch), {"order": order})
    assert sorted(keras.ops.convert_to_numpy(shuffled).ravel().tolist()) == [0.0, 51.0, 255.0]
    assert keras.ops.convert_to_numpy(shuffled).ravel().tolist() != batch.ravel().tolist()


def test_hue_turns_the_colour_and_keeps_the_luma():
    batch = np.array([[[[150.0, 110.0, 120.0]]]], np.float32)
    weights = np.array([0.299, 0.587, 0.114])
    for angle in (0.5, 2.0, -1.0):
        changed = applied(colour.Hue(), batch, angle=angle)
        np.testing.assert_allclose(changed @ weights, batch @ weights, atol=0.01)
        before, after = (colorsys.rgb_to_yiq(*np.ravel(image) / 255) for image in (batch, changed))
        turned = np.angle(complex(*after[1:])) - np.angle(complex(*before[1:]))
        assert (turned - angle + np.pi) % (2 * np.pi) - np.pi == pytest.approx(0, abs=0.1)
    np.testing.assert_allclose(applied(colour.Hue(), batch, angle=0.0), batch, atol=1e-3)


def test_blur_equals_scipys_gaussian_with_nothing_outside():
    batch = images().astype(np.float64)
    for deviation in (0.7, 2.0):
        size = (0, deviation, deviation, 0)
        weighed = ndimage.gaussian_filter(batch, size, mode="constant", truncate=12)
        weight = ndimage.gaussian_filter(np.ones_like(batch), size, mode="constant", truncate=12)
        changed = applied(texture.Blur(), batch.astype(np.float32), deviation=deviation)
        np.testing.assert_allclose(changed, weighed / weight, atol=0.5)


def test_sharpness_equals_scipys_binomial_filter():
    batch = images()
    smooth = batch
    for axis in (1, 2):
        smooth = ndimage.correlate1d(smooth, np.array([0.25, 0.5, 0.25]), axis=axis, mode="nearest")
    expected = np.clip(batch + 3.0 * (batch - smooth), 0, 255)
    np.testing.assert_allclose(applied(texture.Sharpness(), batch, factor=3.0), expected, atol=1e-2)


def test_noise_is_gaussian_and_differs_between_images():
    grey = np.full((4, 64, 64, 3), 128.0, np.float32)
    noise = run(texture.Noise(0.5), grey) - 128.0
    deviations = noise.std(axis=(1, 2, 3))
    assert (deviations > 1.9).all()
    assert (deviations < 20.5).all()
    standard = noise / deviations[:, None, None, None]
    assert np.abs(standard.mean(axis=(1, 2, 3))).max() < 0.05
    assert np.mean(np.abs(standard) < 1) == pytest.approx(0.683, abs=0.01)
    assert np.abs(np.corrcoef(noise.reshape(4, -1)) - np.eye(4)).max() < 0.05


@pytest.mark.parametrize("quality", [5, 20, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_equals_pillows(quality, channels):
    batch = np.round(64 + 0.5 * images(shape=(3, 32, 40, 3))[..., :channels])

    def through_jpeg(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        return Image.open(file)

    expected = by_pillow(batch.squeeze(-1) if channels == 1 else batch, through_jpeg).reshape(batch.shape)
    changed = applied(jpeg.Jpeg(), batch, scale=50 / quality)
    loss = np.abs(expected - batch).mean()
    assert np.abs(changed - batch).mean() == pytest.approx(loss, rel=0.05)
    assert np.abs(changed - expected).mean() < 0.3 * loss  # the codec rounds its planes to whole numbers


def test_jpeg_takes_sides_that_are_no_multiple_of_eight():
    batch = images(shape=(2, 13, 9, 3))
    assert np.abs(applied(jpeg.Jpeg(), batch, scale=1.0) - batch).mean() < 10


@pytest.mark.parametrize("operation", [stain.StainHE(), stain.StainGiemsa()], ids=lambda one: one.name)
def test_stains_equal_their_definition(operation):
    batch = images().astype(np.float64)
    first, second = (np.array(dye) / np.linalg.norm(dye) for dye in operation.dyes)
    third = np.cross(first, second)
    dyes = np.stack([first, second, third / np.linalg.norm(third)])
    factor, offset = np.array([0.6, 1.3, 1.1]), np.array([0.1, -0.15, 0.05])
    amounts = np.linalg.solve(dyes.T, -np.log((batch + 1) / 256).reshape(-1, 3).T).T
    density = (amounts * factor + offset) @ dyes
    expected = np.clip(256 * np.exp(-density) - 1, 0, 255).reshape(batch.shape)
    changed = applied(operation, batch.astype(np.float32), factor=factor, offset=offset)
    np.testing.assert_allclose(changed, expected, atol=0.05)


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


@pytest.mark.parametrize("crossed", [0.0, 1.0])
def test_grid_mask_covers_its_share_at_its_angle(crossed):
    white = np.full((1, 40, 48, 3), 200.0, np.float32)
    angle, period, covered = 0.5, 0.31, 0.4
    masked = applied(
        occlusion.GridMask(), white, angle=angle, period=period, across=0.2, down=0.7, covered=covered,
        crossed=crossed, fill=3.0,
    )  # fmt: skip
    y, x = (np.mgrid[:40, :48] - np.array([19.5, 23.5])[:, None, None]) / 40
    along = (x * np.cos(angle) + y * np.sin(angle)) / period + 0.2
    across = (y * np.cos(angle) - x * np.sin(angle)) / period + 0.7
    hidden = (along % 1 < covered) | ((across % 1 < covered) & (crossed == 1))
    assert np.mean((masked[0, :, :, 0] == 3.0) == hidden) > 0.995


def test_registry_refuses_twins_and_lists_the_known():
    with pytest.raises(ValueError, match="'blur' is registered twice"):
        register(type("Blur", (Operation,), {"name": "blur"}))
    with pytest.raises(KitError, match=r"Received: 'fog'\. Known: autocontrast, bar"):
        make_operation("fog")
    with pytest.raises(ValueError, match=r"magnitude must be in \[0, 1\]. Received: magnitude=1.5"):
        make_operation("blur", 1.5)


def test_a_chain_that_needs_too_many_draws_says_so():
    chain = chain_function((("channel_shift", 0.1),) * (1 + COLUMNS // 3))
    with pytest.raises(IndexError, match="takes more than 24 draws an image: raise COLUMNS"):
        chain(images(), Draws.fresh(5, keras.random.SeedGenerator(0)))


def test_draws_have_their_distributions():
    draws = Draws.fresh(20_000, keras.random.SeedGenerator(1))
    normal = keras.ops.convert_to_numpy(draws.normal(3.0))
    assert normal.std() == pytest.approx(3.0 * 0.88, abs=0.05)  # of a normal one cut off at two deviations
    assert np.abs(normal).max() <= 6.01
    signed = keras.ops.convert_to_numpy(draws.signed(2.0, 4.0))
    assert np.abs(signed).min() >= 2.0
    assert np.abs(signed).max() <= 4.0
    assert np.mean(signed > 0) == pytest.approx(0.5, abs=0.02)
    assert keras.ops.convert_to_numpy(draws.chance(0.3)).mean() == pytest.approx(0.3, abs=0.02)
