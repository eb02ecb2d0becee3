"""Backbones by name: nets from float images in [0, 255] to logits, with their own scaling inside."""

from . import (  # noqa: F401  (registers them)
    alexnet_like,
    basic_cnn,
    conv_vit,
    inception_xception,
    keras_nets,
    se_resnet50,
    small_cnn,
    unet,
    vit_tiny,
)
from .build import build, features_of, head_of
from .registry import BACKBONES, PRETRAINED, check_backbone
from .trainable import set_trainable

__all__ = ["BACKBONES", "PRETRAINED", "build", "check_backbone", "features_of", "head_of", "set_trainable"]
