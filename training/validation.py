"""The scores that choose the epoch: on the fold left out, as it is and under the training policy."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import log_softmax

from submission.kit.image_set import ImageSet

from .augment.engine import Augmenter, Policy
from .augmented_net import use_xla
from .batches import batch_inputs


@dataclass(frozen=True)
class Scores:
    """accuracy: share of images named rightly, in [0, 1]; log_loss: mean, in nats."""

    accuracy: float
    log_loss: float


class AlteredNet(keras.Model):
    """Images (n, H, W, C) to logits (n, K) of the altered images, in the same order, nothing mixed."""

    def __init__(self, net: keras.Model, augmenter: Augmenter) -> None:
        super().__init__()
        self.net = net
        self.augmenter = augmenter

    def call(self, images: Any) -> Any:
        return ops.cast(self.net(self.augmenter.in_order(images), training=False), "float32")


class Validator:
    """Scores a net on some rows of an image set, always under the same draws.

    Args:
        net: float images to logits.
        policy: applied to the images; `policies.POLICIES["none"]` for the images as they are.
        batch_size: images at a time.
        seed: of the draws.
    """

    def __init__(self, net: keras.Model, policy: Policy, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.augmenter = Augmenter(policy, batch_size, seed)
        self.model = AlteredNet(net, self.augmenter)
        self.model.compile(jit_compile=use_xla())
        self.start = ops.convert_to_numpy(self.augmenter.seed_generator.state)

    def logits(self, data: ImageSet, rows: np.ndarray) -> np.ndarray:
        """Float64 (n, K), in the order of `rows`; the images of one batch are read at a time."""
        self.augmenter.seed_generator.state.assign(self.start)
        found = []
        for start in range(0, len(rows), self.batch_size):
            chosen = rows[start : start + self.batch_size]
            # a whole batch every time, so that the net is compiled once
            images = batch_inputs(data, np.resize(chosen, self.batch_size))["images"]
            found.append(np.asarray(self.model.predict_on_batch(images), np.float64)[: len(chosen)])
        return np.concatenate(found)

    def score(self, data: ImageSet, rows: np.ndarray) -> Scores:
        """Scores on `rows`."""
        logits, labels = self.logits(data, rows), data.labels[rows]
        log_probs = log_softmax(logits, axis=1)[np.arange(len(rows)), labels]
        return Scores(float(np.mean(logits.argmax(axis=1) == labels)), float(-np.mean(log_probs)))
