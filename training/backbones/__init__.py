"""Backbones by name: nets from float images in [0, 255] to logits, with their own scaling inside."""

from . import mobilenet_v3, small_cnn  # noqa: F401  (registers them)
from .registry import BACKBONES, build, check_backbone

__all__ = ["BACKBONES", "build", "check_backbone"]
