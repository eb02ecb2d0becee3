"""Foreign copies by albumentations at half its own defaults, at them and at twice them: what its makers find usual."""

from collections.abc import Callable

import albumentations as A  # noqa: N812
import numpy as np
from PIL import Image

from benchmarks.foreign_alter import Alter

# In the words of someone who knows nothing but the library.
FACTORS = {"mild": 0.5, "typical": 1.0, "harsh": 2.0}
_Make = Callable[[float], A.BasicTransform]


def library(makers: dict[str, _Make], count: int) -> Callable[[float], Alter]:
    """So many of them an image, none twice."""

    def scaled(factor: float) -> Alter:
        steps = [make(factor) for make in makers.values()]

        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            chosen = [steps[n] for n in rng.choice(len(steps), count, replace=False)]
            chain = A.Compose(chosen, seed=int(rng.integers(2**31)))
            return Image.fromarray(chain(image=np.asarray(image))["image"])

        return alter

    return scaled


def _odd(value: float) -> int:
    return 2 * round((value - 1) / 2) + 1


def _low(share: float) -> float:
    return min(share, 1.0)


def _side(f: float) -> tuple[int, int]:
    """A hole of a tenth to a fifth of an image of 96."""
    return round(9.6 * f), round(19.2 * f)


_NOISE: dict[str, _Make] = {
    "gauss": lambda f: A.GaussNoise(std_range=(_low(0.2 * f), _low(0.44 * f)), p=1),
    "iso": lambda f: A.ISONoise((0.01 * f, 0.05 * f), (0.1 * f, 0.5 * f), p=1),
    "shot": lambda f: A.ShotNoise((0.1 * f, 0.3 * f), p=1),
}
_OPTICS: dict[str, _Make] = {
    "motion": lambda f: A.MotionBlur((3, max(3, _odd(7 * f))), p=1),
    "defocus": lambda f: A.Defocus((round(3 * f), round(10 * f)), p=1),
    "coarse": lambda f: A.Downscale(scale_range=(0.25**f, 0.25**f), p=1),
}
_LAMP: dict[str, _Make] = {
    "brightness": lambda f: A.RandomBrightnessContrast(0.2 * f, 0.0, p=1),
    "contrast": lambda f: A.RandomBrightnessContrast(0.0, 0.2 * f, p=1),
}
camera = library(
    {
        **_NOISE,
        **_OPTICS,
        **_LAMP,
        "glass": lambda f: A.GlassBlur(0.7 * f, round(4 * f), p=1),
        "zoom": lambda f: A.ZoomBlur((1.0, 1 + 0.31 * f), p=1),
        "fog": lambda f: A.RandomFog(fog_coef_range=(_low(0.3 * f), _low(f)), p=1),
        "snow": lambda f: A.RandomSnow(snow_point_range=(_low(0.1 * f), _low(0.3 * f)), p=1),
    },
    1,
)
stain = library(
    {
        "channels": lambda f: A.RGBShift(20 * f, 20 * f, 20 * f, p=1),
        "hue": lambda f: A.HueSaturationValue(20 * f, 30 * f, 20 * f, p=1),
        "gamma": lambda f: A.RandomGamma((100 - 20 * f, 100 + 20 * f), p=1),
        "curve": lambda f: A.RandomToneCurve(0.1 * f, per_channel=True, p=1),
        "light": lambda f: A.Illumination(intensity_range=(0.01, min(0.2 * f, 0.2)), p=1),
    },
    2,
)
slide = library(
    {
        **_OPTICS,
        **_LAMP,
        "saturation": lambda f: A.HueSaturationValue(0, 30 * f, 0, p=1),
        "spatter": lambda f: A.Spatter(intensity=_low(0.6 * f), mode="mud", p=1),
    },
    1,
)
cover = library(
    {
        "hole": lambda f: A.CoarseDropout(hole_height_range=_side(f), hole_width_range=_side(f), p=1),
        "grid": lambda f: A.GridDropout(ratio=1 - 0.5**f, p=1),
        "crop": lambda f: A.RandomResizedCrop((96, 96), scale=(0.08**f, 1.0), p=1),
        "shadow": lambda f: A.RandomShadow(shadow_roi=(0, 0, 1, 1), shadow_intensity_range=(_low(0.5 * f),) * 2, p=1),
    },
    1,
)
pattern = library(
    {
        "plasma": lambda f: A.PlasmaBrightnessContrast((-0.3 * f, 0.3 * f), (-0.3 * f, 0.3 * f), p=1),
        "shade": lambda f: A.PlasmaShadow((_low(0.3 * f), _low(0.7 * f)), p=1),
        "salt": lambda f: A.SaltAndPepper((0.01 * f, 0.06 * f), p=1),
        "tiles": lambda f: A.Superpixels((0, 0.1 * f), p=1),
        "rain": lambda f: A.Spatter(intensity=_low(0.6 * f), mode="rain", p=1),
        "colours": lambda f: A.ChromaticAberration(0.02 * f, 0.05 * f, p=1),
    },
    1,
)


def library_sets() -> list[tuple[str, str, str, Alter]]:
    """(name, suite whose kind it is, strength in a word, what it does)."""
    kinds = (
        ("camera", "imagenet-c", camera),
        ("stain", "stain", stain),
        ("slide", "bloodmnist-c", slide),
        ("cover", "occlusion", cover),
        ("pattern", "imagenet-c-bar", pattern),
    )
    return [
        (f"library-{kind}-{word}", suite, word, make(f)) for kind, suite, make in kinds for word, f in FACTORS.items()
    ]
