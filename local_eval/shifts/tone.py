"""What maps each value on its own: inversion, solarisation, posterisation, equalisation, dark, washed out."""

import numpy as np

from .operation import Operation, Params, draw, pick, register_operation, to_uint8

_LEVELS = np.arange(256)


def equalise_table(channel: np.ndarray) -> np.ndarray:
    """The table that makes a channel's histogram flat, as Pillow's `ImageOps.equalize` builds it.

    Args:
        channel: uint8, any shape.

    Returns:
        uint8 (256,); the identity where the channel has one value only or is too small to spread.
    """
    counts = np.bincount(channel.ravel(), minlength=256)
    used = counts[counts > 0]
    step = int(counts.sum() - used[-1]) // 255
    if len(used) <= 1 or step == 0:
        return _LEVELS.astype(np.uint8)
    below = np.cumsum(counts) - counts
    return np.minimum((step // 2 + below) // step, 255).astype(np.uint8)


@register_operation("invert")
class Invert(Operation):
    """255 minus the value."""

    graded = False

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return 255 - image


@register_operation("solarise")
class Solarise(Operation):
    """Invert the values at or above a threshold: at a high one the bright background alone."""

    _THRESHOLD = ((200, 230), (165, 200), (130, 165), (90, 130), (40, 90))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"threshold": round(draw(rng, self._THRESHOLD, severity))}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return np.where(image >= params["threshold"], 255 - image, image)


@register_operation("posterise")
class Posterise(Operation):
    """Keep the highest bits of each value."""

    _BITS = (6, 5, 4, 3, 2)

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"bits": pick(self._BITS, severity)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return image & np.uint8(256 - 2 ** (8 - params["bits"]))


@register_operation("equalise")
class Equalise(Operation):
    """Flatten the histogram of each channel by itself: the smooth background becomes speckled."""

    graded = False

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        channels = [image[..., c] for c in range(image.shape[-1])]
        return np.stack([equalise_table(channel).take(channel) for channel in channels], axis=-1)


@register_operation("darken")
class Darken(Operation):
    """Multiply by a factor below one."""

    _FACTOR = ((0.6, 0.75), (0.45, 0.6), (0.3, 0.45), (0.2, 0.3), (0.1, 0.2))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"factor": draw(rng, self._FACTOR, severity)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return to_uint8(_LEVELS * params["factor"]).take(image)


@register_operation("washout")
class Washout(Operation):
    """Mix with a bright level: low contrast and bright."""

    _AMOUNT = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.82))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"amount": draw(rng, self._AMOUNT, severity), "level": int(rng.integers(200, 256))}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        amount = params["amount"]
        return to_uint8(_LEVELS * (1 - amount) + params["level"] * amount).take(image)
