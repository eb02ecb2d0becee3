"""The eight blood cell types as painters: told apart by nucleus, lobes, grains and cytoplasm, not by mean colour.

Each painter puts one cell around (0, 0) of the coordinates it gets; lengths are design pixels (`slide.DESIGN_PX`).
"""

from collections.abc import Callable
from functools import reduce

import numpy as np

from . import shapes
from .slide import Slide, absorbance, wobbly_disc

Painter = Callable[[Slide, np.ndarray, np.ndarray], None]

_NUCLEUS = absorbance(84, 44, 136)
_DENSE_NUCLEUS = absorbance(58, 34, 96)
_PALE_CYTOPLASM = absorbance(224, 198, 208)
_BLUE_CYTOPLASM = absorbance(168, 168, 216)
_GREY_CYTOPLASM = absorbance(178, 172, 204)
_PINK_CYTOPLASM = absorbance(216, 176, 186)
_LILAC_CYTOPLASM = absorbance(182, 158, 208)
_RED_GRAIN = absorbance(208, 96, 92)
_PURPLE_GRAIN = absorbance(120, 60, 150)
_BLACK_GRAIN = absorbance(58, 24, 96)
_VACUOLE = absorbance(238, 232, 238)


def basophil(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """Big dark grains that cover a lobed nucleus."""
    rng = slide.rng
    radius = rng.uniform(16, 23)
    cell = wobbly_disc(slide, x, y, radius, 0.8)
    _cytoplasm(slide, cell, _LILAC_CYTOPLASM, 0.10)
    _nucleus(slide, _lobes(slide, x, y, int(rng.integers(2, 4)), radius, size=0.46, blend=4.0), _NUCLEUS * 0.8)
    count = int(rng.uniform(0.10, 0.20) * radius**2)
    _grains(slide, x, y, radius * 0.97, count, (1.2, 2.3), _BLACK_GRAIN)


def eosinophil(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """Two lobes in a cytoplasm full of orange and red grains."""
    rng = slide.rng
    radius = rng.uniform(17, 24)
    cell = wobbly_disc(slide, x, y, radius, 0.7)
    _cytoplasm(slide, cell, _PINK_CYTOPLASM, 0.08)
    count = int(rng.uniform(0.28, 0.50) * radius**2)
    _grains(slide, x, y, radius * 0.93, count, (0.9, 1.6), _RED_GRAIN * rng.uniform(0.6, 1.0))
    lobes = 3 if rng.random() < 0.12 else 2
    _nucleus(slide, _lobes(slide, x, y, lobes, radius, size=0.42, blend=1.5), _NUCLEUS)


def erythroblast(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """A small, round, dense nucleus in greyish to pink cytoplasm."""
    rng = slide.rng
    radius = rng.uniform(12, 18)
    cell = wobbly_disc(slide, x, y, radius, 0.7)
    ripe = rng.random()  # grey-blue when young, pink like a red cell when ripe
    _cytoplasm(slide, cell, (1 - ripe) * _GREY_CYTOPLASM * 1.1 + ripe * _PINK_CYTOPLASM, 0.06)
    size = radius * rng.uniform(0.46, 0.64)
    dx, dy = _near(rng, 0.2 * (radius - size))
    _nucleus(slide, wobbly_disc(slide, x - dx, y - dy, size, 0.25), _DENSE_NUCLEUS, grain=0.10)


def immature_granulocyte(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """A large oval or dented nucleus with fine chromatin, fine purple grains."""
    rng = slide.rng
    radius = rng.uniform(18, 26)
    cell = wobbly_disc(slide, x, y, radius, 0.9)
    _cytoplasm(slide, cell, _LILAC_CYTOPLASM * rng.uniform(0.8, 1.15), 0.08)
    count = int(rng.uniform(0.20, 0.36) * radius**2)
    _grains(slide, x, y, radius * 0.95, count, (0.6, 1.1), _PURPLE_GRAIN)
    angle = rng.uniform(0, 2 * np.pi)
    long, short = radius * rng.uniform(0.66, 0.76), radius * rng.uniform(0.50, 0.62)
    dx, dy = (
        0.18 * radius * np.sin(angle),
        -0.18 * radius * np.cos(angle),
    )  # pushed off the middle, across its long axis
    nucleus = shapes.ellipse(x - dx, y - dy, long, short, angle) + slide.outline_noise(x - dx, y - dy, 0.5)
    if rng.random() < 0.5:  # the older ones are dented on the side of the free cytoplasm
        depth = rng.uniform(0.75, 0.95) * short + 0.35 * radius
        dent = shapes.disc(x - dx + depth * np.sin(angle), y - dy - depth * np.cos(angle), 0.45 * radius)
        nucleus = shapes.cut(nucleus, dent, 2.0)
    _nucleus(slide, nucleus, _NUCLEUS * 0.8, grain=0.20)


def lymphocyte(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """A round nucleus that leaves a thin rim of blue cytoplasm."""
    rng = slide.rng
    radius = rng.uniform(13, 20)
    cell = wobbly_disc(slide, x, y, radius, 0.8)
    _cytoplasm(slide, cell, _BLUE_CYTOPLASM * rng.uniform(0.9, 1.4), 0.05)
    size = radius * rng.uniform(0.80, 0.92)
    dx, dy = _near(rng, 0.6 * (radius - size))
    _nucleus(
        slide, wobbly_disc(slide, x - dx, y - dy, size, 0.35), _NUCLEUS * rng.uniform(0.95, 1.1), grain=0.16, wave=4.5
    )


def monocyte(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """A kidney or horseshoe nucleus in grey-blue cytoplasm with vacuoles."""
    rng = slide.rng
    radius = rng.uniform(18, 26)
    cell = wobbly_disc(slide, x, y, radius, 1.5)
    _cytoplasm(slide, cell, _GREY_CYTOPLASM * rng.uniform(0.9, 1.3), 0.08)
    bend = rng.uniform(1.6, 4.2)  # angle of the arc: kidney to horseshoe
    turn = rng.uniform(0, 2 * np.pi)
    angles = turn + np.linspace(-bend / 2, bend / 2, 6)
    thick = radius * rng.uniform(0.27, 0.33) * (1.25 - 0.07 * bend)
    arm = radius * 0.86 - thick
    points = arm * np.stack([np.cos(angles), np.sin(angles)], 1) - 0.12 * radius * np.array(
        [np.cos(turn), np.sin(turn)]
    )
    nucleus = _chain(x, y, points, thick) + slide.outline_noise(x, y, 0.5)
    holes = int(rng.integers(3, 9))
    _grains(slide, x, y, radius * 0.85, holes, (1.3, 2.4), _VACUOLE)
    _nucleus(slide, nucleus, _NUCLEUS * 0.88, grain=0.18)


def neutrophil(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """Three to five lobes on threads in pale cytoplasm with the finest grains."""
    rng = slide.rng
    radius = rng.uniform(17, 23)
    cell = wobbly_disc(slide, x, y, radius, 0.8)
    _cytoplasm(slide, cell, _PALE_CYTOPLASM * rng.uniform(0.9, 1.5), 0.10, wave=2.0)
    _nucleus(slide, _lobes(slide, x, y, int(rng.integers(3, 6)), radius, size=0.30, blend=1.0), _NUCLEUS * 1.05)


def platelet(slide: Slide, x: np.ndarray, y: np.ndarray) -> None:
    """One to three small pieces without nucleus, full of purple grains."""
    rng = slide.rng
    count = rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])
    spread = 0.0 if count == 1 else rng.uniform(7, 10)
    start = rng.uniform(0, 2 * np.pi)
    for piece in range(count):
        angle = start + 2 * np.pi * piece / count + rng.normal(0, 0.3)
        dx, dy = spread * np.cos(angle), spread * np.sin(angle)
        platelet_piece(slide, x - np.float32(dx), y - np.float32(dy), rng.uniform(4.5, 9.0 if count == 1 else 6.5))


def platelet_piece(slide: Slide, x: np.ndarray, y: np.ndarray, radius: float) -> None:
    """One platelet; also lies about on the slides of the other types."""
    piece = wobbly_disc(slide, x, y, radius, 0.7)
    slide.paint(slide.cover(piece, 1.8), _LILAC_CYTOPLASM * 0.8)
    _grains(slide, x, y, radius * 0.8, int(0.45 * radius**2) + 3, (0.8, 1.3), _PURPLE_GRAIN)


PAINTERS: dict[str, Painter] = {
    "Basophil": basophil,
    "Eosinophil": eosinophil,
    "Erythroblast": erythroblast,
    "Immature granulocytes": immature_granulocyte,
    "Lymphocyte": lymphocyte,
    "Monocyte": monocyte,
    "Neutrophil": neutrophil,
    "Platelet": platelet,
}
"""Class name to painter, in the contest's order of labels."""


def _near(rng: np.random.Generator, reach: float) -> tuple[np.float32, np.float32]:
    """A random point at most `reach` from (0, 0)."""
    angle, far = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.random())
    return np.float32(far * np.cos(angle)), np.float32(far * np.sin(angle))


def _cytoplasm(slide: Slide, cell: np.ndarray, colour: np.ndarray, grain: float, wave: float = 4.0) -> None:
    texture = 1 + np.float32(grain) * slide.noise(wave) + 0.2 * np.exp(-((cell / 1.5) ** 2))  # a darker membrane
    slide.paint(slide.cover(cell), colour * np.float32(slide.rng.uniform(0.85, 1.15)), texture)


def _nucleus(slide: Slide, nucleus: np.ndarray, colour: np.ndarray, grain: float = 0.15, wave: float = 2.5) -> None:
    texture = 1 + np.float32(grain) * slide.noise(wave) + 0.15 * np.exp(-((nucleus / 1.2) ** 2))
    slide.paint(slide.cover(nucleus), colour * np.float32(slide.rng.uniform(0.85, 1.15)), np.maximum(texture, 0.3))


def _grains(
    slide: Slide, x: np.ndarray, y: np.ndarray, reach: float, count: int, size: tuple[float, float], colour: np.ndarray
) -> None:
    """Paint `count` grains at random places within `reach` of (0, 0), radius from the range `size`."""
    rng = slide.rng
    angle, far = rng.uniform(0, 2 * np.pi, count), reach * np.sqrt(rng.random(count))
    middle = np.array([slide.x[0, 0] - x[0, 0], slide.y[0, 0] - y[0, 0]])  # where (0, 0) lies on the slide
    where = middle + np.stack([far * np.cos(angle), far * np.sin(angle)], 1)
    slide.paint(slide.spots(where, rng.uniform(*size, count)), colour)


def _chain(x: np.ndarray, y: np.ndarray, points: np.ndarray, radius: float) -> np.ndarray:
    """Distance to a bent line through `points` (n, 2) that is 2 `radius` thick."""
    parts = [
        shapes.capsule(x, y, start, stop, radius)
        for start, stop in zip(points[:-1].tolist(), points[1:].tolist(), strict=True)
    ]
    return reduce(np.minimum, parts)


def _lobes(
    slide: Slide, x: np.ndarray, y: np.ndarray, count: int, radius: float, size: float, blend: float
) -> np.ndarray:
    """Distance to a nucleus of `count` lobes on an arc, joined by threads; `size` is a lobe's part of `radius`."""
    rng = slide.rng
    start = rng.uniform(0, 2 * np.pi)
    gap = 2 * np.arcsin(min(1.0, size * rng.uniform(0.95, 1.15) / 0.55))  # neighbours about touch
    gap = min(gap, 2 * np.pi / count * 1.05)
    angles = start + gap * np.arange(count) + rng.normal(0, 0.12, count)
    middles = radius * rng.uniform(0.46, 0.60, (count, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
    parts = []
    for at in middles.tolist():
        long = radius * size * rng.uniform(0.85, 1.15)
        short, turn = long * rng.uniform(0.72, 0.95), rng.uniform(0, np.pi)
        parts.append(shapes.ellipse(x - np.float32(at[0]), y - np.float32(at[1]), long, short, turn))
    threads = _chain(x, y, middles, 0.9)
    nucleus = reduce(lambda whole, part: shapes.join(whole, part, blend), [*parts, threads])
    return nucleus + slide.outline_noise(x, y, 0.25)
