"""What another stain, another scanner or another file does: density, white balance, gamma, resolution, vignette."""

import numpy as np

from .digital import box_matrix
from .fields import centred_grid
from .mixture import Recipe
from .operation import Operation, Params, Tabled, draw, draw_sign, register_operation, to_uint8
from .planes import from_planes, to_planes
from .suite import register_suite

_LEVELS = np.arange(256)


def through_tables(image: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Each channel through its own table: uint8 (H, W, C), float (C, 256); uint8 (H, W, C)."""
    rounded, result = to_uint8(tables), np.empty_like(image)
    for c in range(image.shape[2]):
        result[..., c] = rounded[c].take(image[..., c])
    return result


@register_operation("optical_density")
class OpticalDensity(Operation):
    """More or less stain, taken up unevenly: each channel's optical density is scaled and shifted.

    After the augmentation of Tellez et al. 2018 ("Whole-slide mitosis detection in H&E breast histology using PHH3 as a
    reference..."), whose axes are the stains' own; blood films bear other stains, so here the axes are the channels.
    """

    _SPREAD = ((0.05, 0.12), (0.12, 0.2), (0.2, 0.32), (0.32, 0.45), (0.45, 0.6))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        spread = draw(rng, self._SPREAD, severity)
        common = spread * draw_sign(rng)  # of the stain as a whole
        factors = np.exp(common + rng.uniform(-spread, spread, 3) / 2)
        return {"factors": factors.round(4).tolist(), "shifts": (rng.uniform(-spread, spread, 3) / 6).round(4).tolist()}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        density = -np.log((_LEVELS + 1) / 256)
        tables = [
            256 * np.exp(-(density * f + s)) - 1 for f, s in zip(params["factors"], params["shifts"], strict=True)
        ]
        return through_tables(image, np.array(tables[: image.shape[2]]))


@register_operation("white_balance")
class WhiteBalance(Operation):
    """A warmer or colder lamp: red and blue gain what the other loses, green a little."""

    _GAIN = ((0.04, 0.08), (0.08, 0.14), (0.14, 0.2), (0.2, 0.28), (0.28, 0.4))
    needs_colour = True

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        warm = draw(rng, self._GAIN, severity) * draw_sign(rng)
        green = float(rng.uniform(-0.3, 0.3)) * abs(warm)
        return {"gains": [round(float(np.exp(value)), 4) for value in (warm, green, -warm)]}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        if image.shape[2] == 1:
            return image.copy()
        return through_tables(image, np.array(params["gains"])[:, None] * _LEVELS)


@register_operation("gamma")
class Gamma(Operation):
    """Another transfer curve: the value, 0 to 1, to a power above or below 1."""

    _LOG = ((0.12, 0.25), (0.25, 0.4), (0.4, 0.55), (0.55, 0.75), (0.75, 1.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"power": round(float(np.exp(draw(rng, self._LOG, severity) * draw_sign(rng))), 4)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return to_uint8(255 * (_LEVELS / 255) ** params["power"]).take(image)


@register_operation("resolution")
class Resolution(Tabled):
    """A coarser objective: shrunk by means, enlarged linearly; the setting is the factor of the side."""

    settings = (0.75, 0.6, 0.48, 0.38, 0.28)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        rows, columns = (max(2, round(size * params["factor"])) for size in (height, width))
        small = box_matrix(height, rows) @ to_planes(image) @ box_matrix(width, columns).T
        return from_planes(_linear(height, rows) @ small @ _linear(width, columns).T)


def _linear(size: int, small: int) -> np.ndarray:
    """Linear enlargement of an axis, the ends repeated: float32 (size, small)."""
    at = np.clip((np.arange(size) + 0.5) * (small / size) - 0.5, 0, small - 1)
    low = np.minimum(at.astype(int), small - 2)
    matrix = np.zeros((size, small), np.float32)
    matrix[np.arange(size), low] = 1 - (at - low)
    matrix[np.arange(size), low + 1] = at - low
    return matrix


@register_operation("vignette")
class Vignette(Operation):
    """Light that falls off from a point near the middle, with the square of the distance."""

    _FALL = ((0.12, 0.2), (0.2, 0.32), (0.32, 0.45), (0.45, 0.6), (0.6, 0.8))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"fall": draw(rng, self._FALL, severity), "middle": rng.uniform(-0.2, 0.2, 2).round(4).tolist()}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        y, x = centred_grid(*image.shape[:2])
        square = (y - params["middle"][0]) ** 2 + (x - params["middle"][1]) ** 2
        light = 1 - params["fall"] * square / square.max()
        return to_uint8(image * light[..., None])


STAIN = Recipe(
    {
        "optical_density": 1.0,
        "white_balance": 1.0,
        "gamma": 0.8,
        "vignette": 0.6,
        "resolution": 0.8,
        "jpeg": 0.6,
    },
    counts=(0.0, 0.3, 0.35, 0.25, 0.1),
    settings={"jpeg": (75, 55, 38, 25, 14)},
)
"""In the order of the light's way: the slide, the lamp, the sensor, the file."""

register_suite("stain", version=1)(STAIN.plan)
