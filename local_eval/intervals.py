"""The interval of an accuracy measured on few images."""

import math
from statistics import NormalDist


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion: holds its level for few images and near 0 and 1.

    Args:
        correct: images predicted correctly, 0..n.
        n: images; with none the interval is (0, 1).
        level: the coverage wanted, inside (0, 1).

    Returns:
        (low, high), 0 <= low <= correct / n <= high <= 1.

    Raises:
        ValueError: `correct`, `n` or `level` out of range.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not 0 <= correct <= n:
        raise ValueError(f"correct must be in [0, n]. Received: correct={correct}, n={n}")
    if not 0 < level < 1:
        raise ValueError(f"level must be inside (0, 1). Received: level={level}")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = correct / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # The ends are exact at 0 and n correct; rounding would put them a hair inside.
    low = 0.0 if correct == 0 else (centre - half) / scale
    high = 1.0 if correct == n else (centre + half) / scale
    return low, high
