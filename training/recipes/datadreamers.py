"""The system of the project DataDreamers (AN2DL 2024-25, blood cells; repository Blood-Cell-Classification).

Stated by the project: EfficientNetB3; duplicates and jokes removed by perceptual hashes, which is `make clean` here;
RandAugment, AugMix, MixUp, CutMix, Gaussian noise. The weight 12 of AugMix's consistency loss is its paper's (Hendrycks
et al. 2020). Not stated, and the usual fine-tuning here: the images' own size, phases, learning rates.
"""

from .recipe import Recipe
from .registry import recipe


def _datadreamers(name: str, **changes) -> Recipe:
    settings = {
        "weights": "imagenet",
        "policy": "datadreamers",
        "dropout": 0.3,
        "freeze_batch_norm": True,
        "head_epochs": 3,
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "warmup_epochs": 1.0,
        "label_smoothing": 0.0,
        "ema_epochs": 0.0,
        "patience": 6,
    }
    return Recipe(name, "efficientnet_b3", **{**settings, **changes})


@recipe
def datadreamers() -> Recipe:
    """DataDreamers: EfficientNetB3 under RandAugment, AugMix, MixUp, CutMix and Gaussian noise.

    Reported: hidden .81, validation .99.
    Measured here: 1.7 s of one core a step of 32, 9 min for 10,000 images, 2.8 GiB; its score is not measured.
    """
    return _datadreamers("datadreamers")


@recipe
def datadreamers_jsd() -> Recipe:
    """DataDreamers with AugMix's Jensen-Shannon consistency loss; three copies of each image make a step.

    MixUp and CutMix rest: an image and its copies must have one target.

    Reported: as datadreamers, hidden .81, validation .99.
    Measured here: 4.8 s of one core a step of 32, 25 min for 10,000 images, 4.8 GiB; its score is not measured:
    needs a GPU.
    """
    return _datadreamers("datadreamers_jsd", jsd_weight=12.0)
