"""MedMNIST-C's corruptions of a microscope's slide: stain deposit and bubble; and Pillow's brightness and contrast.

Source: Di Salvo et al. 2024, "MedMNIST-C: Comprehensive benchmark and improved classifier robustness by simulating
realistic image corruptions", for 224 pixels; lengths are scaled. Their ink marks are ten drawings a size; ours are
drawn by chance, of the same sizes and covering as much of their squares.
"""

import numpy as np

from .colour import luma
from .fields import smooth_noise
from .operation import Params, Tabled, draw_seed, generator, register_operation, to_uint8
from .planes import scale_of

_LEVELS = np.arange(256, dtype=np.float32)


@register_operation("enhance_brightness")
class EnhanceBrightness(Tabled):
    """Multiply by a factor, as Pillow's `ImageEnhance.Brightness`."""

    settings = (1.1, 1.2, 1.3, 1.35, 1.4)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return to_uint8(_LEVELS * params["factor"]).take(image)


@register_operation("enhance_contrast")
class EnhanceContrast(Tabled):
    """Stretch about the mean of the grey image, as Pillow's `ImageEnhance.Contrast`."""

    settings = (1.1, 1.15, 1.2, 1.25, 1.3)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        grey = luma(image) if image.shape[2] == 3 else image
        mean, factor = int(grey.mean() + 0.5), params["factor"]
        return to_uint8(mean + (_LEVELS - mean) * factor).take(image)


@register_operation("stain_deposit")
class StainDeposit(Tabled):
    """Black marks of dried stain; settings are the most marks (from one up) and their side in pixels at 224."""

    settings = ((1, 24), (2, 24), (3, 24), (3, 24), (3, 32))
    _MARGIN = 10
    _COVERED = 0.6  # of its square, by a mark

    def draw(self, rng: np.random.Generator, setting: tuple[int, int]) -> Params:
        most, side = setting
        places = rng.random((int(rng.integers(1, most + 1)), 2))
        return {"side": side, "places": places.round(4).tolist(), "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        result, scale, rng = image.copy(), scale_of(image), generator(params["seed"])
        side = max(2, round(params["side"] * scale))
        margin = min(round(self._MARGIN * scale), (min(image.shape[:2]) - side) // 2)
        for place in params["places"]:
            top, left = (
                margin + int(share * (size - side - 2 * margin + 1))
                for share, size in zip(place, image.shape[:2], strict=True)
            )
            result[top : top + side, left : left + side][self._mark(rng, side)] = 0
        return result

    def _mark(self, rng: np.random.Generator, side: int) -> np.ndarray:
        """bool (side, side): an uneven blob in the middle."""
        axis = (np.arange(side) - (side - 1) / 2) / (side / 2)
        far = np.hypot(axis[:, None], axis) + 0.15 * smooth_noise(rng, side, side, max(0.5, side / 8))
        covered = round(self._COVERED * side * side)
        return far <= np.partition(far, covered - 1, axis=None)[covered - 1]


@register_operation("bubble")
class Bubble(Tabled):
    """Whitish discs with a brighter rim; settings are the largest radius and the most bubbles, at least 3 and 7."""

    settings = ((5, 10), (7, 10), (10, 10), (12, 12), (15, 12))
    _RIM, _RIM_ALPHA, _ALPHA = 2, 130 / 255, 100 / 255

    def draw(self, rng: np.random.Generator, setting: tuple[int, int]) -> Params:
        largest, most = setting
        number = int(rng.integers(7, most + 1))
        radii = rng.integers(3, largest + 1, number).tolist()
        return {"radii": radii, "places": rng.random((number, 2)).round(4).tolist()}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        scale = scale_of(image)
        y, x = np.arange(height)[:, None], np.arange(width)
        part = np.zeros((height, width), np.uint8)  # of a bubble: 1 its rim, 2 its inside
        for radius, (down, right) in zip(params["radii"], params["places"], strict=True):
            radius = radius * scale
            middle = radius + down * (height - 1 - 2 * radius), radius + right * (width - 1 - 2 * radius)
            reach = radius + max(0.5, self._RIM * scale)
            near = tuple(slice(max(0, int(at - reach)), int(at + reach) + 2) for at in middle)
            square = (y[near[0]] - middle[0]) ** 2 + (x[near[1]] - middle[1]) ** 2
            # A later bubble covers an earlier one.
            here = part[near]
            here[square <= reach**2] = 1
            here[square <= radius**2] = 2
        result = np.array(image, order="C")
        pixels = result.reshape(-1, image.shape[2])
        for kind, alpha in ((1, self._RIM_ALPHA), (2, self._ALPHA)):
            places = np.flatnonzero(part == kind)
            pixels[places] = to_uint8(_LEVELS + (255 - _LEVELS) * np.float32(alpha)).take(pixels[places])
        return result
