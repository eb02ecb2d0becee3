"""Foreign copies by imgaug at half its own defaults, at them and at twice them: another library's idea of usual."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmarks.foreign_alter import Alter
from benchmarks.foreign_library import FACTORS

# imgaug 0.4.0 speaks to an older NumPy than that of today
np.bool = np.bool_  # type: ignore[misc]
np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64],
}

import imgaug.augmenters as iaa  # noqa: E402


def _around(low: float, high: float, factor: float) -> tuple[float, float]:
    """A range about 1, so many times as wide."""
    return max(1 - (1 - low) * factor, 0.0), 1 + (high - 1) * factor


def camera(f: float) -> list[iaa.Augmenter]:
    """Noise, blur, compression, exposure."""
    return [
        iaa.AdditiveGaussianNoise(scale=(0, 15 * f), per_channel=True),
        iaa.AdditivePoissonNoise((0, 15 * f), per_channel=True),
        iaa.SaltAndPepper((0, 0.03 * f)),
        iaa.GaussianBlur((0, 3 * f)),
        iaa.MotionBlur(k=(3, max(3, round(7 * f)))),
        iaa.MedianBlur(k=(1, 2 * round((7 * f - 1) / 2) + 1)),
        iaa.JpegCompression((min(50 * (f - 0.5), 75), min(100 * f, 99))),
        iaa.LinearContrast(_around(0.6, 1.4, f)),
        iaa.MultiplyBrightness(_around(0.7, 1.3, f)),
        iaa.ElasticTransformation((0, 40 * f), (4, 8), mode="reflect"),
        iaa.Snowflakes(density=(0.005 * f, 0.075 * f)),
    ]


def stain(f: float) -> list[iaa.Augmenter]:
    """Colour and tone."""
    return [
        iaa.Add((round(-20 * f), round(20 * f)), per_channel=True),
        iaa.MultiplySaturation(_around(0, 3, f)),
        iaa.GammaContrast(_around(0.7, 1.7, f)),
        iaa.LinearContrast(_around(0.6, 1.4, f), per_channel=True),
        iaa.Multiply(_around(0.8, 1.2, f), per_channel=True),
    ]


def cover(f: float) -> list[iaa.Augmenter]:
    """Things in front of the cell."""
    return [
        iaa.Cutout(size=0.2 * f, fill_mode="gaussian", fill_per_channel=True),
        iaa.CoarseDropout((0.02 * f, 0.1 * f), size_percent=(0.02, 0.25)),
        iaa.CoarseSaltAndPepper((0.02 * f, 0.1 * f), size_percent=(0.02, 0.25)),
        iaa.CoarsePepper((0.02 * f, 0.1 * f), size_px=(3, 12)),
    ]


def _some(steps: list[iaa.Augmenter], count: int) -> Alter:
    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values = np.asarray(image)
        for n in rng.choice(len(steps), count, replace=False):
            step = steps[n]
            step.seed_(int(rng.integers(2**31)))
            values = step.augment_image(values)
        return Image.fromarray(values)

    return alter


def imgaug_sets() -> list[tuple[str, str, str, Alter]]:
    """(name, suite whose kind it is, strength in a word, what it does)."""
    kinds: tuple[tuple[str, str, Callable[[float], list[iaa.Augmenter]], int], ...] = (
        ("camera", "imagenet-c", camera, 1),
        ("stain", "stain", stain, 2),
        ("cover", "occlusion", cover, 1),
    )
    return [
        (f"imgaug-{kind}-{word}", suite, word, _some(make(f), count))
        for kind, suite, make, count in kinds
        for word, f in FACTORS.items()
    ]
