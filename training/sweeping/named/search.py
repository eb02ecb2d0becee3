"""A search over what moves the shifted score most for the net of two cores."""

from training.sweeping import Sweep, choice, log_uniform, uniform

SWEEP = Sweep(
    recipes=["small_cnn"],
    folds="all",
    fields={
        "learning_rate": log_uniform(3e-4, 6e-3),
        "weight_decay": log_uniform(1e-3, 1e-1),
        "dropout": uniform(0.0, 0.5),
        "label_smoothing": uniform(0.0, 0.2),
        "policy": choice("strong", "randaugment", "randaugment_x3", "trivialaugment", "augmix"),
        "epochs": [24],
    },
)
