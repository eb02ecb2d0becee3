"""ImageNet-C's blurs: defocus, glass, motion, zoom.

Source: Hendrycks and Dietterich 2019; what they do at 224 pixels is done here at any size, lengths scaled along. At
another size a kernel is theirs with its places scaled, not a kernel of rounded radius, so severities stay apart.
"""

from functools import lru_cache

import numpy as np

from .detail import blur_matrix
from .operation import Params, Tabled, draw_seed, generator, register_operation
from .planes import from_planes, scale_of, smear_image, splat, to_planes

_LEAST_SIGMA = 0.1  # below it the weights of the neighbours underflow


@lru_cache(maxsize=64)
def disc_kernel(radius: int, sigma: float, scale: float) -> np.ndarray:
    """A disc of `radius` pixels at 224, its rim softened by `sigma`, as a kernel at `scale`; float32, sum 1."""
    side = 3 if radius <= 8 else 5
    reach = radius + side // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = ((y**2 + x**2) <= radius**2).astype(float)
    steps = np.arange(side) - side // 2
    soft = np.exp(-0.5 * (steps / sigma) ** 2)
    soft /= soft.sum()
    for axis in (0, 1):
        disc = np.apply_along_axis(np.convolve, axis, disc, soft, "same")
    held = disc > 0
    return splat(np.stack([y[held], x[held]], -1) * scale, disc[held])


@register_operation("defocus_blur")
class DefocusBlur(Tabled):
    """Blur with a disc; settings are its radius and the softness of its rim."""

    settings = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))

    def draw(self, rng: np.random.Generator, setting: tuple[int, float]) -> Params:
        return {"radius": setting[0], "sigma": setting[1]}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        kernel = disc_kernel(params["radius"], params["sigma"], scale_of(image))
        return smear_image(image, kernel, "reflect")


def motion_kernel(radius: int, sigma: float, degrees: float, scale: float) -> np.ndarray:
    """A trail of 2 radius + 1 pixels at 224, fading as half a Gaussian, as a kernel at `scale`; float32, sum 1."""
    steps = np.arange(2 * radius + 1)
    angle = np.deg2rad(degrees)
    # Whole pixels at 224, as theirs.
    offsets = -np.ceil(np.stack([steps * np.sin(angle), steps * np.cos(angle)], -1) - 0.5)
    return splat(offsets * scale, np.exp(-0.5 * (steps / sigma) ** 2))


@register_operation("motion_blur")
class MotionBlur(Tabled):
    """Smear along a line within 45 degrees of the horizontal; settings are radius and fading."""

    settings = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))

    def draw(self, rng: np.random.Generator, setting: tuple[int, float]) -> Params:
        return {"radius": setting[0], "sigma": setting[1], "degrees": float(rng.uniform(-45, 45))}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        kernel = motion_kernel(params["radius"], params["sigma"], params["degrees"], scale_of(image))
        return smear_image(image, kernel, "edge")


