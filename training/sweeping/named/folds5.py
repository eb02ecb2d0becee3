"""Five members that differ in the fold left out: as many views of the data."""

from training.sweeping import Sweep

SWEEP = Sweep(recipes=["small_cnn"], folds=[0, 1, 2, 3, 4])
