"""The judge's quick ways against the plain ones: convolution by taps, random numbers by tables of quantiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from local_eval.shifts.focus import disc_kernel, motion_kernel
from local_eval.shifts.operation import generator, get_operation
from local_eval.shifts.planes import convolve, smear, smear_image, splat
from local_eval.shifts.quantiles import quick_normal, random_bits

SCIPY_MODES = {"edge": "nearest", "reflect": "mirror", "symmetric": "reflect"}


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(4, 20),
    width=st.integers(4, 20),
    channels=st.sampled_from([1, 3]),
    reach=st.integers(0, 3),
    symmetric=st.booleans(),
    edge=st.sampled_from(sorted(SCIPY_MODES)),
    seed=st.integers(0, 1000),
)
def test_convolution_is_scipys(height, width, channels, reach, symmetric, edge, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    kernel = rng.random((2 * reach + 1, 2 * reach + 1)) * (rng.random((2 * reach + 1, 2 * reach + 1)) < 0.7)
    kernel[reach, reach] = 1
    kernel = kernel + kernel[:, ::-1] if symmetric else kernel
    kernel = (kernel / kernel.sum()).astype(np.float32)
    expected = ndimage.convolve(image.astype(float), kernel[..., None].astype(float), mode=SCIPY_MODES[edge])
    np.testing.assert_allclose(smear(image, kernel, edge), expected, atol=1e-3)
    planes = convolve(image.transpose(2, 0, 1).astype(np.float32), kernel, edge)
    np.testing.assert_allclose(planes.transpose(1, 2, 0), expected, atol=1e-3)


@pytest.mark.parametrize(
    "kernel", [disc_kernel(3, 0.1, 0.43), disc_kernel(10, 0.5, 1.0), motion_kernel(10, 5, 30, 0.4)]
)
def test_few_weights_and_many_agree_and_stay_in_range(kernel):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
    planes = convolve(image.transpose(2, 0, 1).astype(np.float32), kernel, "edge").transpose(1, 2, 0)
    np.testing.assert_allclose(smear(image, kernel, "edge"), planes, atol=1e-3)
    for level in (0, 255):
        assert (smear_image(np.full((40, 32, 3), level, np.uint8), kernel, "edge") == level).all()


def test_a_kernel_shares_a_weight_out_among_its_neighbours():
    kernel = splat(np.array([[0.25, -0.5], [0, 0]]), np.array([1.0, 3.0]))
    expected = np.array([[0, 0, 0], [0.375, 3 + 0.375, 0], [0.125, 0.125, 0]]) / 4
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)
    assert splat(np.zeros((1, 2)), np.ones(1)).tolist() == [[1.0]]


def test_quick_normal_numbers_are_normal():
    values = quick_normal(generator(0), (300, 301))
    assert values.dtype == np.float32 and np.abs(values).max() < 4.4
    assert stats.kstest(values.ravel(), "norm").pvalue > 0.01
    assert values.std() == pytest.approx(1, abs=0.01)
    flat = values.ravel()
    assert abs(np.corrcoef(flat[:-1], flat[1:])[0, 1]) < 0.015
    np.testing.assert_array_equal(quick_normal(generator(0), (300, 301)), values)


def test_random_bits_are_spread_evenly_whatever_the_shape():
    bits = random_bits(generator(1), (99, 101, 3))
    assert (bits.shape, bits.dtype) == ((99, 101, 3), np.uint16)
    assert stats.chisquare(np.bincount(bits.ravel() >> 8, minlength=256)).pvalue > 0.01
    assert random_bits(generator(1), (1,)).shape == (1,)


@pytest.mark.parametrize("amount", [60, 12, 3])
def test_shot_noise_counts_as_numpys_poisson(amount):
    levels = np.repeat(np.array([0, 1, 7, 60, 128, 255], np.uint8), 40_000)
    noisy = get_operation("shot_noise").apply(levels.reshape(-1, 100, 1), {"amount": amount, "seed": 3}).ravel()
    counts = np.random.default_rng(0).poisson(levels * (amount / 255))
    expected = np.minimum(np.rint(counts * (255 / amount)), 255)
    for level in np.unique(levels):
        mine, theirs = noisy[levels == level], expected[levels == level]
        spread = max(theirs.std(), 0.02)
        assert mine.mean() == pytest.approx(theirs.mean(), abs=0.03 * spread)
        assert mine.std() == pytest.approx(theirs.std(), rel=0.04, abs=0.05)
    assert (noisy[levels == 0] == 0).all()


def test_impulse_noise_is_half_white_half_black():
    image = np.full((200, 200, 3), 100, np.uint8)
    noisy = get_operation("impulse_noise").apply(image, {"amount": 0.2, "seed": 5})
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 100, 255]
    np.testing.assert_allclose(counts / noisy.size, [0.1, 0.8, 0.1], atol=0.003)


def test_gaussian_noise_is_numpys_in_distribution():
    image = np.full((200, 200, 3), 128, np.uint8)
    noisy = get_operation("gaussian_noise").apply(image, {"amount": 0.08, "seed": 5})
    theirs = np.clip(np.rint(128 + 255 * 0.08 * np.random.default_rng(0).standard_normal(image.shape)), 0, 255)
    assert stats.ks_2samp(noisy.ravel(), theirs.ravel()).pvalue > 0.01
