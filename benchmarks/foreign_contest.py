"""Foreign copies of what the contest's revealed images show: Pillow and OpenCV."""

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.foreign_alter import Alter


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