def scatter(height: int, width: int, delta: int, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where pixels come from after each has become a copy of a near one, in turn, from the last to the first.

    The paper speaks of pixels that change places; the code that made ImageNet-C copies (its swap of two views does),
    and so does this. The turns hang on each other, hence a loop; over plain ints it takes a tenth of a microsecond a
    pixel.

    Args:
        delta: pixels nearer than this to an edge take no turn.
        down, right: int (height - 2 delta, width - 2 delta), whom each copies, last pixel first.

    Returns:
        int (height, width), flat indices.
    """
    rows, columns = np.arange(height - delta, delta, -1), np.arange(width - delta, delta, -1)
    here = rows[:, None] * width + columns
    there = np.clip(rows[:, None] + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1)
    order = list(range(height * width))
    for a, b in zip(here.ravel().tolist(), there.ravel().tolist(), strict=True):
        order[a] = order[b]
    return np.array(order).reshape(height, width)


@register_operation("glass_blur")
class GlassBlur(Tabled):
    """Blur, scatter near pixels, blur; settings are sigma, the largest distance of a scattered one, rounds."""

    settings = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))

    def draw(self, rng: np.random.Generator, setting: tuple[float, int, int]) -> Params:
        return {"sigma": setting[0], "distance": setting[1], "rounds": setting[2], "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        scale, distance = scale_of(image), params["distance"]
        delta = max(1, round(distance * scale))
        rng = generator(params["seed"])
        blurred = gaussian(image, params["sigma"] * scale)
        for _ in range(params["rounds"]):
            # Whole pixels at 224; elsewhere rounded up or down by chance, so that the mean distance is theirs scaled.
            size = (2, height - 2 * delta, width - 2 * delta)
            offsets = rng.integers(-distance, distance, size) * scale
            down, right = np.floor(offsets + rng.random(size)).astype(int) if scale != 1 else offsets.astype(int)
            order = scatter(height, width, delta, down, right)
            blurred = blurred.reshape(-1, image.shape[2])[order]
        return gaussian(blurred, params["sigma"] * scale)


def gaussian(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, mirrored at the edges: uint8 (H, W, C), sigma in pixels; uint8 (H, W, C)."""
    if sigma < _LEAST_SIGMA:
        return image.copy()
    height, width = image.shape[:2]
    return from_planes(blur_matrix(height, sigma) @ to_planes(image) @ blur_matrix(width, sigma).T)


def zoomed(planes: np.ndarray, factor: float) -> np.ndarray:
    """The middle of float32 (C, H, W), enlarged: corners on corners, bilinear, the same shape."""
    return zoomed_down(planes, factor) @ zoom_matrix(planes.shape[2], factor)


def zoomed_down(planes: np.ndarray, factor: float) -> np.ndarray:
    """As `zoomed`, but along the columns alone."""
    low, high, share = _zoom_places(planes.shape[1], factor)
    upper, lower = planes.take(low, axis=1), planes.take(high, axis=1)
    lower -= upper
    lower *= share[:, None]
    upper += lower
    return upper


@lru_cache(maxsize=256)
def zoom_matrix(size: int, factor: float) -> np.ndarray:
    """What `zoomed` does along an axis: float32 (size, size), a column an answer."""
    low, high, share = _zoom_places(size, factor)
    matrix = np.zeros((size, size), np.float32)
    np.add.at(matrix, (low, np.arange(size)), 1 - share)
    np.add.at(matrix, (high, np.arange(size)), share)
    return matrix


@lru_cache(maxsize=256)
def _zoom_places(size: int, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index below, index above and share of the latter, (size,) each."""
    kept = int(np.ceil(size / factor))
    start = (size - kept) // 2
    out = max(size, round(kept * factor))
    at = np.arange(size) * ((kept - 1) / max(1, out - 1))
    low = np.minimum(np.floor(at).astype(int), kept - 1)
    return start + low, start + np.minimum(low + 1, kept - 1), (at - low).astype(np.float32)


@register_operation("zoom_blur")
class ZoomBlur(Tabled):
    """Mean of the image and its enlargements; settings are the end and the step of the factors."""

    settings = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))

    def draw(self, rng: np.random.Generator, setting: tuple[float, float]) -> Params:
        return {"end": setting[0], "step": setting[1]}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        planes = to_planes(image)
        channels, height, width = planes.shape
        factors = (1.0, *np.arange(1, params["end"], params["step"]).tolist())
        down = np.empty((channels, height, len(factors), width), np.float32)
        for n, factor in enumerate(factors):
            down[:, :, n] = zoomed_down(planes, factor)
        # One product sums over all factors.
        total = down.reshape(channels * height, -1) @ _zoom_matrices(width, factors)
        return from_planes(total.reshape(planes.shape))


@lru_cache(maxsize=16)
def _zoom_matrices(size: int, factors: tuple[float, ...]) -> np.ndarray:
    """The mean of `zoomed` along an axis: float32 (factors x size, size)."""
    return np.concatenate([zoom_matrix(size, factor) for factor in factors]) / np.float32(len(factors))
