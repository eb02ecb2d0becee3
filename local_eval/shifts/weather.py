"""ImageNet-C's snow, frost and fog, lengths scaled from 224 pixels.

Source: Hendrycks and Dietterich 2019. Their frost is a cut of one of six photographs; ours is drawn, with the mean
and the spread of those photographs.
"""

import numpy as np

from .colour import luma
from .fields import plasma, smooth
from .focus import motion_kernel, zoomed
from .operation import Params, Tabled, draw_seed, generator, register_operation
from .planes import from_planes, scale_of, smear, to_planes
from .quantiles import quick_normal


@register_operation("fog")
class Fog(Tabled):
    """Add a cloud, then darken to the old maximum; settings are thickness and smoothness."""

    settings = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))

    def draw(self, rng: np.random.Generator, setting: tuple[float, float]) -> Params:
        return {"thickness": setting[0], "decay": setting[1], "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        cloud = plasma(generator(params["seed"]), height, width, params["decay"]).astype(np.float32)
        top, thickness = image.max() / 255, params["thickness"]
        return from_planes((to_planes(image) + 255 * thickness * cloud) * (top / (top + thickness)))


@register_operation("snow")
class Snow(Tabled):
    """Flakes that fall in streaks over a whitened image.

    Settings: mean and spread of the flakes' noise, their size, the threshold above which there are any, radius and
    fading of the streaks, how much of the image is kept.
    """

    settings = (
        (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )

    def draw(self, rng: np.random.Generator, setting: tuple[float, ...]) -> Params:
        names = ("mean", "spread", "size", "threshold", "radius", "sigma", "keep")
        drawn = {"degrees": float(rng.uniform(-135, -45)), "seed": draw_seed(rng)}
        return dict(zip(names, setting, strict=True)) | drawn

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        scale, height, width = scale_of(image), *image.shape[:2]
        flakes = quick_normal(generator(params["seed"]), (1, height, width))
        flakes = zoomed(flakes * params["spread"] + params["mean"], max(1.0, params["size"] * scale))
        flakes[flakes < params["threshold"]] = 0
        kernel = motion_kernel(int(params["radius"]), params["sigma"], params["degrees"], scale)
        flakes = 255 * smear(np.clip(flakes, 0, 1)[0, ..., None], kernel, "edge")[None, ..., 0]
        planes, keep = to_planes(image), params["keep"]
        grey = to_planes(luma(image)) if image.shape[2] == 3 else planes
        white = np.maximum(planes, 1.5 * grey + 127.5)
        return from_planes(keep * planes + (1 - keep) * white + flakes + flakes[:, ::-1, ::-1])


@register_operation("frost")
class Frost(Tabled):
    """Mix with a frozen window pane; settings are the shares of the image and of the pane."""

    settings = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))

    def draw(self, rng: np.random.Generator, setting: tuple[float, float]) -> Params:
        return {"image": setting[0], "frost": setting[1], "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        pane = frost_pane(generator(params["seed"]), *image.shape[:2])
        if image.shape[2] == 1:
            pane = pane.mean(axis=0, keepdims=True)
        return from_planes(params["image"] * to_planes(image) + params["frost"] * pane)


def frost_pane(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Bluish ice: float32 (3, height, width), about 0-255.

    Clouds of three sizes, and needles where a smooth field crosses zero; means and spread as those of the photographs
    (means 71 to 201 in red, 95 to 205 in green, 105 to 214 in blue; standard deviations 15 to 47).
    """
    side = min(height, width)
    noise = quick_normal(rng, (6, height, width))
    fields = [smooth(one, max(0.5, side * share)) for one, share in zip(noise, (0.15, 0.05, 0.015), strict=False)]
    needles = np.exp(-12 * np.abs(smooth(noise[3:], max(0.5, side * 0.04)))).sum(axis=0)
    ice = 0.5 * fields[0] + 0.4 * fields[1] + 0.25 * fields[2] + 1.2 * needles
    ice = (ice - ice.mean()) / max(float(ice.std()), 1e-12)
    red, spread = rng.uniform(75, 195), rng.uniform(18, 45)
    blue = 214 - (201 - red) * 0.55  # the darker the pane, the bluer
    tint = np.array([red, (red + 2 * blue) / 3, blue], np.float32)
    return tint[:, None, None] + spread * ice
