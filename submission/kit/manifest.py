"""manifest.json of a submission: what is in the zip and how its parts are put together."""

from __future__ import annotations  # platforms run Python 3.9

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .blend import check_weights
from .budget import Pass
from .errors import KitError
from .tta import check_views

_REQUIRED = {"class_names", "image_shape", "views", "members", "weights_mv"}


@dataclass(frozen=True)
class Manifest:
    """M members, V views, K classes.

    weights_mv: float64 (M, V), at least 0, sum 1; pool_temperature: of the blended probabilities.
    order: every (m, v) of weight above 0, the one to run first at the start.
    class_prior: float64 (K,), the classes' shares that the nets were trained for; None if unknown.
    adapt: what may be fitted to the images to predict (`kit.adapt`); None is nothing.
    limit_s: the platform's time for a prediction step; None if unknown.
    """

    class_names: list[str]
    image_shape: tuple[int, int, int]
    views: list[str]
    member_names: list[str]
    member_paths: list[str]
    temperatures: list[float]
    weights_mv: np.ndarray
    order: list[Pass]
    pool_temperature: float = 1.0
    class_prior: np.ndarray | None = None
    adapt: dict[str, Any] | None = None
    limit_s: float | None = None


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest; what older ones do not have takes its default.

    Raises:
        KitError: missing, no JSON, or its parts do not fit together.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KitError(f"expected a JSON manifest at {path}: {error}") from None
    missing = sorted(_REQUIRED - set(value))
    if missing:
        raise KitError(f"{path}: expected the keys of a submission's manifest. Received: none for {missing}")
    weights_mv = np.array(value["weights_mv"], np.float64)
    if weights_mv.shape != (len(value["members"]), len(value["views"])):
        raise KitError(
            f"{path}: expected weights of shape (members, views) = "
            f"{(len(value['members']), len(value['views']))}. Received: {weights_mv.shape}"
        )
    try:
        check_weights(weights_mv)
    except ValueError as error:
        raise KitError(f"{path}: {error}") from None
    check_views(value["views"], value["image_shape"])
    return Manifest(
        class_names=value["class_names"],
        image_shape=tuple(value["image_shape"]),
        views=value["views"],
        member_names=[member["name"] for member in value["members"]],
        member_paths=[member["path"] for member in value["members"]],
        temperatures=[float(member["temperature"]) for member in value["members"]],
        weights_mv=weights_mv,
        order=_order(value.get("order"), weights_mv, path),
        pool_temperature=_positive(value.get("pool_temperature", 1.0), "pool_temperature", path),
        class_prior=_prior(value.get("class_prior"), len(value["class_names"]), path),
        adapt=_adapt(value.get("adapt"), path),
        limit_s=None if value.get("limit_s") is None else _positive(value["limit_s"], "limit_s", path),
    )


def _order(order: Any, weights_mv: np.ndarray, path: Path) -> list[Pass]:
    weighted = [(int(m), int(v)) for m, v in np.argwhere(weights_mv > 0)]
    if order is None:
        return weighted
    passes = [(int(m), int(v)) for m, v in order]
    if sorted(passes) != weighted:
        raise KitError(
            f"{path}: expected order to hold every [member, view] of weight above 0 once, {weighted}. "
            f"Received: {passes}"
        )
    return passes


def _positive(value: Any, name: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise KitError(f"{path}: expected {name} to be a number above 0. Received: {value!r}")
    return float(value)


def _prior(value: Any, num_classes: int, path: Path) -> np.ndarray | None:
    if value is None:
        return None
    prior = np.array(value, np.float64)
    if prior.shape != (num_classes,) or not (prior >= 0).all() or not abs(prior.sum() - 1) <= 1e-6:
        raise KitError(f"{path}: expected class_prior of {num_classes} shares that sum to 1. Received: {value}")
    return prior


def _adapt(value: Any, path: Path) -> dict[str, Any] | None:
    if value is None:
        return None
    unknown = sorted(set(value) - {"prior", "batch_norm"}) if isinstance(value, dict) else [value]
    if unknown:
        raise KitError(f"{path}: expected adapt to be null or to have the keys prior, batch_norm. Received: {unknown}")
    return value
