"""Colours, their arrangement and the grain of an image in some hundred numbers: what shows an intruder at a glance."""

import numpy as np
from scipy import ndimage

from .resample import resize_grey

SIDE = 32  # at which an image is looked at
BINS = 4  # of each channel
RINGS = 4
DIRECTIONS = 8


def colour_features(images: np.ndarray) -> np.ndarray:
    """Measure a batch.

    Square roots of a histogram of colours, mean and spread of every channel in rings around the centre, and of the grey
    picture the contrast at four widths and a histogram of the directions of its edges.

    Args:
        images: uint8 (n, H, W, C), 0-255; three channels at most are looked at.

    Returns:
        float32 (n, F).
    """
    channels = [
        resize_grey(np.ascontiguousarray(images[..., c]), SIDE, SIDE, "box") for c in range(min(images.shape[3], 3))
    ]
    small = np.stack(channels, axis=-1).astype(np.float32) / 255
    grey = small.mean(axis=-1)
    parts = [_histogram(small), _rings(small), _grain(grey), _edges(grey)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _histogram(small: np.ndarray) -> np.ndarray:
    n, channels = len(small), small.shape[-1]
    cells = np.minimum((small * BINS).astype(np.int64), BINS - 1).reshape(n, -1, channels)
    codes = cells @ (BINS ** np.arange(channels)) + np.arange(n)[:, None] * BINS**channels
    counts = np.bincount(codes.ravel(), minlength=n * BINS**channels).reshape(n, -1)
    return np.sqrt(counts / (SIDE * SIDE))


def _rings(small: np.ndarray) -> np.ndarray:
    line = np.arange(SIDE) - (SIDE - 1) / 2
    radius = np.hypot(line[:, None], line)
    edges = np.quantile(radius, np.arange(1, RINGS) / RINGS)
    ring = np.digitize(radius, edges).ravel()
    pixels = small.reshape(len(small), SIDE * SIDE, -1)
    found = [f(pixels[:, ring == k], axis=1) for k in range(RINGS) for f in (np.mean, np.std)]
    return np.concatenate(found, axis=1)


def _grain(grey: np.ndarray) -> np.ndarray:
    """Logarithms of the contrast at four widths."""
    found, last = [], grey
    for width in (0.7, 1.4, 2.8, 5.6):
        softer = ndimage.gaussian_filter(grey, (0, width, width))
        found.append(np.log((last - softer).std(axis=(1, 2)) + 1e-3))
        last = softer
    return np.stack(found, axis=1)


def _edges(grey: np.ndarray) -> np.ndarray:
    """How much of all edges lies in each of eight directions, from the strongest on: free of rotation by 45 degrees."""
    dy, dx = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(dy, dx).reshape(len(grey), -1)
    direction = ((np.arctan2(dy, dx) / np.pi % 1) * DIRECTIONS).astype(np.int64).reshape(len(grey), -1) % DIRECTIONS
    codes = direction + np.arange(len(grey))[:, None] * DIRECTIONS
    sums = np.bincount(codes.ravel(), weights=strength.ravel(), minlength=len(grey) * DIRECTIONS)
    shares = sums.reshape(len(grey), DIRECTIONS) / (strength.sum(axis=1, keepdims=True) + 1e-6)
    return np.sort(shares, axis=1)[:, ::-1]
