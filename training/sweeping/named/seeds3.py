"""Three members of each recipe that differ in the seed: how far the luck of the draw goes."""

from training.sweeping import Sweep

SWEEP = Sweep(recipes=["small_cnn", "mobilenet_v3_small"], seeds=[0, 1, 2])
