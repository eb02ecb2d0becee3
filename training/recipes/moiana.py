"""The systems of the project LauraMoiana (AN2DL 2024-25, blood cells; repository Image-classification---blood-cells).

Stated by the project: nets on ImageNet weights with global average pooling and one dense layer; images resized to what
a net asks for; images with doubtful labels removed by cleanlab; AdamW from 1e-3, label smoothing 0.1, class weights
with mean 1, batches of 16, at most 150 epochs, early stopping after 15, ReduceLROnPlateau; RandAugment, CutMix, MixUp.
Its notebook trains the basic CNN with SGD, momentum 0.9 (`--set optimizer=sgd learning_rate=0.01`). Not stated, and the
usual fine-tuning here: the head before the backbone, the tune phase's learning rate, patience and factor of the
plateau.
"""

from .recipe import Recipe
from .registry import recipe


def _moiana(name: str, backbone: str, **changes) -> Recipe:
    settings = {
        "weights": "imagenet",
        "policy": "moiana",
        "freeze_batch_norm": True,
        "head_epochs": 3,
        "epochs": 147,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "schedule": "plateau",
        "plateau_patience": 5,
        "plateau_factor": 0.5,
        "warmup_epochs": 1.0,
        "label_smoothing": 0.1,
        "balance": "class_weights",
        "row_filter": "label_issues",
        "ema_epochs": 0.0,
        "patience": 15,
    }
    return Recipe(name, backbone, **{**settings, **changes})


@recipe
def moiana_basic_cnn() -> Recipe:
    """Moiana's baseline: five convolutional layers, from scratch.

    Reported: hidden .62.
    Measured here: `--budget 6m` on two busy CPU cores, 2 epochs; 8 views on 898 real cells of the judge half:
    clean .812, an2dl .555; zip 6.5 MB.
    """
    return _moiana(
        "moiana_basic_cnn",
        "basic_cnn",
        weights=None,
        freeze_batch_norm=False,
        head_epochs=0,
        epochs=150,
        batch_size=32,
        learning_rate=1e-3,
    )


@recipe
def moiana_vgg16() -> Recipe:
    """Moiana's VGG16 at its own 224 px.

    Reported: hidden .86.
    Measured here: not measured, needs a GPU.
    """
    return _moiana("moiana_vgg16", "vgg16", image_size=224, learning_rate=3e-5)


@recipe
def moiana_xception() -> Recipe:
    """Moiana's best: Xception at 299 px.

    Reported: hidden .92.
    Measured here: not measured, needs a GPU.
    """
    return _moiana("moiana_xception", "xception", image_size=299)


@recipe
def moiana_efficientnet_b7() -> Recipe:
    """Moiana's EfficientNetB7, at 224 px as its other nets; its own 600 px are not stated.

    Reported: hidden .88.
    Measured here: not measured, needs a GPU.
    """
    return _moiana("moiana_efficientnet_b7", "efficientnet_b7", image_size=224)


@recipe
def moiana_se_resnet50() -> Recipe:
    """Moiana's SE-ResNet50 at its own 224 px; from scratch, since Keras has no weights for it.

    Reported: hidden .75, from ImageNet weights: give a file with --weights, and head_epochs=3 learning_rate=0.0001.
    Measured here: not measured, needs a GPU.
    """
    return _moiana(
        "moiana_se_resnet50",
        "se_resnet50",
        image_size=224,
        weights=None,
        freeze_batch_norm=False,
        head_epochs=0,
        epochs=150,
        learning_rate=1e-3,
    )


@recipe
def moiana_convnext_base() -> Recipe:
    """Moiana's ConvNeXtBase at its own 224 px.

    Reported: hidden .91.
    Measured here: not measured, needs a GPU.
    """
    return _moiana("moiana_convnext_base", "convnext_base", image_size=224, learning_rate=5e-5)
