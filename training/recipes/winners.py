"""The best systems of the contest (AN2DL 2024-25, blood cells): 1st of 192, 11th, a top ten, a silver medal, RedCell.

Sources: contest reports for all; the silver medal's report (repository AN2DL_challenges of pontig) for Adam, class
weights, ReduceLROnPlateau, label smoothing and the 143 of 719 layers that stayed frozen; the top ten's notebook
(ANN-blood-cells) for its head of 512, 256 and 128, its batches of 32, patience 15, class weights, frozen batch norm and
the 78 of 340 layers that stayed frozen; RedCell's script (ANN-DL-RedCellClassifier) for Lion at 1e-3 with decay 0.01
and dropout 0.4 on the frozen net, batches of 128, then convolutions alone at 5e-4 down to 8e-5 with ReduceLROnPlateau.
What is not stated is the usual fine-tuning of the net: a head phase, learning rates (for Lion a tenth of AdamW's).
"""

from .recipe import Recipe
from .registry import recipe


def _winner(name: str, backbone: str, policy: str, **changes) -> Recipe:
    settings = {
        "weights": "imagenet",
        "head_epochs": 3,
        "epochs": 30,
        "learning_rate": 1e-4,
        "warmup_epochs": 1.0,
        "label_smoothing": 0.0,
        "ema_epochs": 0.0,
        "patience": 8,
    }
    return Recipe(name, backbone, policy=policy, **{**settings, **changes})


@recipe
def first_place() -> Recipe:
    """The 1st of 192: ConvNeXt-XL at 224 px, a chain of 15 operations online, all layers tuned, Lion.

    Reported: hidden .97 (development), .9687 (final), clean hold-out .9972.
    Measured here: not measured, needs a GPU.
    """
    return _winner(
        "first_place",
        "convnext_xlarge",
        "first_place",
        image_size=224,
        batch_size=16,
        accumulate=2,
        optimizer="lion",
        learning_rate=1e-5,
        head_learning_rate=1e-4,
        weight_decay=0.1,
    )


@recipe
def eleventh() -> Recipe:
    """The 11th: EfficientNetV2-L at 512 px, RandAugment of three operations and nothing else, batch norm frozen.

    Focal loss and AdamW, as stated; the gradients of two batches are summed, so that 16 images need the memory of 8.

    Reported: hidden .95 (final), clean hold-out .983.
    Measured here: not measured, needs a GPU.
    """
    return _winner(
        "eleventh",
        "efficientnet_v2_l",
        "randaugment_x3",
        image_size=512,
        batch_size=8,
        accumulate=2,
        freeze_batch_norm=True,
        loss="focal",
        epochs=20,
    )


@recipe
def top10() -> Recipe:
    """A top ten: EfficientNetB2 at 260 px, RandAugment of four operations and cutout, Lion.

    Its notebook has Adam with an exponential decay in the head phase; one optimizer serves both phases here.

    Reported: hidden .94 (final), clean hold-out about .94.
    Measured here: 8.6 s of one core a step of 32, 45 min for 10,000 images, 7.4 GiB; its score is not measured:
    needs a GPU.
    """
    return _winner(
        "top10",
        "efficientnet_b2",
        "top10",
        image_size=260,
        head_units=(512, 256, 128),
        dropout=0.2,
        trainable_depth=0.77,
        freeze_batch_norm=True,
        batch_size=32,
        optimizer="lion",
        learning_rate=3e-5,
        head_learning_rate=1e-4,
        head_epochs=10,
        epochs=90,
        balance="class_weights",
        patience=15,
    )


def _silver(name: str, backbone: str, **changes) -> Recipe:
    settings = {
        "optimizer": "adam",
        "weight_decay": 0.0,
        "schedule": "plateau",
        "label_smoothing": 0.1,
        "trainable_depth": 0.8,
        "freeze_batch_norm": True,
        "batch_size": 32,
        "balance": "class_weights",
        "epochs": 60,
    }
    return _winner(name, backbone, "silver", **{**settings, **changes})


@recipe
def silver_v2s() -> Recipe:
    """Silver, first of three nets: EfficientNetV2S, RandAugment, AugMix, CutMix, MixUp, smoothing 0.1.

    Reported: hidden .92 (development), .94 (final), clean hold-out .9858;
    the mean of the nets, 12 views: .9605 (final), .9908.
    Measured here: 2.1 s of one core a step of 32, 11 min for 10,000 images, 3.0 GiB; its score is not measured.
    """
    return _silver("silver_v2s", "efficientnet_v2_s")


@recipe
def silver_v2m() -> Recipe:
    """Silver, second of three nets: EfficientNetV2M, 143 of its 719 layers frozen.

    Reported: hidden .90 (development), .95 (final), clean hold-out .9749.
    Measured here: 4 s of one core a step of 32, 21 min for 10,000 images, 4.8 GiB; its score is not measured: needs
    a GPU.
    """
    return _silver("silver_v2m", "efficientnet_v2_m")


@recipe
def silver_v2l() -> Recipe:
    """Silver, third of three nets: EfficientNetV2L.

    Reported: hidden .94 (final), clean hold-out .9861.
    Measured here: not measured, needs a GPU.
    """
    return _silver("silver_v2l", "efficientnet_v2_l", batch_size=16)


@recipe
def redcell() -> Recipe:
    """RedCell: DenseNet121 at 96 px, RandAugment; 30 views at prediction, of which the kit's eight remain.

    It unfroze the convolutions in five rounds with Nadam; here they are tuned in one round with Adam.

    Reported: hidden .92, of which the views are 1 to 5 points.
    Measured here: 7.2 s of one core a step of 128, 9 min for 10,000 images, 4.6 GiB; its score is not measured.
    """
    return _winner(
        "redcell",
        "densenet121",
        "randaugment",
        image_size=96,
        dropout=0.4,
        freeze_batch_norm=True,
        batch_size=128,
        optimizer="adam",
        weight_decay=0.0,
        head_epochs=10,
        epochs=90,
        schedule="plateau",
        plateau_patience=2,
        learning_rate=5e-4,
    )
