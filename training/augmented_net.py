"""A net with the augmentation in front, as one Keras model: what a train step trains in each kind of phase."""

from typing import Any

import keras
from keras import ops

from .augment.engine import Augmenter
from .losses import ClassLoss, jensen_shannon, supervised_contrastive

PROJECTION = 128  # width of what the contrastive loss compares (Khosla et al. 2020)


def use_xla() -> bool:
    """Whether models with an augmenter compile with XLA: TensorFlow's has no image warp on CPU; JAX needs it."""
    return keras.backend.backend() == "jax"


def altered_twice(inputs: dict[str, Any], augmenter: Augmenter) -> tuple[Any, Any, Any]:
    """Images (n, H, W, C) as they are, two altered copies of each (2n, H, W, C), all first ones first, and targets.

    Args:
        inputs: as a trainee takes them.
        augmenter: built for twice the batch that is fed: one pass over both copies compiles in half the time of two.
    """
    n = augmenter.batch_size // 2
    # a first axis whose length is known when the step is compiled
    images, targets = (ops.reshape(inputs[key], (n, *inputs[key].shape[1:])) for key in ("images", "targets"))
    return images, augmenter.in_order(ops.concatenate([images, images], axis=0)), targets


class Trainee(keras.Model):
    """{"images": uint8 (n, H, W, C), "targets": float (n, K)} to whatever its own `batch_loss` takes.

    The loss is computed from what the model returns, so that `fit` needs no labels beside the inputs and runs on every
    backend without a train step of our own. A call is always in training mode: dropout, batch statistics.
    """

    def __init__(self) -> None:
        super().__init__()
        # All layers are: else `fit` tries a call on tensors without values, which some operations refuse on PyTorch.
        self.built = True

    def batch_loss(self, outputs: dict[str, Any]) -> Any:
        """The loss of a batch, a scalar, from what `call` returned."""
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        penalties = [ops.cast(ops.sum(penalty), "float32") for penalty in self.losses]
        return sum(penalties, self.batch_loss(y_pred))

    def trained_variables(self) -> list[keras.Variable]:
        """All that a step changes but the optimizer's own: weights, batch statistics, states of the random draws."""
        return [*self.trainable_variables, *self.non_trainable_variables]


class AugmentedNet(Trainee):
    """Each image altered once; the targets go through the augmenter because it reorders and may mix the batch.

    Args:
        net: float (n, H, W, C) in [0, 255] -> logits (n, K).
        augmenter: built for the batch size that is fed.
        loss: of logits and targets.
    """

    def __init__(self, net: keras.Model, augmenter: Augmenter, loss: ClassLoss) -> None:
        super().__init__()
        self.net = net
        self.augmenter = augmenter
        self.class_loss = loss

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        images, targets = self.augmenter(inputs["images"], inputs["targets"])
        return {"logits": self.net(images, training=True), "targets": targets}

    def batch_loss(self, outputs: dict[str, Any]) -> Any:
        return self.class_loss(outputs["logits"], outputs["targets"])


class ConsistentNet(AugmentedNet):
    """Each image as it is and altered twice, through the net in one batch: AugMix' loss (Hendrycks et al. 2020).

    The class loss is that of the images as they are; the altered ones count by their Jensen-Shannon divergence.
    Nothing is mixed: an image and its copies must have one target.

    Args:
        augmenter: built for twice the batch size that is fed.
        jsd_weight: of the divergence beside the class loss.
    """

    def __init__(self, net: keras.Model, augmenter: Augmenter, loss: ClassLoss, jsd_weight: float) -> None:
        super().__init__(net, augmenter, loss)
        self.jsd_weight = jsd_weight

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        images, altered, targets = altered_twice(inputs, self.augmenter)
        batch = ops.concatenate([ops.cast(images, "float32"), altered], axis=0)
        return {"logits": self.net(batch, training=True), "targets": targets}

    def batch_loss(self, outputs: dict[str, Any]) -> Any:
        logits, targets = outputs["logits"], outputs["targets"]
        of_images = self.class_loss(logits[: logits.shape[0] // 3], targets)
        return of_images + self.jsd_weight * jensen_shannon(logits)


class ContrastiveNet(Trainee):
    """Each image altered twice; a backbone and a projection learn which of them are of one class.

    Args:
        features: float (n, H, W, C) in [0, 255] -> features (n, D).
        augmenter: built for twice the batch size that is fed.
        temperature: of the loss.
    """

    def __init__(self, features: keras.Model, augmenter: Augmenter, temperature: float) -> None:
        super().__init__()
        self.features = features
        self.augmenter = augmenter
        self.temperature = temperature
        width = features.output_shape[-1]
        self.projection = keras.Sequential(
            [
                keras.Input((width,)),
                keras.layers.Dense(width, "relu"),
                keras.layers.Dense(PROJECTION),
                keras.layers.UnitNormalization(),
            ]
        )

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        _, altered, targets = altered_twice(inputs, self.augmenter)
        features = ops.cast(self.features(altered, training=True), "float32")
        return {"projections": self.projection(features), "targets": ops.concatenate([targets, targets], axis=0)}

    def batch_loss(self, outputs: dict[str, Any]) -> Any:
        return supervised_contrastive(outputs["projections"], outputs["targets"], self.temperature)


class FeatureHead(Trainee):
    """{"images": features (n, D), "targets": (n, K)} through the head alone; the backbone was run before.

    Args:
        head: features (n, D) -> logits (n, K).
        loss: of logits and targets.
    """

    def __init__(self, head: keras.Model, loss: ClassLoss) -> None:
        super().__init__()
        self.head = head
        self.class_loss = loss

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        return {"logits": self.head(inputs["images"], training=True), "targets": inputs["targets"]}

    def batch_loss(self, outputs: dict[str, Any]) -> Any:
        return self.class_loss(outputs["logits"], outputs["targets"])
