"""Images that are dark, light, blurry or padded: each by one number, judged against the set's own."""

import numpy as np

BRIGHTNESS, SHARPNESS, PADDING = 0, 1, 2
QUALITIES = ("brightness", "sharpness", "padding")
"""Columns of `quality_of`: mean grey level (0-255); how much of the contrast is between neighbouring pixels (0-2), and
the part of rows or columns at the sides that have one colour (0-1)."""

DARK, LIGHT = 25.0, 245.0  # mean grey levels beyond which a picture is so whatever the others are
FAR = 7.0  # robust standard deviations from the set's median
PADDED = 0.15


def quality_of(grey: np.ndarray) -> np.ndarray:
    """Measure a batch, float32 (n, len(QUALITIES)).

    Args:
        grey: uint8 (n, H, W), 0-255.
    """
    values = grey.astype(np.float32)
    spread = values.std(axis=(1, 2)) + 1e-3
    # differences over one pixel, after a mean of 2 x 2 that takes out the noise of single pixels
    soft = values[:, 1:, 1:] + values[:, :-1, 1:] + values[:, 1:, :-1] + values[:, :-1, :-1]
    steps = np.abs(np.diff(soft, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(soft, axis=2)).mean(axis=(1, 2))
    padding = np.maximum(_padding(grey), _padding(grey.swapaxes(1, 2)))
    return np.stack([values.mean(axis=(1, 2)), steps / 4 / spread, padding], axis=1)


def _padding(grey: np.ndarray) -> np.ndarray:
    """Part of the rows, from top and bottom inwards, in which all pixels have one level, that of the outermost."""
    level = grey.max(axis=2)
    plain = level == grey.min(axis=2)
    top = np.cumprod(plain & (level == level[:, :1]), axis=1).sum(axis=1)
    bottom = np.cumprod((plain & (level == level[:, -1:]))[:, ::-1], axis=1).sum(axis=1)
    return np.minimum((top + bottom) / grey.shape[1], 1.0)


def quality_kinds(quality: np.ndarray) -> list[tuple[int, str, float, str]]:
    """(place, kind, score, detail) of every image that stands out.

    Dark and light ones are beyond a fixed level, or both far from the others and in the outer half of the way to black
    or white. A blurry one has far less fine contrast than the others. A padded one is a picture of another shape.

    Args:
        quality: float32 (n, len(QUALITIES)).
    """
    found = []
    brightness, padding = quality[:, BRIGHTNESS], quality[:, PADDING]
    middle = float(np.median(brightness)) if len(quality) else 0.0
    off = _robust(brightness)
    dark = (brightness < DARK) | ((off < -FAR) & (brightness < middle / 2))
    light = (brightness > LIGHT) | ((off > FAR) & (brightness > (middle + 255) / 2))
    blurry = _robust(np.log(quality[:, SHARPNESS] + 1e-3)) < -FAR
    for kind, which in (("dark", dark), ("light", light)):
        found += [
            (int(place), kind, float(brightness[place]), f"mean level {brightness[place]:.0f}, of all {middle:.0f}")
            for place in np.flatnonzero(which)
        ]
    sharpness = quality[:, SHARPNESS]
    usual = float(np.median(sharpness)) if len(quality) else 0.0
    found += [
        (
            int(place),
            "blurry",
            float(quality[place, SHARPNESS]),
            f"sharpness {quality[place, SHARPNESS]:.3f}, of all {usual:.3f}",
        )
        for place in np.flatnonzero(blurry)
    ]
    found += [
        (int(place), "odd size", float(padding[place]), f"{padding[place]:.0%} padding")
        for place in np.flatnonzero(padding > max(PADDED, 2 * np.median(padding) if len(padding) else 0))
    ]
    return found


def _robust(values: np.ndarray) -> np.ndarray:
    """How many standard deviations from the median, by the median of the absolute deviations."""
    if not len(values):
        return values
    off = values - np.median(values)
    return off / (1.4826 * np.median(np.abs(off)) + 1e-6)
