"""What hides a part of the image: boxes, tiles, text, a frame, a crop."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .fields import centred_grid
from .mixture import Recipe
from .operation import Operation, Params, draw, draw_seed, generator, pick, register_operation
from .planes import paint, remap
from .suite import register_suite

_LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _fill(rng: np.random.Generator) -> list[int]:
    """A colour: black, white, a grey or any."""
    kind = rng.integers(4)
    if kind == 3:
        return rng.integers(0, 256, 3).tolist()
    return [(0, 255, int(rng.integers(40, 216)))[kind]] * 3


@register_operation("boxes")
class Boxes(Operation):
    """One to three filled rectangles, together about as large as severity says."""

    _AREA = ((0.03, 0.06), (0.06, 0.12), (0.12, 0.2), (0.2, 0.3), (0.3, 0.42))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        number = int(rng.integers(1, 4))
        area = draw(rng, self._AREA, severity) / number
        boxes = []
        for _ in range(number):
            high = float(np.sqrt(area * np.exp(rng.uniform(-0.7, 0.7))))
            wide = area / high
            top, left = rng.uniform(0, max(0.0, 1 - high)), rng.uniform(0, max(0.0, 1 - wide))
            boxes.append([round(float(value), 4) for value in (top, left, high, wide)])
        return {"boxes": boxes, "fills": [_fill(rng) for _ in boxes]}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width, channels = image.shape
        result = image.copy()
        for (top, left, high, wide), fill in zip(params["boxes"], params["fills"], strict=True):
            first_y, first_x = round(top * height), round(left * width)
            rows = slice(first_y, first_y + max(1, round(high * height)))
            result[rows, first_x : first_x + max(1, round(wide * width))] = fill[:channels]
        return result


@register_operation("tiles")
class Tiles(Operation):
    """A share of the squares of a grid is lost, each filled with one colour, as blocks of a broken transmission."""

    _SHARE = ((0.06, 0.1), (0.1, 0.18), (0.18, 0.28), (0.28, 0.4), (0.4, 0.52))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        tiles = int(rng.choice([4, 6, 8, 12]))
        return {"tiles": tiles, "share": draw(rng, self._SHARE, severity), "fill": _fill(rng), "seed": draw_seed(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width, channels = image.shape
        tiles = params["tiles"]
        order = generator(params["seed"]).permutation(tiles * tiles)
        lost = (order < max(1, round(params["share"] * tiles * tiles))).reshape(tiles, tiles)
        mask = lost[(np.arange(height) * tiles // height)[:, None], np.arange(width) * tiles // width]
        return paint(image, mask, params["fill"][:channels])


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


@register_operation("text")
class Text(Operation):
    """Lines of letters and digits across the image, as burnt-in labels; severity sets their number and size."""

    _SIZE = ((0.1, 0.13), (0.12, 0.16), (0.14, 0.19), (0.17, 0.23), (0.2, 0.28))  # of the shorter side
    _LINES = (1, 1, 2, 2, 3)

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        lines = []
        for _ in range(pick(self._LINES, severity)):
            letters = "".join(rng.choice(_LETTERS, int(rng.integers(5, 11))))
            lines.append([letters, round(float(rng.uniform(-0.05, 0.3)), 4), round(float(rng.uniform(0, 0.8)), 4)])
        return {"lines": lines, "size": draw(rng, self._SIZE, severity), "fill": _fill(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width, channels = image.shape
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        font = _font(max(6, round(params["size"] * min(height, width))))
        for letters, left, top in params["lines"]:
            pen.text((left * width, top * height), letters, fill=255, font=font)
        alpha = np.asarray(mask, np.float32)[..., None] / 255
        fill = np.array(params["fill"][:channels], np.float32)
        return np.rint(image * (1 - alpha) + fill * alpha).astype(np.uint8)


@register_operation("frame")
class Frame(Operation):
    """A border of one colour on all four sides, straight or round as through an eyepiece."""

    _WIDTH = ((0.03, 0.06), (0.06, 0.1), (0.1, 0.14), (0.14, 0.18), (0.18, 0.24))  # of the shorter side

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"width": draw(rng, self._WIDTH, severity), "round": bool(rng.random() < 0.5), "fill": _fill(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width, channels = image.shape
        y, x = centred_grid(height, width)
        y, x = y * (min(height, width) / height), x * (min(height, width) / width)  # -0.5 to 0.5 on both axes
        far = np.hypot(y, x) if params["round"] else np.maximum(np.abs(y), np.abs(x))
        outside = far > 0.5 - params["width"] * (0.5 if params["round"] else 1)
        return paint(image, outside, params["fill"][:channels])


@register_operation("crop")
class Crop(Operation):
    """A part of the image, off the middle, enlarged to the whole; severity sets how much of the side is left."""

    _LEFT = ((0.85, 0.92), (0.76, 0.85), (0.67, 0.76), (0.58, 0.67), (0.48, 0.58))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        left = draw(rng, self._LEFT, severity)
        return {"left": left, "place": rng.random(2).round(4).tolist()}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        at = []
        for size, place in zip(image.shape[:2], params["place"], strict=True):
            kept = params["left"] * size
            at.append(np.clip((np.arange(size) + 0.5) * (kept / size) - 0.5 + place * (size - kept), 0, size - 1))
        return remap(image, at[0][:, None], at[1][None, :])


OCCLUSION = Recipe({"crop": 1.0, "boxes": 1.0, "tiles": 1.0, "text": 1.0, "frame": 1.0}, counts=(0.0, 0.75, 0.25))

register_suite("occlusion", version=1)(OCCLUSION.plan)
