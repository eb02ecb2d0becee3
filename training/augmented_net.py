"""A net with the augmentation in front, as one Keras model: the train step, the statistics refresh, the validation."""

from typing import Any

import keras
from keras import ops

from .augment.engine import Augmenter


def use_xla() -> bool:
    """Whether models with an augmenter compile with XLA: TensorFlow's has no image warp on CPU; JAX needs it."""
    return keras.backend.backend() == "jax"


class AugmentedNet(keras.Model):
    """{"images": uint8 (n, H, W, C), "targets": float (n, K)} to {"logits", "targets"} of the altered images.

    The targets go through the augmenter because it reorders the batch. The loss is computed against these, so that
    `fit` needs no labels beside the inputs and runs on every backend without a train step of our own.

    Args:
        net: float (n, H, W, C) in [0, 255] -> logits (n, K).
        augmenter: built for the batch size that is fed.
        net_training: whether the net runs in training mode (dropout, batch statistics).
        label_smoothing: share of each target that is spread over all classes.
    """

    def __init__(
        self, net: keras.Model, augmenter: Augmenter, net_training: bool, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.net = net
        self.augmenter = augmenter
        self.net_training = net_training
        self.label_smoothing = label_smoothing

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        images, targets = self.augmenter(inputs["images"], inputs["targets"])
        return {"logits": self.net(images, training=self.net_training), "targets": targets}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        logits, targets = y_pred["logits"], y_pred["targets"]
        smooth = self.label_smoothing
        targets = (1.0 - smooth) * targets + smooth / targets.shape[-1]
        return ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))

    def trained_variables(self) -> list[keras.Variable]:
        """All that a step changes but the optimizer's own: weights, batch statistics, states of the random draws."""
        return [*self.trainable_variables, *self.non_trainable_variables]
