"""Four quick tries that end within a minute or two: to see a sweep work."""

from training.sweeping import Sweep

SWEEP = Sweep(recipes=["small_cnn"], folds=[0, 1], fields={"learning_rate": [5e-4, 2e-3], "epochs": [1]}, limit=256)
