"""Noise of other spectra, and patterns of one frequency: what ImageNet-C has not.

After the kinds of ImageNet-C-bar (Mintun et al. 2021, "On interaction between augmentations and corruptions in natural
corruption robustness"); the strengths are ours. All are added in grey levels of 255.
"""

import numpy as np

from .fields import centred_grid, coloured, plasma, smooth_noise
from .operation import Params, Tabled, draw_seed, generator, register_operation
from .planes import from_planes, to_planes


class _Spectrum(Tabled):
    exponent: float

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"levels": setting, "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        channels, height, width = (planes := to_planes(image)).shape
        noise = coloured(generator(params["seed"]), channels, height, width, self.exponent)
        return from_planes(planes + params["levels"] * noise)


@register_operation("blue_noise")
class BlueNoise(_Spectrum):
    """Coloured noise that grows with frequency; the setting is its standard deviation."""

    exponent = 1.0
    settings = (15, 28, 42, 60, 85)


@register_operation("brownish_noise")
class BrownishNoise(_Spectrum):
    """Coloured clouds that fall with the square of the frequency; the setting is their standard deviation."""

    exponent = -2.0
    settings = (10, 18, 27, 38, 50)


@register_operation("single_frequency_grey")
class SingleFrequencyGrey(Tabled):
    """One grey wave of any direction and any frequency that the pixels can show; the setting is its amplitude."""

    settings = (20, 36, 54, 76, 105)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        # at least a tenth of the highest frequency: slower is a change of brightness
        frequency = rng.uniform(0.1, 1, 2) * np.pi * rng.choice([-1, 1], 2)
        return {"levels": setting, "frequency": frequency.tolist(), "phase": float(rng.uniform(0, 2 * np.pi))}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        down, right = params["frequency"]
        wave = np.sin(down * np.arange(height)[:, None] + right * np.arange(width) + params["phase"]).astype(np.float32)
        return from_planes(to_planes(image) + params["levels"] * wave)


@register_operation("sine_grating")
class SineGrating(Tabled):
    """Concentric wavy rings in two colours; the setting is their amplitude."""

    settings = (22, 38, 56, 78, 105)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {
            "levels": setting,
            "middle": rng.uniform(-0.6, 0.6, 2).tolist(),
            "rings": float(rng.uniform(4, 14)),
            "waves": int(rng.integers(2, 10)),
            "waviness": float(rng.uniform(0, 0.06)),
            "colour": rng.uniform(-1, 1, 3).tolist(),
        }

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        y, x = centred_grid(*image.shape[:2])
        y, x = y - params["middle"][0], x - params["middle"][1]
        distance = np.hypot(y, x) + params["waviness"] * np.sin(params["waves"] * np.arctan2(y, x))
        rings = np.sin(2 * np.pi * params["rings"] * distance)
        colour = np.array(params["colour"], np.float32) / np.abs(params["colour"]).max()
        if image.shape[2] == 1:
            colour = np.ones(1, np.float32)
        return from_planes(to_planes(image) + params["levels"] * colour[:, None, None] * rings)


@register_operation("plasma_noise")
class PlasmaNoise(Tabled):
    """Mix with flowing colour bands; the setting is their share."""

    settings = (0.12, 0.2, 0.3, 0.4, 0.5)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"share": setting, "bands": float(rng.uniform(1.5, 3.5)), "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        rng, (height, width, channels) = generator(params["seed"]), image.shape
        cloud = plasma(rng, height, width, 2.2).astype(np.float32)
        phases = rng.uniform(0, 2 * np.pi, (channels, 1, 1)).astype(np.float32)
        bands = np.sin(2 * np.pi * params["bands"] * cloud + phases)
        share = params["share"]
        return from_planes((1 - share) * to_planes(image) + share * (127.5 + 127.5 * bands))


@register_operation("perlin_noise")
class PerlinNoise(Tabled):
    """Mix with grey smoke, smooth noise of five sizes folded at zero; the setting is its share."""

    settings = (0.2, 0.32, 0.44, 0.55, 0.66)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"share": setting, "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        rng, (height, width) = generator(params["seed"]), image.shape[:2]
        side = min(height, width)
        smoke: np.ndarray = np.zeros((height, width), np.float32)
        for octave in range(5):
            smoke += 0.5**octave * np.abs(smooth_noise(rng, height, width, max(0.4, side / (10 * 2**octave))))
        smoke = 255 * np.clip(smoke / np.quantile(smoke, 0.98), 0, 1)
        share = params["share"]
        return from_planes((1 - share) * to_planes(image) + share * smoke)
