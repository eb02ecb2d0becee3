"""ImageNet-C's brightness, contrast, elastic transform, pixelation and JPEG, and HSV saturation.

Source: Hendrycks and Dietterich 2019; saturation as in MedMNIST-C (Di Salvo et al. 2024).
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from .detail import blur_matrix
from .operation import Params, Tabled, draw_seed, generator, register_operation
from .planes import from_planes, remap, scale_of, to_planes


@register_operation("brightness")
class Brightness(Tabled):
    """Add to the value in HSV; the setting is how much, 1 being the full range."""

    settings = (0.1, 0.2, 0.3, 0.4, 0.5)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"add": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        planes = to_planes(image)
        value = planes.max(axis=0)
        brighter = np.minimum(value + 255 * params["add"], 255)
        # Hue and saturation stay: the three grow alike; black has no hue and becomes grey.
        return from_planes(np.where(value > 0, planes * (brighter / np.maximum(value, 1)), brighter))


@register_operation("contrast")
class Contrast(Tabled):
    """Shrink each channel towards its mean; the setting is the factor."""

    settings = (0.4, 0.3, 0.2, 0.1, 0.05)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        planes = to_planes(image)
        means = planes.mean(axis=(1, 2), keepdims=True)
        planes -= means
        planes *= params["factor"]
        planes += means
        return from_planes(planes)


@register_operation("elastic")
class Elastic(Tabled):
    """Move pixels along a smooth random field; the setting is its strength.

    Theirs moves by as many pixels in any image: smoothing takes away what the larger noise of a larger image adds. Here
    the way is scaled too.
    """

    settings = (12.5, 16.25, 21.25, 25.0, 30.0)
    _SIGMA, _REACH = 0.01, 0.005  # fractions of the side: of the smoothing, and of the noise before it

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"strength": setting, "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        reach = self._REACH * min(height, width)
        noise = generator(params["seed"]).random((2, height, width), np.float32) * (2 * reach) - reach
        rows, columns = (blur_matrix(size, max(0.35, self._SIGMA * size)) for size in (height, width))
        down, right = params["strength"] * scale_of(image) * (rows @ noise @ columns.T)
        return remap(image, np.arange(height)[:, None] + down, np.arange(width) + right)


@lru_cache(maxsize=64)
def box_matrix(size: int, small: int) -> np.ndarray:
    """Means over stretches of an axis, of the pixels whose middles lie in them, as Pillow's box filter.

    Returns:
        float32 (small, size), rows sum to 1.
    """
    scale = size / small
    far = (np.arange(size) + 0.5) / scale - (np.arange(small)[:, None] + 0.5)
    inside = (far > -0.5) & (far <= 0.5)
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)


@register_operation("pixelate")
class Pixelate(Tabled):
    """Shrink by means, enlarge by repetition; the setting is the factor of the side."""

    settings = (0.6, 0.5, 0.4, 0.3, 0.25)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        rows, columns = (max(1, int(size * params["factor"])) for size in (height, width))
        small = from_planes(box_matrix(height, rows) @ to_planes(image) @ box_matrix(width, columns).T)
        return small[_nearest(height, rows)].take(_nearest(width, columns), axis=1)


def _nearest(size: int, small: int) -> np.ndarray:
    return ((np.arange(size) + 0.5) * (small / size)).astype(int)


@register_operation("jpeg")
class Jpeg(Tabled):
    """Compress and decompress, by Pillow's encoder with its default chroma sampling; the setting is the quality."""

    settings = (25, 18, 15, 10, 7)

    def draw(self, rng: np.random.Generator, setting: int) -> Params:
        return {"quality": int(setting)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        packed = io.BytesIO()
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
        picture.save(packed, "JPEG", quality=params["quality"])
        with Image.open(packed) as again:
            return np.array(again).reshape(image.shape)


@register_operation("saturate")
class Saturate(Tabled):
    """Add to the saturation in HSV; pure grey, which has no hue, turns reddish, as in the original."""

    needs_colour = True
    settings = (0.05, 0.10, 0.15, 0.17, 0.20)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"add": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        if image.shape[2] == 1:
            return image.copy()
        planes = to_planes(image)
        value = planes.max(axis=0)
        below = value - planes
        chroma = below.max(axis=0)
        # saturation = chroma / value; it grows by `add`, at most to 1
        wanted = np.minimum(chroma + params["add"] * value, value)
        grown = value - below * (wanted / np.maximum(chroma, 1))
        grey = np.stack([value, value - wanted, value - wanted])
        return from_planes(np.where(chroma > 0, grown, grey))
