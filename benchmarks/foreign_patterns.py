"""Foreign things in front of the cell, patterns and geometry: Pillow, SciPy and scikit-image."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.foreign_alter import Alter, one_of, to_array, to_image


def covered(strength: float) -> Alter:
    """Things in front of the cell, one kind an image: Pillow's rectangles, text and tiles; or a crop."""

    def box(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            image, side = image.copy(), image.width
            wide, high = rng.uniform(0.5, 1, 2) * side * (0.15 + 0.6 * s)
            x, y = rng.uniform(0, side - wide), rng.uniform(0, side - high)
            fill = tuple(int(v) for v in rng.integers(0, 256, 3))
            ImageDraw.Draw(image).rectangle((x, y, x + wide, y + high), fill=fill)
            return image

        return alter

    def tiles(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            image, step = image.copy(), image.width / 6
            for n in rng.choice(36, round(24 * s), replace=False):
                x, y = n % 6 * step, n // 6 * step
                ImageDraw.Draw(image).rectangle((x, y, x + step, y + step), fill=(128, 128, 128))
            return image

        return alter

    def text(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            image = image.copy()
            for _ in range(1 + round(5 * s)):
                word = "".join(rng.choice(list("ABCDEFGH0123456789"), 6))
                place = tuple(rng.uniform(-0.1, 0.8, 2) * image.width)
                ImageDraw.Draw(image).text(place, word, fill=(0, 0, 0), font_size=12 + 12 * s)
            return image

        return alter

    def crop(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            kept = image.width * (1 - 0.6 * s)
            x, y = rng.uniform(0, image.width - kept, 2)
            return image.resize(image.size, Image.Resampling.BICUBIC, (x, y, x + kept, y + kept))

        return alter

    return one_of([box, tiles, text, crop], strength)


def patterned(strength: float) -> Alter:
    """Noise with a spectrum, gratings, a chequer and sparks, one an image: SciPy and NumPy."""

    def cloud(low: float, high: float) -> Callable[[float, np.random.Generator], Alter]:
        def make(s: float, rng: np.random.Generator) -> Alter:
            def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
                field = rng.normal(size=(image.height, image.width, 3))
                field = ndimage.gaussian_filter(field, (low, low, 0)) - ndimage.gaussian_filter(field, (high, high, 0))
                return to_image(to_array(image) + 110 * s * field / field.std())

            return alter

        return make

    def grating(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            y, x = np.mgrid[: image.height, : image.width]
            turn, waves = rng.uniform(0, np.pi), rng.uniform(4, 16)
            wave = np.sin(2 * np.pi * waves * (x * np.cos(turn) + y * np.sin(turn)) / image.width)
            return to_image(to_array(image) + 120 * s * wave[..., None])

        return alter

    def chequer(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            side = int(rng.integers(6, 17))
            y, x = np.mgrid[: image.height, : image.width]
            dark = ((x // side + y // side) % 2 == 0)[..., None]
            return to_image(np.where(dark, to_array(image) * (1 - s), to_array(image)))

        return alter

    def sparks(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            points = rng.random((image.height, image.width)) < 0.012 * s
            light = ndimage.gaussian_filter(points.astype(np.float32), 1.2)
            return to_image(to_array(image) + 255 * np.minimum(8 * light, 1)[..., None])

        return alter

    return one_of([cloud(0, 1.0), cloud(3, 12), grating, chequer, sparks], strength)


def bent(strength: float) -> Alter:
    """Geometry alone: scikit-image's swirl, a turn, a projection."""
    from skimage import transform

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values, side = to_array(image) / 255, image.width
        kind = int(rng.integers(3))
        if kind == 0:
            made = transform.swirl(values, strength=6 * strength * rng.choice([-1, 1]), radius=side, mode="reflect")
        elif kind == 1:
            made = transform.rotate(values, float(rng.uniform(-180, 180)) * strength, mode="reflect")
        else:
            corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], float)
            moved = corners + rng.uniform(-0.3, 0.3, (4, 2)) * strength * side
            made = transform.warp(values, transform.ProjectiveTransform.from_estimate(corners, moved), mode="reflect")
        return to_image(255 * made)

    return alter
