"""Backbones by name: nets from float images in [0, 255] to logits, with their own scaling inside."""

from . import mobilenet_v3, small_cnn  # noqa: F401  (registers them)
from .depth import features_of, head_of, set_trainable
from .registry import BACKBONES, PRETRAINED, build, check_backbone

__all__ = ["BACKBONES", "PRETRAINED", "build", "check_backbone", "features_of", "head_of", "set_trainable"]
