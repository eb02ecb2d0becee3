"""Signed distances to simple shapes: negative inside, 0 on the outline, in the unit of the coordinates.

Coordinates `x` and `y` are float32 arrays that broadcast to a picture: (1, S) and (S, 1), or (S, S) both.
Source: the formulas of Inigo Quilez, "2D distance functions" and "smooth minimum".
"""

import numpy as np


def disc(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    """Distance to a disc around the origin, (S, S)."""
    return np.sqrt(x * x + y * y) - np.float32(radius)


def ellipse(x: np.ndarray, y: np.ndarray, long: float, short: float, angle: float) -> np.ndarray:
    """Distance to an ellipse around the origin with semi-axes `long` and `short`, (S, S); exact for a circle only."""
    u, v = rotate(x, y, angle)
    u, v = u / np.float32(long), v / np.float32(short)
    level = np.sqrt(u * u + v * v)
    return (level - 1) * np.float32(np.sqrt(long * short))


def capsule(
    x: np.ndarray, y: np.ndarray, start: tuple[float, float], stop: tuple[float, float], radius: float
) -> np.ndarray:
    """Distance to a line from `start` to `stop`, both (x, y), that is 2 `radius` thick, (S, S)."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    x, y = x - np.float32(start[0]), y - np.float32(start[1])
    along = np.clip((x * np.float32(dx) + y * np.float32(dy)) / np.float32(dx * dx + dy * dy + 1e-6), 0, 1)
    return disc(x - along * np.float32(dx), y - along * np.float32(dy), radius)


def rotate(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates as seen by a shape that is turned by `angle` radians."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def join(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Union of two distances whose meeting edge is rounded over a width of `blend` > 0."""
    near = np.maximum(np.float32(blend) - np.abs(a - b), 0) / np.float32(blend)
    return np.minimum(a, b) - near * near * np.float32(blend / 4)


def cut(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Shape `a` without shape `b`, the edge rounded over a width of `blend` > 0."""
    return -join(-a, b, blend)
