"""The scores that choose the epoch: on the fold left out, as it is and under the training policy."""

from dataclasses import dataclass

import keras
import numpy as np
from scipy.special import log_softmax

from submission.kit.image_set import ImageSet

from .augment.engine import Augmenter, Policy
from .augmented_net import AugmentedNet, use_xla
from .batches import batch_inputs


@dataclass(frozen=True)
class Scores:
    """accuracy: share of images named rightly, in [0, 1]; log_loss: mean, in nats."""

    accuracy: float
    log_loss: float


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
        self.model = AugmentedNet(net, self.augmenter, net_training=False)
        self.model.compile(jit_compile=use_xla())
        self.start = keras.ops.convert_to_numpy(self.augmenter.seed_generator.state)

    def score(self, data: ImageSet, rows: np.ndarray) -> Scores:
        """Scores on `rows`; memory is that of one batch. The last batch is filled up with rows that do not count."""
        self.augmenter.seed_generator.state.assign(self.start)
        right, loss = 0, 0.0
        for start in range(0, len(rows), self.batch_size):
            chosen = rows[start : start + self.batch_size]
            inputs = batch_inputs(data, np.resize(chosen, self.batch_size))
            inputs["targets"][len(chosen) :] = 0.0
            outputs = self.model.predict_on_batch(inputs)
            logits, targets = np.asarray(outputs["logits"], np.float64), np.asarray(outputs["targets"])
            counted = targets.sum(axis=1) > 0
            right += int((logits.argmax(1) == targets.argmax(1))[counted].sum())
            loss -= float((log_softmax(logits, axis=1) * targets).sum())
        return Scores(right / len(rows), loss / len(rows))
