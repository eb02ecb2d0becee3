"""Foreign cameras, stains, scanners and slides: OpenCV, scikit-image, SciPy and Pillow."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from scipy import ndimage

from benchmarks.foreign_alter import Alter, jpeg, one_of, to_array, to_image


def camera(strength: float) -> Alter:
    """Noise, blur, compression and haze of a camera, one an image: scikit-image and OpenCV."""
    from skimage.util import random_noise

    def noise(mode: str, scale: float) -> Callable[[float, np.random.Generator], Alter]:
        def make(s: float, rng: np.random.Generator) -> Alter:
            amount = {"amount": scale * s} if mode == "s&p" else {"var": (scale * s) ** 2}
            return lambda image, rng: to_image(255 * random_noise(to_array(image) / 255, mode, rng=rng, **amount))

        return make

    def blur(s: float, rng: np.random.Generator) -> Alter:
        return lambda image, rng: Image.fromarray(cv2.GaussianBlur(np.asarray(image), (0, 0), 0.5 + 3.5 * s))

    def median(s: float, rng: np.random.Generator) -> Alter:
        return lambda image, rng: Image.fromarray(cv2.medianBlur(np.asarray(image), 1 + 2 * round(1 + 6 * s)))

    def haze(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            cloud = ndimage.gaussian_filter(rng.normal(size=(image.height, image.width)), image.width / 6)
            cloud = (cloud - cloud.min()) / np.ptp(cloud)
            veil = (s * (0.4 + 0.6 * cloud))[..., None]
            return to_image(to_array(image) * (1 - veil) + 255 * veil)

        return alter

    def compress(s: float, rng: np.random.Generator) -> Alter:
        return jpeg(round(45 - 42 * s))

    def coarse(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            side = round(image.width * (0.8 - 0.7 * s))
            small = cv2.resize(np.asarray(image), (side, side), interpolation=cv2.INTER_AREA)
            return Image.fromarray(cv2.resize(small, image.size, interpolation=cv2.INTER_NEAREST))

        return alter

    makers = [noise("gaussian", 0.35), noise("speckle", 0.5), noise("s&p", 0.25), blur, median, haze, compress, coarse]
    return one_of(makers, strength)


def restained(strength: float) -> Alter:
    """Means and spreads in Lab space moved as by another stain (after Reinhard et al. 2001), then a lamp's colour."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        lab = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2LAB).astype(np.float32)
        middle = lab.mean((0, 1))
        spread = 1 + strength * rng.uniform(-0.6, 0.6, 3)
        lab = (lab - middle) * spread + middle + strength * rng.uniform(-1, 1, 3) * np.array([40, 25, 25])
        rgb = cv2.cvtColor(np.clip(np.rint(lab), 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32)
        return to_image(rgb * (1 + strength * rng.uniform(-0.25, 0.25, 3)))

    return alter


def scanner(strength: float) -> Alter:
    """Another scanner: gamma, vignette, a coarser optic and JPEG, all on every image, each as strong as drawn."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values = to_array(image) / 255
        values = values ** np.exp(rng.uniform(-1, 1) * strength)
        y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
        values *= (1 - rng.uniform(0, 0.5) * strength * (x**2 + y**2) / 2)[..., None]
        soft = cv2.GaussianBlur(values.astype(np.float32), (0, 0), 0.3 + rng.uniform(0, 2) * strength)
        return jpeg(int(95 - rng.uniform(20, 70) * strength))(to_image(255 * soft), rng)

    return alter


def slide(strength: float) -> Alter:
    """What a blood film and its microscope do: focus, shake, lamp, deposits and bubbles, one an image."""

    def focus(s: float, rng: np.random.Generator) -> Alter:
        radius = 1 + round(5 * s)
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        disc = (x**2 + y**2 <= radius**2).astype(np.float32)
        return lambda image, rng: Image.fromarray(cv2.filter2D(np.asarray(image), -1, disc / disc.sum()))

    def shake(s: float, rng: np.random.Generator) -> Alter:
        length = 3 + 2 * round(6 * s)
        line = np.zeros((length, length), np.float32)
        turn = np.deg2rad(rng.uniform(0, 180))
        half = (length - 1) / 2 * np.array([np.cos(turn), np.sin(turn)])
        ends = [tuple(int(v) for v in np.rint((length - 1) / 2 + way * half)) for way in (-1, 1)]
        cv2.line(line, ends[0], ends[1], 1.0, 1)
        return lambda image, rng: Image.fromarray(cv2.filter2D(np.asarray(image), -1, line / line.sum()))

    def lamp(s: float, rng: np.random.Generator) -> Alter:
        kind = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[int(rng.integers(3))]
        factor = float(1 + rng.choice([-0.75, 0.75]) * s)
        return lambda image, rng: kind(image).enhance(factor)

    def deposits(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            layer = Image.new("L", image.size)
            for _ in range(1 + round(4 * s)):
                x, y = rng.uniform(0, image.width, 2)
                wide, high = rng.uniform(0.05, 0.2, 2) * image.width
                ImageDraw.Draw(layer).ellipse((x - wide, y - high, x + wide, y + high), fill=220)
            layer = layer.filter(ImageFilter.GaussianBlur(1.5))
            stain = Image.new("RGB", image.size, tuple(int(v) for v in rng.integers((60, 20, 90), (110, 60, 150))))
            return Image.composite(stain, image, layer)

        return alter

    def bubbles(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            values = np.asarray(image).copy()
            for _ in range(2 + round(8 * s)):
                x, y = (int(v) for v in rng.uniform(0, image.width, 2))
                radius = int(rng.uniform(3, 5 + 9 * s))
                cv2.circle(values, (x, y), radius, (235, 235, 240), -1)
                cv2.circle(values, (x, y), radius, (90, 80, 100), 1)
            return to_image(0.25 * to_array(image) + 0.75 * values)

        return alter

    return one_of([focus, shake, lamp, deposits, bubbles], strength)
