"""The systems of the project Decoding Cellular Complexity (FICC 2025; repository
Blood_Cell_Classification_Publication).

Stated by the project: nets, most of them pretrained with classification layers of its own; images resized to 224x224; a
stratified split of 70 to 30 with 20 % of the training part for validation, and 5 folds: `make split HOLDOUT=0.3
FOLDS=5`; SMOTE; Adam, SGD and RMSProp; with and without shuffling; accuracy, precision, recall, F1 and the confusion
matrix, which detailed_results.html of each judged run shows. Its scores are of unaltered images (17,092 of 360x363 px;
here the contest's 96x96 px). Not stated, and usual here: phases, learning rates, the width of the classification
layers, early stopping.

Supervised contrastive learning follows Khosla et al. 2020: a projection head, then a linear one on the frozen backbone.
"""

from .recipe import Recipe
from .registry import recipe


def _decoding(name: str, backbone: str, **changes) -> Recipe:
    settings = {
        "weights": "imagenet",
        "image_size": 224,
        "policy": "decoding",
        "head_units": (256,),
        "dropout": 0.5,
        "freeze_batch_norm": True,
        "head_epochs": 5,
        "epochs": 15,
        "batch_size": 32,
        "optimizer": "adam",
        "learning_rate": 1e-5,
        "schedule": "constant",
        "warmup_epochs": 0.0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "ema_epochs": 0.0,
        "patience": 5,
    }
    return Recipe(name, backbone, **{**settings, **changes})


def _from_scratch(name: str, backbone: str, **changes) -> Recipe:
    settings = {
        "weights": None,
        "freeze_batch_norm": False,
        "head_epochs": 0,
        "epochs": 30,
        "learning_rate": 1e-3,
    }
    return _decoding(name, backbone, **{**settings, **changes})


@recipe
def decoding_cnn() -> Recipe:
    """Decoding's CNN, from scratch, with Adam.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: 2.9 s of one core a step of 32, 15 min for 10,000 images, 2.1 GiB; its score is not measured.
    """
    return _from_scratch("decoding_cnn", "basic_cnn")


@recipe
def decoding_unet() -> Recipe:
    """Decoding's U-Net: encoder and decoder with a classification head, from scratch.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: 22 s of one core a step of 32, 1.9 h for 10,000 images, 5.8 GiB; its score is not measured: needs
    a GPU.
    """
    return _from_scratch("decoding_unet", "unet")


@recipe
def decoding_resnet50() -> Recipe:
    """Decoding's ResNet50.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: 11 s of one core a step of 32, 58 min for 10,000 images, 4.4 GiB; its score is not measured:
    needs a GPU.
    """
    return _decoding("decoding_resnet50", "resnet50")


@recipe
def decoding_densenet201() -> Recipe:
    """Decoding's DenseNet201.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: not measured, needs a GPU.
    """
    return _decoding("decoding_densenet201", "densenet201")


@recipe
def decoding_vgg16() -> Recipe:
    """Decoding's VGG16.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: not measured, needs a GPU.
    """
    return _decoding("decoding_vgg16", "vgg16")


@recipe
def decoding_mobilenet_v2() -> Recipe:
    """Decoding's MobileNetV2.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: 2.7 s of one core a step of 32, 14 min for 10,000 images, 3.1 GiB; its score is not measured.
    """
    return _decoding("decoding_mobilenet_v2", "mobilenet_v2")


@recipe
def decoding_inception_v3() -> Recipe:
    """Decoding's InceptionV3.

    Reported: no hidden score; its test score is not among the three that the project quotes.
    Measured here: 6.9 s of one core a step of 32, 36 min for 10,000 images, 3.3 GiB; its score is not measured:
    needs a GPU.
    """
    return _decoding("decoding_inception_v3", "inception_v3")


@recipe
def decoding_xception() -> Recipe:
    """Decoding's Xception, its second best.

    Reported: no hidden score; test .9789, training .9934.
    Measured here: 13 s of one core a step of 32, 69 min for 10,000 images, 5.9 GiB; its score is not measured:
    needs a GPU.
    """
    return _decoding("decoding_xception", "xception")


@recipe
def decoding_hybrid() -> Recipe:
    """Decoding's best: the features of InceptionV3 and Xception side by side.

    Reported: no hidden score; test .9851, training .9975.
    Measured here: not measured, needs a GPU.
    """
    return _decoding("decoding_hybrid", "inception_xception")


@recipe
def decoding_smote() -> Recipe:
    """Decoding's CNN on classes levelled by SMOTE on the images themselves (Chawla et al. 2002).

    Reported: no score.
    Measured here: 2.8 s of one core a step of 32, 15 min for 10,000 images, 2.2 GiB; its score is not measured.
    """
    return _from_scratch("decoding_smote", "basic_cnn", balance="smote")


@recipe
def decoding_smote_features() -> Recipe:
    """Decoding's Xception, frozen: classes levelled by SMOTE on its features, then a head alone.

    Reported: no score.
    Measured here: not measured, needs a GPU.
    """
    return _decoding("decoding_smote_features", "xception", balance="smote_features", head_epochs=30, epochs=0)


@recipe
def decoding_contrastive() -> Recipe:
    """Decoding's supervised contrastive learning: ResNet50V2 by a projection head, then a linear head.

    The encoder is that of Keras' example of the method; the project does not name its own.

    Reported: no hidden score; test .9635, training .9839.
    Measured here: not measured, needs a GPU.
    """
    return _decoding(
        "decoding_contrastive",
        "resnet50_v2",
        head_units=(),
        freeze_batch_norm=False,
        contrastive_epochs=15,
        head_learning_rate=1e-4,
        head_epochs=20,
        epochs=0,
    )


@recipe
def decoding_sgd() -> Recipe:
    """Decoding's comparison of optimisers: its CNN with SGD, against Adam in decoding_cnn.

    Reported: no score.
    Measured here: 2.8 s of one core a step of 32, 14 min for 10,000 images, 2.2 GiB; its score is not measured.
    """
    return _from_scratch("decoding_sgd", "basic_cnn", optimizer="sgd", learning_rate=1e-2)


@recipe
def decoding_rmsprop() -> Recipe:
    """Decoding's comparison of optimisers: its CNN with RMSProp, against Adam in decoding_cnn.

    Reported: no score.
    Measured here: 2.8 s of one core a step of 32, 15 min for 10,000 images, 2.2 GiB; its score is not measured.
    """
    return _from_scratch("decoding_rmsprop", "basic_cnn", optimizer="rmsprop")


@recipe
def decoding_unshuffled() -> Recipe:
    """Decoding's comparison of shuffling: its CNN on images that always come in the file's order.

    Reported: no score.
    Measured here: 2.8 s of one core a step of 32, 15 min for 10,000 images, 2.2 GiB; its score is not measured.
    """
    return _from_scratch("decoding_unshuffled", "basic_cnn", shuffle=False)
