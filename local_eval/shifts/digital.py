"""ImageNet-C's brightness, contrast, elastic transform, pixelation and JPEG, and HSV saturation.

Source: Hendrycks and Dietterich 2019; saturation as in MedMNIST-C (Di Salvo et al. 2024).
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from .detail import blur_matrix
from .operation import Params, Tabled, draw_seed, generator, register_operation, to_uint8
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
        height, width, channels = image.shape
        rows = image.reshape(height, width * channels)
        means = rows.sum(axis=0, dtype=np.uint32).reshape(width, channels).sum(axis=0) / (height * width)
        values = rows * np.float32(params["factor"])
        values += np.tile((means * (1 - params["factor"])).astype(np.float32), width)
        return to_uint8(values).reshape(image.shape)


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


def to_picture(image: np.ndarray) -> Image.Image:
    """uint8 (H, W, C), C 1 or 3, as Pillow's."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))


@register_operation("pixelate")
class Pixelate(Tabled):
    """Shrink by means, enlarge by repetition, by Pillow; the setting is the factor of the side."""

    settings = (0.6, 0.5, 0.4, 0.3, 0.25)

    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"factor": setting}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        small = (max(1, int(width * params["factor"])), max(1, int(height * params["factor"])))
        shrunk = to_picture(image).resize(small, Image.Resampling.BOX)
        return np.array(shrunk.resize((width, height), Image.Resampling.NEAREST)).reshape(image.shape)


@register_operation("jpeg")
class Jpeg(Tabled):
    """Compress and decompress, by Pillow's encoder with its default chroma sampling; the setting is the quality."""

    settings = (25, 18, 15, 10, 7)

    def draw(self, rng: np.random.Generator, setting: int) -> Params:
        return {"quality": int(setting)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        packed = io.BytesIO()
        picture = to_picture(image)
        picture.save(packed, "JPEG", quality=params["quality"])
        # `Image.open` takes as long to look at the header as the decoder takes for the pixels.
        again = Image.frombytes(picture.mode, picture.size, packed.getvalue(), "jpeg", picture.mode, "")
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
        below *= wanted / np.maximum(chroma, 1)
        grey = chroma == 0
        below[1:, grey] = wanted[grey]
        return from_planes(value - below)
