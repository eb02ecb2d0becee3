"""Losses of a batch, in float32, on any Keras backend."""

from dataclasses import dataclass
from typing import Any

from keras import ops

SMALLEST = 1e-7  # of probabilities before a logarithm or a power; the same in AugMix' own code


@dataclass(frozen=True)
class ClassLoss:
    """Mean loss of logits (n, K) against targets (n, K), which may be soft; callable.

    Args:
        kind: "cross_entropy", or "focal": each class' term is weighted by (1 - its probability) ** gamma
            (Lin et al. 2017, in the form for soft targets, without their alpha).
        smoothing: share of each target that is spread over all classes, in [0, 1).
        gamma: of the focal loss.
        class_weights: K weights; an image counts by the mean of them under its targets. None: all count the same.
    """

    kind: str = "cross_entropy"
    smoothing: float = 0.0
    gamma: float = 2.0
    class_weights: tuple[float, ...] | None = None

    def __call__(self, logits: Any, targets: Any) -> Any:
        logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
        log_probs = ops.log_softmax(logits, axis=-1)
        smooth = (1.0 - self.smoothing) * targets + self.smoothing / targets.shape[-1]
        terms = -smooth * log_probs
        if self.kind == "focal":
            # never wholly 0, where a power below 1 has no derivative
            terms = terms * ops.maximum(1.0 - ops.exp(log_probs), SMALLEST) ** self.gamma
        losses = ops.sum(terms, axis=-1)
        if self.class_weights is not None:
            weights = ops.convert_to_tensor(self.class_weights, "float32")
            losses = losses * ops.sum(targets * weights, axis=-1)
        return ops.mean(losses)


def jensen_shannon(logits: Any, copies: int = 3) -> Any:
    """Jensen-Shannon divergence between what a net says of an image and of its altered copies, mean over images.

    Args:
        logits: (copies * n, K): those of n images, then of their first copies, and so on.
        copies: how many of each image there are.

    Returns:
        A scalar in [0, log(copies)].

    Source: Hendrycks et al. 2020, AugMix.
    """
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    log_probs = ops.reshape(log_probs, (copies, logits.shape[0] // copies, logits.shape[1]))
    probs = ops.exp(log_probs)
    log_mixture = ops.log(ops.clip(ops.mean(probs, axis=0), SMALLEST, 1.0))
    return ops.mean(ops.sum(probs * (log_probs - log_mixture), axis=-1))


def supervised_contrastive(projections: Any, classes: Any, temperature: float) -> Any:
    """The L_out of Khosla et al. 2020: images of a class are drawn together, all others pushed apart.

    Args:
        projections: (m, D) of length 1; the copies of an image are rows of their own.
        classes: (m, K) one-hot targets of the rows.
        temperature: above 0; the lower, the more the nearest rows count.

    Returns:
        The mean over the rows that have another of their class, a scalar; 0 where none has.
    """
    projections, classes = ops.cast(projections, "float32"), ops.cast(classes, "float32")
    others = 1.0 - ops.eye(projections.shape[0])
    similar = ops.matmul(projections, ops.transpose(projections)) / temperature
    similar = ops.where(others > 0, similar, -1e9)  # a row is not compared with itself
    log_shares = similar - ops.logsumexp(similar, axis=1, keepdims=True)
    positives = ops.matmul(classes, ops.transpose(classes)) * others
    counts = ops.sum(positives, axis=1)
    losses = -ops.sum(ops.where(positives > 0, log_shares, 0.0), axis=1) / ops.maximum(counts, 1.0)
    has_others = ops.cast(counts > 0, "float32")
    return ops.sum(losses * has_others) / ops.maximum(ops.sum(has_others), 1.0)
