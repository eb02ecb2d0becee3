"""What the contestants named as future work, under the kit's strong policy: transformers small enough for 96 px, newer
nets; and nets whose ImageNet weights are small files. The hyper-parameters are the nets' usual ones.
"""

from .recipe import Recipe
from .registry import recipe


def _transformer(name: str) -> Recipe:
    return Recipe(
        name,
        backbone=name,
        dropout=0.0,
        epochs=100,
        learning_rate=1e-3,
        weight_decay=0.05,
        warmup_epochs=5.0,
        patience=20,
    )


def _pretrained(name: str, learning_rate: float, **changes) -> Recipe:
    """Head first, then whole."""
    return Recipe(
        name,
        backbone=name,
        weights="imagenet",
        head_epochs=2,
        epochs=30,
        learning_rate=learning_rate,
        **changes,
    )


@recipe
def vit_tiny() -> Recipe:
    """A tiny vision transformer from scratch (Dosovitskiy et al. 2021; training as in Touvron et al. 2021).

    Reported: nobody trained one.
    Measured here: 4.7 s of one core a step of 64, 12 min for 10,000 images, 4.1 GiB; its score is not measured.
    """
    return _transformer("vit_tiny")


@recipe
def conv_vit() -> Recipe:
    """A hybrid from scratch: a convolutional stem before a small transformer (Xiao et al. 2021).

    Reported: nobody trained one.
    Measured here: 4.6 s of one core a step of 64, 12 min for 10,000 images, 3.9 GiB; its score is not measured.
    """
    return _transformer("conv_vit")


@recipe
def convnext_tiny() -> Recipe:
    """ConvNeXt-Tiny from ImageNet weights, head first, then whole (Liu et al. 2022).

    Reported: nobody trained one.
    Measured here: 27 s of one core a step of 64, 72 min for 10,000 images, 4.8 GiB; its score is not measured:
    needs a GPU.
    """
    return _pretrained("convnext_tiny", learning_rate=1e-4, weight_decay=0.05)


@recipe
def efficientnet_v2_b0() -> Recipe:
    """EfficientNetV2-B0 from ImageNet weights, head first, then whole (Tan and Le 2021).

    Reported: nobody trained one.
    Measured here: 1.4 s of one core a step of 64, 4 min for 10,000 images, 2.3 GiB; its score is not measured.
    """
    return _pretrained("efficientnet_v2_b0", learning_rate=1e-3)


@recipe
def efficientnet_v2_b3() -> Recipe:
    """EfficientNetV2-B3 from ImageNet weights, head first, then whole (Tan and Le 2021).

    Reported: nobody trained one.
    Measured here: 2.5 s of one core a step of 64, 6 min for 10,000 images, 3.4 GiB; its score is not measured.
    """
    return _pretrained("efficientnet_v2_b3", learning_rate=5e-4)


def _mobilenet(name: str, backbone: str, **changes) -> Recipe:
    return Recipe(name, backbone, **{"weights": "imagenet", "epochs": 30, "learning_rate": 1e-3, **changes})


@recipe
def mobilenet_v1() -> Recipe:
    """MobileNetV1 without its last block, tuned whole: small enough to be fine-tuned on two CPU cores.

    Its weights may come from a file: `--weights FILE.weights.h5`, saved from the net up to the layer conv_dw_13_relu.

    Reported: nobody trained one.
    Measured here: 0.88 s of one core a step of 64, 2 min for 10,000 images, 1.7 GiB; clean 0.978, an2dl 0.945,
    bloodmnist-c 0.961, stain 0.953 after 20 min (--weights mobilenetv1_1.0_to_conv_dw_13_relu.weights.h5 --budget
    15m).
    """
    return _mobilenet("mobilenet_v1", "mobilenet_v1_to_13")


@recipe
def mobilenet_v1_128() -> Recipe:
    """mobilenet_v1 on images enlarged to 128 px, for 1.8 times the computation.

    Reported: nobody trained one.
    Measured here: 1.6 s of one core a step of 64, 4 min for 10,000 images, 2.2 GiB; its score is not measured.
    """
    return _mobilenet("mobilenet_v1_128", "mobilenet_v1_to_13", image_size=128)


@recipe
def mobilenet_v2_035() -> Recipe:
    """MobileNetV2 of width 0.35, tuned whole: the smallest net with ImageNet weights.

    Reported: nobody trained one.
    Measured here: from a file of ImageNet weights, `--budget 15m` on two busy CPU cores, 18 epochs; 8 views on 898
    real cells of the judge half: clean .986, an2dl .935; zip 2.7 MB. Four epochs in 5 minutes: clean .951, an2dl .875.
    """
    return _mobilenet("mobilenet_v2_035", "mobilenet_v2_035")
