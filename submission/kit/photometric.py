"""Views that undo likely changes of brightness and colour, each image decided by itself from its own histogram.

All are tables of 256 values an image (and channel): what needs no correction comes back as it was, bit by bit.
"""

from __future__ import annotations  # platforms run Python 3.9

import numpy as np

_LEVELS = np.arange(256)
_MOST_GAIN = 8.0  # a channel that is nearly empty stays dark instead of turning to noise
_CLOSE = 0.5 / 255  # a mean this near to what is wanted is left alone: half a level


def autocontrast(images: np.ndarray, cutoff: int = 0) -> np.ndarray:
    """Stretch each channel from its darkest to its brightest value, as Pillow's `ImageOps.autocontrast`.

    Args:
        images: uint8 (n, H, W, C).
        cutoff: per cent of the pixels left out at either end, 0 to 49.

    Returns:
        uint8 (n, H, W, C); a channel of one value stays as it is.
    """
    counts = _histograms(images)  # (n, C, 256)
    pixels = images.shape[1] * images.shape[2]
    cut = pixels * cutoff // 100
    low = (counts.cumsum(-1) > cut).argmax(-1)
    high = 255 - (counts[..., ::-1].cumsum(-1) > cut).argmax(-1)
    scale = np.where(high > low, 255.0 / np.maximum(high - low, 1), 1.0)
    offset = np.where(high > low, -low * scale, 0.0)
    tables = _LEVELS * scale[..., None] + offset[..., None]
    return _apply(images, np.clip(np.trunc(tables), 0, 255).astype(np.uint8))


def grey_world(images: np.ndarray) -> np.ndarray:
    """White balance: gains that give all channels one mean, their common one (Buchsbaum 1980).

    Args:
        images: uint8 (n, H, W, C); of one channel nothing is changed.
    """
    means = _means(_histograms(images))
    return _gain(images, means, means.mean(-1, keepdims=True))


def balance(images: np.ndarray, means: tuple[float, ...]) -> np.ndarray:
    """Gains that bring each channel's mean to a given one: grey world for pictures that are not grey by nature.

    Args:
        images: uint8 (n, H, W, C).
        means: C means of the training images, in (0, 1].
    """
    return _gain(images, _means(_histograms(images)), np.array(means))


def gamma(images: np.ndarray, mean: float) -> np.ndarray:
    """The power, one for all channels, that brings an image's mean to a given one.

    Args:
        images: uint8 (n, H, W, C).
        mean: of all values of the training images, in (0, 1).

    Returns:
        uint8 (n, H, W, C); powers are bounded by 1/8 and 8, and an image of 0 and 255 alone stays as it is.
    """
    shares = _histograms(images).sum(1) / max(1, int(np.prod(images.shape[1:])))  # (n, 256)
    log_levels = np.log(np.maximum(_LEVELS, 1e-9) / 255)  # level 0 stays 0 under every power in question
    low, high = np.full(len(images), -np.log(8.0)), np.full(len(images), np.log(8.0))
    for _ in range(30):  # bisection: the mean falls as the power grows
        middle = (low + high) / 2
        bright = (shares * np.exp(np.exp(middle)[:, None] * log_levels)).sum(-1) > mean
        low, high = np.where(bright, middle, low), np.where(bright, high, middle)
    near = np.abs((shares * (_LEVELS / 255)).sum(-1) - mean) <= _CLOSE
    powers = np.where(near, 1.0, np.exp((low + high) / 2))
    tables = np.rint(255 * np.exp(powers[:, None] * log_levels)).astype(np.uint8)
    return _apply(images, np.repeat(tables[:, None], images.shape[-1], axis=1))


def uninvert(images: np.ndarray, mean: float, contrast: float = 0.0) -> np.ndarray:
    """Invert the images whose negative is nearer to the training images than they are themselves.

    An image is the point (mean of all values, `zone_contrast`), its negative that point mirrored about (1/2, 0); the
    one nearer to (mean, contrast) is kept. That is the sign of one dot product, so that twice is once. Darkening moves
    the mean but not the contrast, which counts deviations: a dark image is no negative.

    Args:
        images: uint8 (n, H, W, C).
        mean: of all values of the training images, in [0, 1].
        contrast: their mean `zone_contrast`; 0 decides by brightness alone.
    """
    brightness, own = _points(images)
    inverted = (2 * brightness - 1) * (2 * mean - 1) + 4 * own * contrast < 0
    return np.where(inverted[:, None, None, None], 255 - images, images)


def zone_contrast(images: np.ndarray) -> np.ndarray:
    """How much brighter the middle of each image is than its rim, in standard deviations of its values: float (n,)."""
    return _points(images)[1]


def _points(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean in [0, 1], and `zone_contrast`."""
    middle, rim = _zones(images.shape[1], images.shape[2])
    count, height, width, channels = images.shape
    grey = images.reshape(count, height * width, channels).sum(-1, dtype=np.int32) / (255 * channels)
    contrast = grey[:, middle].mean(-1) - grey[:, rim].mean(-1)
    return grey.mean(-1), contrast / np.maximum(grey.std(-1), 1e-9)


def _zones(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the middle (half as wide and high as the image) and of what lies beyond three quarters.

    Never empty: the middle has the nearest, the rim the farthest pixel at least.
    """
    y, x = (np.abs(np.arange(size) - (size - 1) / 2) / (size / 2) for size in (height, width))
    far = np.maximum(y[:, None], x[None, :]).ravel()
    return np.flatnonzero(far <= max(0.5, far.min())), np.flatnonzero(far >= min(0.75, far.max()))


def _histograms(images: np.ndarray) -> np.ndarray:
    """Counts of the 256 values, int64 (n, C, 256)."""
    counts = np.empty((len(images), images.shape[-1], 256), np.int64)
    for n, image in enumerate(images):
        for c in range(image.shape[-1]):
            counts[n, c] = np.bincount(image[..., c].ravel(), minlength=256)
    return counts


def _means(counts: np.ndarray) -> np.ndarray:
    """(n, C, 256) -> means in [0, 1], (n, C)."""
    return counts @ _LEVELS / (255 * counts.sum(-1))  # whole numbers: no sum that hangs on the number of rows


def _gain(images: np.ndarray, means: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Each channel times wanted / mean."""
    near = np.abs(means - wanted) <= _CLOSE
    gains = np.where(near, 1.0, np.minimum(wanted / np.maximum(means, 1e-9), _MOST_GAIN))
    return _apply(images, np.clip(np.rint(_LEVELS * gains[..., None]), 0, 255).astype(np.uint8))


def _apply(images: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """uint8 (n, C, 256) tables on uint8 (n, H, W, C)."""
    result = np.empty_like(images, order="C")
    for n, image in enumerate(images):
        for c in range(image.shape[-1]):
            result[n, ..., c] = tables[n, c].take(image[..., c])
    return result
