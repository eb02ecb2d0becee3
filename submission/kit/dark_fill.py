"""A view that undoes dark borders and bars: found as lines of one dark colour, filled with what lies beside them.

Lines run along rows, columns and both diagonals, since those are the bars of grid masks, and shifts and failed scans
leave borders of rows and columns.
"""

from __future__ import annotations  # platforms run Python 3.9

from functools import lru_cache

import numpy as np

_EVEN = 3.0  # largest standard deviation of a line of one colour: what JPEG leaves of one
_STEP = 10.0  # least difference to what lies beside: less is an even background, not a bar
_MOST = 0.6  # of the image: more cannot be filled from what is left
_SHORTEST = 1 / 3  # of the shorter side: diagonal lines in the corners are short and often even
_WIDEST = 0.34  # of the shorter side: what is wider is no bar


def fill_dark(images: np.ndarray, level: float) -> np.ndarray:
    """Fill dark borders and straight bars with the mirrored image beside them; each image by itself.

    A line is one if it has one colour over its whole length, no channel brighter than `level`; a run of such lines is
    a bar if the lines beside it differ. First borders are peeled off, then bars are sought in what is left. An even
    background, a dark image or one that would be filled for the most part stays as it is, bit by bit.

    Args:
        images: uint8 (n, H, W, C), C 1 or 3.
        level: 0 to 255; the brightest fill that counts as dark.

    Returns:
        uint8 (n, H, W, C).
    """
    result = images.copy()
    for n, image in enumerate(images):
        mask = dark_lines(image, level)
        if mask.any():
            result[n] = _filled(image, mask)
    return result


def dark_lines(image: np.ndarray, level: float) -> np.ndarray:
    """What `fill_dark` would fill of one image: uint8 (H, W, C) -> bool (H, W)."""
    height, width = image.shape[:2]
    # Most images have neither: the darkest line tells before anything is sorted.
    top, bottom, left, right = _borders(image, level)
    mask = np.ones((height, width), bool)
    mask[top : height - bottom, left : width - right] = False
    inner = image[top : height - bottom, left : width - right]
    if min(inner.shape[:2]) >= 3:
        mask[top : height - bottom, left : width - right] = _bars(inner, level)
    return mask if mask.mean() <= _MOST else np.zeros_like(mask)


def _borders(image: np.ndarray, level: float) -> tuple[int, int, int, int]:
    """How many lines at the top, bottom, left and right are border."""
    sides = [0, 0, 0, 0]
    for _ in range(2):  # a border that lacks the corner of another is even only once that is peeled off
        for side in range(4):
            top, bottom, left, right = sides
            inner = image[top : image.shape[0] - bottom, left : image.shape[1] - right]
            if min(inner.shape[:2]) < 3:
                return 0, 0, 0, 0
            lines = inner if side < 2 else inner.swapaxes(0, 1)
            sides[side] += _leading(lines[::-1] if side % 2 else lines, level)
    return sides[0], sides[1], sides[2], sides[3]


def _leading(lines: np.ndarray, level: float) -> int:
    """Lines (L, P, C): how many at the start are dark and even, if the next one differs."""
    limit = len(lines) // 2
    count = 0
    while count < limit and lines[count].max() <= level + _EVEN * 3 and _is_even(lines[count], level):
        count += 1
    if count in (0, limit) or abs(float(lines[:count].mean()) - float(lines[count].mean())) < _STEP:
        return 0
    return count


def _is_even(line: np.ndarray, level: float) -> bool:
    return bool((line.std(0) <= _EVEN).all() and (line.mean(0) <= level).all())


def _bars(image: np.ndarray, level: float) -> np.ndarray:
    """bool (H, W): what lies under a bar of any of the four directions."""
    height, width = image.shape[:2]
    # Small integers in float32: sums of one line are exact, and so is their order's independence.
    pixels = image.reshape(height * width, -1).astype(np.float32)
    mask = np.zeros(height * width, bool)
    for order, starts, lengths in _directions(height, width):
        along = pixels[order]
        means = np.add.reduceat(along, starts) / lengths[:, None]
        flagged = (means <= level).all(-1) & (lengths >= _SHORTEST * min(height, width))
        if not flagged.any():
            continue
        squares = np.add.reduceat(along * along, starts) / lengths[:, None]
        flagged &= (squares - means * means <= _EVEN**2).all(-1)
        for first, last in _runs(flagged):
            beside = [means[line].mean() for line in (first - 1, last + 1) if 0 <= line < len(means)]
            narrow = last + 1 - first <= _WIDEST * min(height, width)
            if narrow and beside and min(abs(means[first : last + 1].mean() - one) for one in beside) >= _STEP:
                mask[order[starts[first] : starts[last] + int(lengths[last])]] = True
    return mask.reshape(height, width)


@lru_cache(maxsize=64)
def _directions(height: int, width: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each direction: pixels in the order of their lines, where each line starts, how long it is."""
    y, x = (one.ravel() for one in np.mgrid[:height, :width])
    found = []
    for line in (y, x, y + x, y - x + width - 1):
        order = np.argsort(line, kind="stable")
        lengths = np.bincount(line)
        found.append((order, np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths.astype(np.float32)))
    return found


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]


def _filled(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Every masked pixel from beyond the mask's nearest edge, up, down, left or right, as deep as it lies within.

    Where that deep there is no image, the edge itself is taken.
    """
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    y, x = np.mgrid[:height, :width]
    none = height + width
    edges = np.stack(
        [
            rows - np.maximum.accumulate(np.where(mask, -none, y), 0)[mask],
            np.minimum.accumulate(np.where(mask, 2 * none, y)[::-1], 0)[::-1][mask] - rows,
            columns - np.maximum.accumulate(np.where(mask, -none, x), 1)[mask],
            np.minimum.accumulate(np.where(mask, 2 * none, x)[:, ::-1], 1)[:, ::-1][mask] - columns,
        ]
    )
    way = edges.argmin(0)
    depth = edges[way, np.arange(len(way))]
    known = depth < none  # a corner where two borders cross sees no image in its row and column
    step_y, step_x = np.array([-1, 1, 0, 0])[way], np.array([0, 0, -1, 1])[way]
    result = image.copy()
    for deep in (depth, 2 * depth - 1):  # first the edge, then the mirrored pixel where there is one
        from_y, from_x = rows + step_y * deep, columns + step_x * deep
        usable = known & (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width)
        usable[usable] = ~mask[from_y[usable], from_x[usable]]
        result[rows[usable], columns[usable]] = image[from_y[usable], from_x[usable]]
    if not known.all():
        left = np.zeros_like(mask)
        left[rows[~known], columns[~known]] = True
        return _filled(result, left)  # what was just filled is image now
    return result
