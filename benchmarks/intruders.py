"""Twenty kinds of picture that have no business among microscope images."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

SIZE = 96  # at which all are drawn
Draw = Callable[[np.random.Generator], np.ndarray]


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(low, high, 3))


def _canvas(rng: np.random.Generator, low: int = 200) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIZE, SIZE), _colour(rng, low, 256))
    return picture, ImageDraw.Draw(picture)


def text(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 240)
    size = int(rng.integers(8, 13))
    letters = list("abcdefghijklmnopqrstuvwxyz     ABCDE.,0123456789")
    for y in range(4, SIZE, size + 2):
        draw.text(
            (4, y), "".join(rng.choice(letters, 40)), fill=_colour(rng, 0, 60), font=ImageFont.load_default(size=size)
        )
    return np.asarray(picture)


def bar_chart(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 235)
    colour = _colour(rng)
    for k in range(int(rng.integers(4, 8))):
        draw.rectangle((10 + 11 * k, int(rng.integers(10, 80)), 18 + 11 * k, 86), fill=colour)
    draw.line((8, 6, 8, 87, 92, 87), fill=(0, 0, 0), width=1)
    return np.asarray(picture)


def line_plot(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 245)
    for _ in range(3):
        ys = 48 + np.cumsum(rng.normal(0, 4, 16))
        draw.line([(8 + 5 * k, float(y)) for k, y in enumerate(ys)], fill=_colour(rng, 0, 200), width=2)
    draw.line((8, 6, 8, 87, 92, 87), fill=(0, 0, 0), width=1)
    return np.asarray(picture)


def qr_code(rng: np.random.Generator) -> np.ndarray:
    cells = rng.integers(0, 2, (24, 24)).astype(np.uint8) * 255
    for y, x in ((0, 0), (0, 17), (17, 0)):
        cells[y : y + 7, x : x + 7] = 0
        cells[y + 1 : y + 6, x + 1 : x + 6] = 255
        cells[y + 2 : y + 5, x + 2 : x + 5] = 0
    return np.repeat(cells.repeat(4, 0).repeat(4, 1)[..., None], 3, axis=2)


def checkerboard(rng: np.random.Generator) -> np.ndarray:
    step = int(rng.integers(6, 17))
    y, x = np.mgrid[:SIZE, :SIZE] // step
    return np.array([_colour(rng), _colour(rng)], np.uint8)[(x + y) % 2]


def stripes(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    angle, width = rng.uniform(0, np.pi), rng.uniform(4, 14)
    wave = (np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / width) > 0).astype(np.int64)
    return np.array([_colour(rng), _colour(rng)], np.uint8)[wave]


def gradient(rng: np.random.Generator) -> np.ndarray:
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.float64)
    return _uint8(np.stack([ndimage.zoom(corners[..., c], SIZE / 2, order=1) for c in range(3)], -1))


def colour_noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def grey_static(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(_uint8(rng.normal(128, 50, (SIZE, SIZE, 1))), 3, axis=2)


def fractal(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1.2:1.2:96j, -1.8:0.6:96j]
    c = (x + 1j * y) * rng.uniform(0.3, 1) + rng.uniform(-0.5, 0)
    z, count = np.zeros_like(c), np.zeros(c.shape, np.int64)
    for _ in range(40):
        inside = np.abs(z) < 2
        z[inside] = z[inside] ** 2 + c[inside]
        count += inside
    return rng.integers(0, 256, (41, 3), dtype=np.uint8)[count]


def landscape(rng: np.random.Generator) -> np.ndarray:
    line = np.linspace(0, 1, SIZE)[:, None, None]
    image = (1 - line) * np.array([90, 150, 230]) + line * np.array([210, 230, 250]) + np.zeros((SIZE, SIZE, 3))
    x = np.arange(SIZE)
    for depth in range(3):
        top = 45 + 14 * depth + 9 * np.sin(x / rng.uniform(6, 18) + rng.uniform(0, 6))
        image[np.arange(SIZE)[:, None] > top] = np.array([50, 130, 60]) * rng.uniform(0.5, 1.2)
    return _uint8(image + rng.normal(0, 4, image.shape))


def house(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 150)
    draw.rectangle((0, 75, SIZE, SIZE), fill=(60, 140, 60))
    draw.rectangle((25, 42, 72, 82), fill=_colour(rng), outline=(0, 0, 0))
    draw.polygon([(18, 42), (48, 14), (79, 42)], fill=_colour(rng), outline=(0, 0, 0))
    draw.rectangle((43, 60, 55, 82), fill=_colour(rng, 0, 120))
    return np.asarray(picture)


def cartoon_face(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 0)
    draw.ellipse((14, 10, 82, 88), fill=_colour(rng, 120, 256), outline=(0, 0, 0))
    for x in (36, 60):
        draw.ellipse((x - 7, 34, x + 7, 48), fill=(255, 255, 255), outline=(0, 0, 0))
        draw.ellipse((x - 3, 38, x + 3, 44), fill=(0, 0, 0))
    draw.arc((32, 48, 64, 76), 10, 170, fill=(150, 0, 0), width=4)
    return np.asarray(picture)


def plasma(rng: np.random.Generator) -> np.ndarray:
    waves = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE, 3)), (9, 9, 0), mode="wrap")
    return _uint8(128 + waves / waves.std(axis=(0, 1)) * 60)


def bricks(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    row = y // 12
    mortar = (y % 12 < 2) | ((x + 12 * (row % 2)) % 24 < 2)
    tone = rng.uniform(0.7, 1.2, (8, 6))[row, (x + 12 * (row % 2)) // 24]
    image = np.where(mortar[..., None], 190, tone[..., None] * np.array([160, 70, 50]))
    return _uint8(image + rng.normal(0, 6, image.shape))


def mosaic(rng: np.random.Generator) -> np.ndarray:
    points = rng.uniform(0, SIZE, (40, 2))
    grid = np.stack(np.mgrid[:SIZE, :SIZE], -1)[:, :, None]
    nearest = ((grid - points) ** 2).sum(-1).argmin(-1)
    return rng.integers(0, 256, (40, 3), dtype=np.uint8)[nearest]


def night_city(rng: np.random.Generator) -> np.ndarray:
    picture = Image.new("RGB", (SIZE, SIZE), (8, 8, 30))
    draw = ImageDraw.Draw(picture)
    for x in range(0, SIZE, 16):
        top = int(rng.integers(15, 60))
        draw.rectangle((x, top, x + 14, SIZE), fill=_colour(rng, 20, 60))
        for wy in range(top + 3, SIZE, 7):
            for wx in range(x + 2, x + 13, 5):
                if rng.random() < 0.5:
                    draw.rectangle((wx, wy, wx + 2, wy + 3), fill=(250, 220, 110))
    return np.asarray(picture)


def window(rng: np.random.Generator) -> np.ndarray:
    picture, draw = _canvas(rng, 180)
    draw.rectangle((6, 8, 90, 88), fill=(250, 250, 250), outline=(90, 90, 90))
    draw.rectangle((6, 8, 90, 20), fill=_colour(rng, 0, 160))
    for y in range(28, 84, 8):
        draw.line((12, y, int(rng.integers(40, 84)), y), fill=(120, 120, 120), width=2)
    return np.asarray(picture)


def photograph(rng: np.random.Generator) -> np.ndarray:
    return _part_of("china.jpg", rng)


def flower(rng: np.random.Generator) -> np.ndarray:
    return _part_of("flower.jpg", rng)


def _part_of(name: str, rng: np.random.Generator) -> np.ndarray:
    """A square of one of scikit-learn's two sample photographs."""
    from sklearn.datasets import load_sample_image

    whole = load_sample_image(name)
    side = int(rng.integers(180, 400))
    y, x = (int(rng.integers(0, length - side + 1)) for length in whole.shape[:2])
    return np.asarray(Image.fromarray(whole[y : y + side, x : x + side]).resize((SIZE, SIZE)))


def _uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


INTRUDERS: dict[str, Draw] = {
    draw.__name__: draw
    for draw in (
        text, bar_chart, line_plot, qr_code, checkerboard, stripes, gradient, colour_noise, grey_static, fractal,
        landscape, house, cartoon_face, plasma, bricks, mosaic, night_city, window, photograph, flower,
    )
}  # fmt: skip
"""Kind of intruder: function of a generator to uint8 (96, 96, 3)."""


def draw_intruder(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """One intruder of a kind of `INTRUDERS`, uint8 (size, size, 3)."""
    return np.asarray(Image.fromarray(INTRUDERS[kind](rng)).resize((size, size), Image.Resampling.BICUBIC))
