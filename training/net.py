"""What a net is to the rest of the kit: uint8 images in, probabilities out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from submission.kit.errors import KitError

from .recipes import Recipe, get_recipe
from .runs import WEIGHTS, Run
from .weights import load_weights

if TYPE_CHECKING:
    import keras


def build_net(recipe: Recipe, image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """The net that a recipe trains: float (n, H, W, C) in [0, 255] -> logits (n, K)."""
    from .backbones import build

    return build(
        recipe.backbone,
        image_shape,
        num_classes,
        recipe.weights,
        image_size=recipe.image_size,
        head_units=recipe.head_units,
        dropout=recipe.dropout,
        l2=recipe.l2,
    )


def with_probabilities(net: keras.Model) -> keras.Model:
    """The net as it is shipped: uint8 (n, H, W, C) -> float32 probabilities (n, K); shares the weights of `net`."""
    import keras

    images = keras.Input(net.input_shape[1:], dtype="uint8")
    logits = net(keras.ops.cast(images, "float32"), training=False)
    return keras.Model(images, keras.ops.softmax(keras.ops.cast(logits, "float32")))


def load_net(run: Run) -> keras.Model:
    """The trained net of a run: uint8 (n, H, W, C) -> float32 probabilities (n, K).

    Raises:
        KitError: the run is not trained yet, or its weights are missing or damaged.
    """
    if run.state not in ("trained", "predicted"):
        raise KitError(f"expected a trained run. Received: {run.path} in state {run.state!r}. Run `make train` first.")
    recipe = dataclasses.replace(get_recipe(run.config["recipe"]["name"], run.config["recipe"]), weights=None)
    data = run.config["data"]
    net = build_net(recipe, tuple(data["image_shape"]), len(data["class_names"]))
    load_weights(net, run.path / WEIGHTS, f"Delete {run.path} and run `make train` again.")
    return with_probabilities(net)
