"""Checkerboard cut-out, sparkles and refraction: shapes that ImageNet-C has not.

After the kinds of ImageNet-C-bar (Mintun et al. 2021); the strengths are ours, lengths are fractions of the image.
"""

import numpy as np

from .fields import centred_grid, smooth_noise
from .operation import Operation, Params, Tabled, draw, draw_seed, generator, register_operation, to_uint8
from .planes import paint, remap


@register_operation("checkerboard_cutout")
class CheckerboardCutout(Operation):
    """Squares of a turned board become one grey; severity sets the share of the black squares that are cut out."""

    _SHARE = ((0.15, 0.25), (0.3, 0.4), (0.45, 0.6), (0.65, 0.8), (0.9, 1.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {
            "share": draw(rng, self._SHARE, severity),
            "squares": float(rng.uniform(4, 10)),
            "degrees": float(rng.uniform(0, 90)),
            "shift": rng.random(2).tolist(),
            "fill": int(rng.choice([0, 128, 255])),
            "seed": draw_seed(rng),
        }

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        y, x = centred_grid(*image.shape[:2])
        angle = np.deg2rad(params["degrees"])
        down = np.floor((y * np.cos(angle) + x * np.sin(angle)) * params["squares"] + params["shift"][0]).astype(int)
        across = np.floor((x * np.cos(angle) - y * np.sin(angle)) * params["squares"] + params["shift"][1]).astype(int)
        down, across = down - down.min(), across - across.min()
        chosen = generator(params["seed"]).random((down.max() + 1, across.max() + 1)) < params["share"]
        cut = chosen[down, across] & ((down + across) % 2 == 0)
        return paint(image, cut, params["fill"])


def star(
    rng: np.random.Generator, shape: tuple[int, int], middle: list[float], radius: float, falloff: float
) -> np.ndarray:
    """Light of a star with uneven rays: float32 `shape`, 1 in the middle, falling beyond `radius` of the shorter side.

    Args:
        rng: draws the number and the lengths of the rays.
        middle: (y, x), fractions of the shorter side from the image's middle.
        falloff: power with which the light falls; the smaller, the longer the rays.
    """
    y, x = centred_grid(*shape)
    y, x = y - middle[0], x - middle[1]
    rays = int(rng.integers(50, 200))
    lengths = (radius * (1 + 0.25 * rng.standard_normal(rays))).astype(np.float32)
    turn = (np.arctan2(x, y) / (2 * np.pi) + 0.5) * rays
    ray = turn.astype(int)
    part = turn - ray
    length = lengths[ray % rays] * (1 - part) + lengths[(ray + 1) % rays] * part
    light = (length**2 / (y**2 + x**2 + 1e-6)) ** falloff
    return np.clip(light * (1 - (part - 0.5) ** 2), 0, 1)


@register_operation("sparkles")
class Sparkles(Tabled):
    """White stars; settings are how many, and their radius."""

    settings = ((3, 0.02), (4, 0.03), (5, 0.04), (5, 0.055), (6, 0.07))

    def draw(self, rng: np.random.Generator, setting: tuple[int, float]) -> Params:
        number, radius = setting
        middles = rng.uniform(-0.5, 0.5, (number, 2)).tolist()
        return {"middles": middles, "radius": radius, "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        rng, dark = generator(params["seed"]), np.ones(image.shape[:2], np.float32)
        for middle in params["middles"]:
            dark *= 1 - star(rng, image.shape[:2], middle, params["radius"], 1.0)
        return to_uint8(255 - (255 - image.astype(np.float32)) * dark[..., None])


@register_operation("inverse_sparkles")
class InverseSparkles(Tabled):
    """White but for one star through which the image is seen; the setting is its radius."""

    settings = (0.48, 0.4, 0.32, 0.25, 0.19)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"radius": setting, "middle": rng.uniform(-0.15, 0.15, 2).tolist(), "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        seen = star(generator(params["seed"]), image.shape[:2], params["middle"], params["radius"], 1.5)
        return to_uint8(255 - (255 - image.astype(np.float32)) * seen[..., None])


@register_operation("caustic_refraction")
class CausticRefraction(Tabled):
    """Seen through moving water: displaced along a smooth surface's slope, lit where it gathers light.

    Settings are the displacement (root mean square, fraction of the shorter side) and the change of brightness.
    """

    settings = ((0.006, 0.06), (0.01, 0.1), (0.015, 0.14), (0.021, 0.19), (0.028, 0.25))
    _WAVE = 0.06  # of the shorter side: smoothness of the surface

    def draw(self, rng: np.random.Generator, setting: tuple[float, float]) -> Params:
        return {"reach": setting[0], "light": setting[1], "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        side = min(height, width)
        surface = smooth_noise(generator(params["seed"]), height, width, max(1.0, self._WAVE * side))
        down, right = np.gradient(surface)
        scale = params["reach"] * side / max(float(np.sqrt((down**2 + right**2).mean())), 1e-12)
        bent = remap(image, np.arange(height)[:, None] + scale * down, np.arange(width) + scale * right)
        gathered = -(np.gradient(down, axis=0) + np.gradient(right, axis=1))
        light = 1 + params["light"] * np.clip(gathered / max(float(gathered.std()), 1e-12), -2, 3)
        return to_uint8(bent * light[..., None])
