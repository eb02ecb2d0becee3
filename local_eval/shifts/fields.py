"""Random fields on the grid of an image: fractal clouds, noise of a given spectrum, smooth noise."""

import numpy as np
import scipy.fft

from .detail import blur_matrix


def plasma(rng: np.random.Generator, height: int, width: int, decay: float) -> np.ndarray:
    """A fractal by midpoint displacement (diamond-square) on a torus, as ImageNet-C's fog.

    Args:
        decay: how much smaller the displacement is at half the distance; 2 is rough, 3 smooth.

    Returns:
        float64 (height, width), a corner of the fractal, whose values run from 0 to 1.
    """
    size = 1 << (max(height, width) - 1).bit_length()
    field = np.zeros((size, size))
    step, reach = size, 1.0

    def displaced(total: np.ndarray) -> np.ndarray:
        return total / 4 + rng.uniform(-reach, reach, total.shape)

    while step >= 2:
        half = step // 2
        corners = field[::step, ::step]
        pairs = corners + np.roll(corners, -1, 0)
        field[half::step, half::step] = displaced(pairs + np.roll(pairs, -1, 1))
        middles = field[half::step, half::step]
        across = middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1)
        down = middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0)
        field[::step, half::step] = displaced(across)
        field[half::step, ::step] = displaced(down)
        # Their displacement is a scale times a uniform number within that scale: it falls by the square.
        step, reach = half, reach / decay**2
    field -= field.min()
    return (field / max(field.max(), 1e-12))[:height, :width]


def coloured(rng: np.random.Generator, planes: int, height: int, width: int, exponent: float) -> np.ndarray:
    """Noise whose amplitude goes with frequency to the `exponent`: 1 is blue, 0 white, -2 brownish.

    Returns:
        float32 (planes, height, width), each plane of mean 0 and standard deviation 1.
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    frequency[0, 0] = 1
    power = frequency**exponent
    power[0, 0] = 0
    shape = (planes, *power.shape)
    spectrum = (rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)) * power
    noise = scipy.fft.irfft2(spectrum.astype(np.complex64), (height, width))
    return noise / noise.std(axis=(1, 2), keepdims=True)


def smooth_noise(rng: np.random.Generator, height: int, width: int, sigma: float) -> np.ndarray:
    """Normal noise blurred by `sigma` pixels, mirrored edges; float32 (height, width), standard deviation 1."""
    return smooth(rng.standard_normal((height, width), np.float32), sigma)


def smooth(noise: np.ndarray, sigma: float) -> np.ndarray:
    """Noise float32 (..., height, width) blurred by `sigma` pixels, mirrored edges; standard deviation 1 in all."""
    height, width = noise.shape[-2:]
    noise = blur_matrix(height, sigma) @ noise @ blur_matrix(width, sigma).T
    return noise / max(float(noise.std()), 1e-12)


def centred_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """y (height, 1) and x (1, width) as fractions of the shorter side, 0 in the middle."""
    side = min(height, width)
    y = (np.arange(height) - (height - 1) / 2) / side
    x = (np.arange(width) - (width - 1) / 2) / side
    return y[:, None].astype(np.float32), x[None, :].astype(np.float32)
