"""The views of test-time augmentation, each named by all there is to know of it.

`VIEWS` are the eight symmetries of a square, the defaults; `get_view` knows more, with parameters in the name.
"""

from __future__ import annotations  # platforms run Python 3.9

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .dark_fill import fill_dark
from .errors import KitError
from .photometric import autocontrast, balance, gamma, grey_world, uninvert
from .symmetry import Symmetry
from .warps import shift, zoom


@dataclass(frozen=True)
class View:
    """A change of every image by itself: a row of the result depends on that row alone.

    Calling it maps uint8 numpy images (n, H, W, C) to the same dtype and, unless `swaps_sides`, the same shape. The
    eight of `VIEWS` take any dtype and TensorFlow tensors, too.
    """

    name: str
    transform: Callable[[Any], Any]
    swaps_sides: bool = False
    channels: int | None = None  # that the images must have; None is any

    def __call__(self, images: Any) -> Any:
        return self.transform(images)


# Rotations turn counter-clockwise, as np.rot90(images, k, axes=(1, 2)) does; "flip" mirrors left and right, first.
VIEWS: dict[str, View] = {
    name: View(name, symmetry, symmetry.swaps_sides)
    for name, symmetry in {
        "identity": Symmetry(False, False, False),
        "rot90": Symmetry(True, True, False),
        "rot180": Symmetry(False, True, True),
        "rot270": Symmetry(True, False, True),
        "flip": Symmetry(False, False, True),
        "flip_rot90": Symmetry(True, False, False),
        "flip_rot180": Symmetry(False, True, False),
        "flip_rot270": Symmetry(True, True, True),
    }.items()
}


@dataclass(frozen=True)
class _Kind:
    """form: as in the help; numbers: least and largest value of each parameter; optional: how many may be left out."""

    form: str
    meaning: str
    make: Callable[..., Callable[[np.ndarray], np.ndarray]]
    numbers: tuple[tuple[float, float], ...] = ()
    optional: int = 0
    whole: bool = False
    channels: int | None = None


_PART = (0.01, 0.99)
_KINDS: dict[str, _Kind] = {
    "shift": _Kind(
        "shift_DOWN_RIGHT",
        "moved by whole pixels, mirrored beyond the edge: shift_6_-6",
        lambda down, right: partial(shift, down=down, right=right),
        ((-9999, 9999),) * 2,
        whole=True,
    ),
    "zoom": _Kind(
        "zoom_FACTOR",
        "enlarged (above 1) or made smaller with a mirrored rim, bilinear: zoom_1.15",
        lambda factor: partial(zoom, factor=factor),
        ((0.25, 4),),
    ),
    "autocontrast": _Kind(
        "autocontrast or autocontrast_CUTOFF",
        "each channel stretched to 0-255, but for so many per cent of its pixels at either end: autocontrast_2",
        lambda cutoff=0: partial(autocontrast, cutoff=cutoff),
        ((0, 49),),
        optional=1,
        whole=True,
    ),
    "greyworld": _Kind("greyworld", "white balance: all channels brought to one mean", lambda: grey_world),
    "balance": _Kind(
        "balance_RED_GREEN_BLUE",
        "each channel brought to the training images' mean, 0 to 1: balance_0.79_0.67_0.68",
        lambda *means: partial(balance, means=means),
        (_PART,) * 3,
        channels=3,
    ),
    "gamma": _Kind(
        "gamma_MEAN",
        "the power that brings an image to the training images' mean, 0 to 1: gamma_0.71",
        lambda mean: partial(gamma, mean=mean),
        (_PART,),
    ),
    "uninvert": _Kind(
        "uninvert_MEAN_CONTRAST",
        "inverted where the negative is nearer to the training images by mean (0 to 1) and by how much brighter the "
        "middle is than the rim, in standard deviations: uninvert_0.71_-1.3",
        lambda mean, contrast=0.0: partial(uninvert, mean=mean, contrast=contrast),
        ((0, 1), (-9, 9)),
        optional=1,
    ),
    "fill": _Kind(
        "fill_LEVEL",
        "borders and straight bars of one colour, no channel brighter than LEVEL (0-255), filled from beside: fill_60",
        lambda level: partial(fill_dark, level=level),
        ((0, 255),),
    ),
}

VIEW_FORMS = f"{', '.join(VIEWS)}; {', '.join(kind.form for kind in _KINDS.values())}; several joined by +, in turn"
"""All names of views, for help texts and errors; `describe_views` says what each does."""


def describe_views() -> str:
    """A line for the symmetries and for each other kind of view."""
    first = f"{', '.join(VIEWS)}: the symmetries of a square"
    return "\n".join([first, *(f"{kind.form:36} {kind.meaning}" for kind in _KINDS.values())])


def get_view(name: str) -> View:
    """The view of that name.

    Args:
        name: one of `VIEWS`, or a kind with its parameters joined by "_", such as "zoom_1.15"; or several of these
            joined by "+", the first applied first.

    Raises:
        KitError: no such kind, or parameters missing, too many or out of range; it lists the forms.
    """
    parts = [_single(part, name) for part in name.split("+")]
    if len(parts) == 1:
        return parts[0]
    swaps = sum(part.swaps_sides for part in parts) % 2 == 1
    channels = next((part.channels for part in parts if part.channels is not None), None)
    return View(name, partial(_in_turn, parts=parts), swaps, channels)


def views_for(image_shape: Iterable[int]) -> list[str]:
    """Names of the symmetries that keep the shape: all eight for square images, else the four without a quarter turn.

    Args:
        image_shape: (H, W, C).
    """
    height, width, _ = image_shape
    return [name for name, view in VIEWS.items() if height == width or not view.swaps_sides]


def check_views(names: Iterable[str], image_shape: Iterable[int]) -> None:
    """Raise `KitError` naming every view that is unknown, or that does not fit images of that shape."""
    height, width, channels = image_shape
    bad, why = [], []
    for name in names:
        try:
            view = get_view(name)
        except KitError:
            bad.append(name)
            continue
        if (view.swaps_sides and height != width) or view.channels not in (None, channels):
            bad.append(name)
            why.append(f"{name} {'swaps their sides' if view.channels is None else f'needs {view.channels} channels'}")
    if bad:
        raise KitError(
            f"expected views out of {VIEW_FORMS} for images {(height, width, channels)}. Received: {bad}"
            + (f": {', '.join(why)}" if why else "")
        )


def _in_turn(images: Any, parts: list[View]) -> Any:
    for part in parts:
        images = part(images)
    return images


def _single(part: str, name: str) -> View:
    if part in VIEWS:
        return VIEWS[part]
    word, *texts = part.split("_")
    kind = _KINDS.get(word)
    if kind is not None and len(kind.numbers) - kind.optional <= len(texts) <= len(kind.numbers):
        pattern = r"-?\d+" if kind.whole else r"-?\d+(\.\d+)?"  # no other notation: a name is a key, too
        if all(re.fullmatch(pattern, text) for text in texts):
            values = [int(text) if kind.whole else float(text) for text in texts]
            if all(least <= value <= most for value, (least, most) in zip(values, kind.numbers)):  # noqa: B905
                return View(part, kind.make(*values), channels=kind.channels)
    within = f" in {name!r}" if part != name else ""
    raise KitError(f"expected a view out of {VIEW_FORMS}. Received: {part!r}{within}")
