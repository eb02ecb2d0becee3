"""The registry of backbones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from submission.kit.errors import KitError

from .scaling import SYMMETRIC, Scaling

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Backbone:
    """How a feature extractor is made, and what it takes.

    Args:
        name: its name.
        make: (h, w, c) and weights, None or "imagenet", to a Model: scaled images float (n, h, w, c) to features
            (n, D). Its weights lie where a `.weights.h5` file of the same Keras application has them.
        scaling: of the pixels in front of it.
        smallest: side of the smallest image that it takes.
        multiple: the sides must be multiples of this.
        channels: channels that it takes; None for any number.
        pretrained: whether there are "imagenet" weights.
        constants: name of a layer of weight files that is no part of the net, because our scaling does its work.
        check_constants: takes that layer's arrays and raises `KitError` where they are not that scaling.
    """

    name: str
    make: Callable[[Shape, str | None], keras.Model]
    scaling: Scaling = SYMMETRIC
    smallest: int = 32
    multiple: int = 1
    channels: int | None = None
    pretrained: bool = False
    constants: str | None = None
    check_constants: Callable[[list], None] | None = None


BACKBONES: dict[str, Backbone] = {}
PRETRAINED: set[str] = set()  # names of the backbones for which there are "imagenet" weights


def register(backbone: Backbone) -> Backbone:
    """Make a backbone known by its name; a second one of that name raises."""
    if backbone.name in BACKBONES:
        raise ValueError(f"backbone {backbone.name!r} is registered twice")
    BACKBONES[backbone.name] = backbone
    if backbone.pretrained:
        PRETRAINED.add(backbone.name)
    return backbone


def check_backbone(name: str, weights: str | None) -> None:
    """Raise `KitError` for an unknown backbone, or weights that are not to be had."""
    if name not in BACKBONES:
        raise KitError(f"unknown backbone. Received: {name!r}. Known: {', '.join(sorted(BACKBONES))}.")
    if weights == "imagenet" and name not in PRETRAINED:
        raise KitError(
            f"{name} has no pretrained weights. Received: weights='imagenet'. Leave them out, or take another."
        )
    if weights not in (None, "imagenet") and not Path(str(weights)).is_file():
        raise KitError(
            f'expected weights "imagenet", none or a .weights.h5 file. Received: {weights!r}, which is no file.'
        )
