"""One picture of a smear, painted as a microscope sees it: layers of stain on a bright field."""

from functools import lru_cache

import numpy as np

from . import shapes

DESIGN_PX = 96
"""All lengths of the painters are pixels of a picture of this size; other sizes are drawn from the same lengths."""


def absorbance(red: int, green: int, blue: int) -> np.ndarray:
    """Natural absorbance of a colour as it is seen against white, float32 (3,)."""
    return -np.log(np.array([red, green, blue], np.float32) / 255)


class Slide:
    """A bright field that stain is painted on.

    Attributes:
        x, y: float32 (1, S) and (S, 1), coordinates of the pixel centres in design pixels, 0 in the middle.
        pixel: the width of a pixel in design pixels.
        rng: the picture's own random generator.
    """

    def __init__(self, size: int, rng: np.random.Generator, magnification: float) -> None:
        """A blank slide of `size` x `size` pixels on which all lengths grow by `magnification`."""
        self.rng = rng
        self.size = size
        self.pixel = DESIGN_PX / size / magnification
        line = ((np.arange(size) + 0.5) * DESIGN_PX / size - DESIGN_PX / 2).astype(np.float32) / np.float32(
            magnification
        )
        self.x, self.y = line[None, :], line[:, None]
        self._stain = np.zeros((size, size, 3), np.float32)

    @property
    def half_width(self) -> float:
        """Half of the visible width in design pixels."""
        return self.size * self.pixel / 2

    def cover(self, distance: np.ndarray, edge: float = 1.2) -> np.ndarray:
        """Coverage 0..1 of a shape, (S, S): its outline is a ramp of at least a pixel, so that nothing is jagged."""
        return np.clip(0.5 - distance / np.float32(max(edge, self.pixel)), 0, 1)

    def paint(self, coverage: np.ndarray, colour: np.ndarray, texture: np.ndarray | float = 1.0) -> None:
        """Replace what is there by a stain.

        Args:
            coverage: 0..1, (S, S).
            colour: `absorbance`, (3,).
            texture: factor of the colour, (S, S), around 1.
        """
        layer = np.asarray(texture, np.float32)[..., None] * colour
        self._stain += coverage[..., None] * (layer - self._stain)

    def noise(self, wave: float) -> np.ndarray:
        """Smooth noise of zero mean and about unit spread, float32 (S, S); `wave` is the width of its bumps."""
        wave = max(wave, 1.5 * self.pixel)
        count = int(np.ceil(2 * self.half_width / wave)) + 3
        weights = _spline_weights(count, self.size)
        knots = self.rng.standard_normal((count, count), dtype=np.float32)
        return np.float32(2.1) * (weights @ knots @ weights.T)  # a cubic B-spline damps white noise by about 2.1

    def outline_noise(self, x: np.ndarray, y: np.ndarray, roughness: float, waves: int = 5) -> np.ndarray:
        """A wavy outline to add to a distance around (0, 0): float32 (S, S), spread about `roughness`."""
        angle = np.arctan2(y, x)
        wave = np.zeros_like(angle)
        for number in range(2, 2 + waves):
            height, phase = self.rng.normal(0, roughness / np.sqrt(number)), self.rng.uniform(0, 2 * np.pi)
            wave += np.float32(height) * np.cos(np.float32(number) * angle + np.float32(phase))
        return wave

    def spots(self, where: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Coverage 0..1 of many small round grains, (S, S).

        Args:
            where: centres (x, y), (n, 2).
            radius: (n,).
        """
        drawn = np.maximum(radius, 0.6 * self.pixel).astype(np.float32)[:, None]
        where = where.astype(np.float32)
        strength = 1.7 * (radius.astype(np.float32)[:, None] / drawn) ** 2
        # A round Gaussian is a product of two: all grains together are one matrix product.
        across = np.exp(-(((self.x - where[:, :1]) / drawn) ** 2))
        down = np.exp(-(((self.y.T - where[:, 1:]) / drawn) ** 2)) * strength
        return np.minimum(down.T @ across, 1)

    def develop(self, white: np.ndarray, stain: np.ndarray, blur: float, noise: float) -> np.ndarray:
        """The photograph of the slide.

        Args:
            white: colour of the empty field, 0..255, (3,), or of each pixel, (S, S, 3).
            stain: factor of the absorbance of each colour channel, (3,).
            blur: standard deviation of the defocus, design pixels.
            noise: standard deviation of the sensor's noise, grey levels.

        Returns:
            uint8 (S, S, 3).
        """
        light = white * np.exp(-self._stain * stain.astype(np.float32))
        weights = _blur_weights(round(blur / self.pixel, 1), self.size)
        light = np.einsum("ij,jkc->ikc", weights, light, optimize=True)
        light = np.einsum("ij,kjc->kic", weights, light, optimize=True)
        light += np.float32(noise) * self.rng.standard_normal(light.shape, dtype=np.float32)
        return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def wobbly_disc(slide: Slide, x: np.ndarray, y: np.ndarray, radius: float, roughness: float) -> np.ndarray:
    """Distance to a disc with a wavy outline, (S, S)."""
    return shapes.disc(x, y, radius) + slide.outline_noise(x, y, roughness)


@lru_cache(maxsize=256)
def _spline_weights(count: int, size: int) -> np.ndarray:
    """Cubic B-spline interpolation from `count` knots to `size` pixels, float32 (size, count)."""
    at = (np.arange(size) + 0.5) / size * (count - 3) + 1
    gap = np.abs(at[:, None] - np.arange(count))
    inner, outer = 2 / 3 - gap**2 + gap**3 / 2, np.clip(2 - gap, 0, None) ** 3 / 6
    return np.where(gap < 1, inner, outer).astype(np.float32)


@lru_cache(maxsize=64)
def _blur_weights(sigma_px: float, size: int) -> np.ndarray:
    """Gaussian blur of a line of `size` pixels, float32 (size, size); rows sum to 1, also at the borders."""
    gap = np.arange(size)[:, None] - np.arange(size)
    weights = np.exp(-(gap**2) / (2 * max(sigma_px, 0.05) ** 2))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
