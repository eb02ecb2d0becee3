"""The foreign sets that the forecast is reported on; nothing was chosen by them. Made by foreign_shifts.py.

Unlike the sets that were tuned on: OpenCV, SciPy and other functions of Pillow and scikit-image, other compositions.
Strengths were set by what the words say and never changed: "mild" shows when looked for, "harsh" hides cells.
"""

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

Alter = Callable[[Image.Image, np.random.Generator], Image.Image]
STRENGTHS = {"mild": 0.25, "typical": 0.5, "harsh": 0.8}


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def _one_of(makers: Sequence[Callable[[float, np.random.Generator], Alter]], strength: float) -> Alter:
    """One of them an image."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return makers[int(rng.integers(len(makers)))](strength, rng)(image, rng)

    return alter


def _jpeg(quality: int) -> Alter:
    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return alter


def contest(strength: float) -> Alter:
    """As the contest's revealed images are described: a third with the dark L alone, else up to three alterations."""

    def shear(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        lean = float(rng.choice([-1, 1]) * rng.uniform(0.3, 1)) * strength
        matrix = np.array([[1, lean, -lean * image.height / 2], [0, 1, 0]], np.float32)
        return Image.fromarray(cv2.warpAffine(np.asarray(image), matrix, image.size, borderMode=cv2.BORDER_REFLECT))

    def translate(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        x, y = rng.uniform(-0.6, 0.6, 2) * strength * image.width
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
        return Image.fromarray(cv2.warpAffine(np.asarray(image), matrix, image.size, borderMode=cv2.BORDER_REFLECT))

    def tint(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        hsv = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2HSV)
        turn = int(rng.choice([-1, 1]) * rng.uniform(0.3, 1) * 90 * strength)
        hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 180
        return Image.fromarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))

    def tone(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        kind = int(rng.integers(4))
        if kind == 0:
            return ImageOps.solarize(image, int(256 * (1 - strength)))
        if kind == 1:
            return ImageOps.equalize(image)
        if kind == 2:
            return ImageEnhance.Brightness(image).enhance(1 - 0.8 * strength)
        return ImageEnhance.Contrast(image).enhance(1 - 0.8 * strength)

    def grey(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return ImageEnhance.Color(image).enhance(0.0 if rng.random() < 0.5 else float(rng.uniform(0, 0.5)))

    def invert(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return ImageOps.invert(image)

    kinds = (shear, translate, tint, tone, grey, invert)

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        if rng.random() > 1 / 3:
            for kind in rng.choice(len(kinds), 1 + int(rng.binomial(2, strength)), replace=False):
                image = kinds[kind](image, rng)
        values = np.asarray(image).copy()
        side, reach = image.width, 2.0 * image.width
        if rng.random() < 0.4 * strength + 0.1:
            angle, middle = np.deg2rad(45 * rng.integers(4)), rng.uniform(0.2, 0.8, 2) * side
            ends = [
                tuple(int(v) for v in middle + way * reach * np.array([np.cos(angle), np.sin(angle)]))
                for way in (-1, 1)
            ]
            cv2.line(values, ends[0], ends[1], (int(rng.choice([0, 0, 0, 120])),) * 3, int(rng.integers(6, 13)))
        x, y = (int(rng.integers(2, 3 + round(8 * strength))) for _ in range(2))
        moved = np.zeros_like(values)
        moved[: side - y, x:] = values[y:, : side - x]
        return Image.fromarray(moved)

    return alter


def camera(strength: float) -> Alter:
    """Noise, blur, compression and haze of a camera, one an image: scikit-image and OpenCV."""
    from skimage.util import random_noise

    def noise(mode: str, scale: float) -> Callable[[float, np.random.Generator], Alter]:
        def make(s: float, rng: np.random.Generator) -> Alter:
            amount = {"amount": scale * s} if mode == "s&p" else {"var": (scale * s) ** 2}
            return lambda image, rng: _image(255 * random_noise(_array(image) / 255, mode, rng=rng, **amount))

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
            return _image(_array(image) * (1 - veil) + 255 * veil)

        return alter

    def compress(s: float, rng: np.random.Generator) -> Alter:
        return _jpeg(round(45 - 42 * s))

    def coarse(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            side = round(image.width * (0.8 - 0.7 * s))
            small = cv2.resize(np.asarray(image), (side, side), interpolation=cv2.INTER_AREA)
            return Image.fromarray(cv2.resize(small, image.size, interpolation=cv2.INTER_NEAREST))

        return alter

    makers = [noise("gaussian", 0.35), noise("speckle", 0.5), noise("s&p", 0.25), blur, median, haze, compress, coarse]
    return _one_of(makers, strength)


def restained(strength: float) -> Alter:
    """Means and spreads in Lab space moved as by another stain (after Reinhard et al. 2001), then a lamp's colour."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        lab = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2LAB).astype(np.float32)
        middle = lab.mean((0, 1))
        spread = 1 + strength * rng.uniform(-0.6, 0.6, 3)
        lab = (lab - middle) * spread + middle + strength * rng.uniform(-1, 1, 3) * np.array([40, 25, 25])
        rgb = cv2.cvtColor(np.clip(np.rint(lab), 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32)
        return _image(rgb * (1 + strength * rng.uniform(-0.25, 0.25, 3)))

    return alter


def scanner(strength: float) -> Alter:
    """Another scanner: gamma, vignette, a coarser optic and JPEG, all on every image, each as strong as drawn."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values = _array(image) / 255
        values = values ** np.exp(rng.uniform(-1, 1) * strength)
        y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
        values *= (1 - rng.uniform(0, 0.5) * strength * (x**2 + y**2) / 2)[..., None]
        soft = cv2.GaussianBlur(values.astype(np.float32), (0, 0), 0.3 + rng.uniform(0, 2) * strength)
        return _jpeg(int(95 - rng.uniform(20, 70) * strength))(_image(255 * soft), rng)

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
            return _image(0.25 * _array(image) + 0.75 * values)

        return alter

    return _one_of([focus, shake, lamp, deposits, bubbles], strength)


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

    return _one_of([box, tiles, text, crop], strength)


def patterned(strength: float) -> Alter:
    """Noise with a spectrum, gratings, a chequer and sparks, one an image: SciPy and NumPy."""

    def cloud(low: float, high: float) -> Callable[[float, np.random.Generator], Alter]:
        def make(s: float, rng: np.random.Generator) -> Alter:
            def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
                field = rng.normal(size=(image.height, image.width, 3))
                field = ndimage.gaussian_filter(field, (low, low, 0)) - ndimage.gaussian_filter(field, (high, high, 0))
                return _image(_array(image) + 110 * s * field / field.std())

            return alter

        return make

    def grating(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            y, x = np.mgrid[: image.height, : image.width]
            turn, waves = rng.uniform(0, np.pi), rng.uniform(4, 16)
            wave = np.sin(2 * np.pi * waves * (x * np.cos(turn) + y * np.sin(turn)) / image.width)
            return _image(_array(image) + 120 * s * wave[..., None])

        return alter

    def chequer(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            side = int(rng.integers(6, 17))
            y, x = np.mgrid[: image.height, : image.width]
            dark = ((x // side + y // side) % 2 == 0)[..., None]
            return _image(np.where(dark, _array(image) * (1 - s), _array(image)))

        return alter

    def sparks(s: float, rng: np.random.Generator) -> Alter:
        def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
            points = rng.random((image.height, image.width)) < 0.012 * s
            light = ndimage.gaussian_filter(points.astype(np.float32), 1.2)
            return _image(_array(image) + 255 * np.minimum(8 * light, 1)[..., None])

        return alter

    return _one_of([cloud(0, 1.0), cloud(3, 12), grating, chequer, sparks], strength)


def bent(strength: float) -> Alter:
    """Geometry alone: scikit-image's swirl, a turn, a projection."""
    from skimage import transform

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values, side = _array(image) / 255, image.width
        kind = int(rng.integers(3))
        if kind == 0:
            made = transform.swirl(values, strength=6 * strength * rng.choice([-1, 1]), radius=side, mode="reflect")
        elif kind == 1:
            made = transform.rotate(values, float(rng.uniform(-180, 180)) * strength, mode="reflect")
        else:
            corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], float)
            moved = corners + rng.uniform(-0.3, 0.3, (4, 2)) * strength * side
            made = transform.warp(values, transform.ProjectiveTransform.from_estimate(corners, moved), mode="reflect")
        return _image(255 * made)

    return alter


def medley(strength: float) -> Alter:
    """Any of the above, another for each image."""
    kinds = [kind(strength) for kind in (contest, camera, restained, scanner, slide, covered, patterned, bent)]

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return kinds[int(rng.integers(len(kinds)))](image, rng)

    return alter


def report_sets() -> list[tuple[str, str, str, Alter]]:
    """(name, suite that a user who knows their kind would name or "unknown", strength in words or "", what it does)."""
    found: list[tuple[str, str, str, Alter]] = [("reencoded", "clean", "", _jpeg(95))]
    kinds = (
        ("revealed", "an2dl", contest, ("mild", "typical", "harsh")),
        ("camera", "imagenet-c", camera, ("mild", "harsh")),
        ("restained", "stain", restained, ("mild", "harsh")),
        ("scanner", "stain", scanner, ("typical",)),
        ("slide", "bloodmnist-c", slide, ("mild", "typical", "harsh")),
        ("covered", "occlusion", covered, ("mild", "harsh")),
        ("patterned", "imagenet-c-bar", patterned, ("mild", "harsh")),
        ("bent", "unknown", bent, ("typical",)),
        ("medley", "unknown", medley, ("mild", "typical", "harsh")),
    )
    for name, suite, make, words in kinds:
        found += [(f"{name}-{word}", suite, word, make(STRENGTHS[word])) for word in words]
    return found
