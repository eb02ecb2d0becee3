"""Arithmetic that many operations share. Rows of pixels are kept whole: backends are slow on an innermost axis of 3."""

from typing import Any

import numpy as np
from keras import ops

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode L


def constant(values: Any) -> Any:
    """Numbers as a float32 tensor: PyTorch has no arithmetic of tensors with numpy arrays."""
    return ops.convert_to_tensor(np.asarray(values, np.float32))


def clip(images: Any) -> Any:
    """Back into [0, 255]."""
    return ops.clip(images, 0.0, 255.0)


def luma(images: Any) -> Any:
    """Grey level (n, H, W, 1) of images (n, H, W, C); one channel stays as it is."""
    if images.shape[-1] == 1:
        return images
    return ops.matmul(images, constant(LUMA)[:, None])


def mix_channels(images: Any, matrix: Any) -> Any:
    """Each pixel, a row of 3 channels, times a matrix (n, 3, 3) of its image: `pixel @ matrix`."""
    n, height, width, channels = images.shape
    mixed = ops.matmul(ops.reshape(images, (n, height * width, channels)), matrix)
    return ops.reshape(mixed, images.shape)


def rows(images: Any) -> Any:
    """Images (n, H, W, C) as (n, H, W * C), the same memory."""
    n, height, width, channels = images.shape
    return ops.reshape(images, (n, height, width * channels))


def per_channel(values: Any, images: Any) -> Any:
    """Values (n, 1, 1, 3) or (n, 1, 1, C), one a channel, as (n, 1, W * C), to go with `rows(images)`."""
    n, _, width, channels = images.shape
    return ops.reshape(ops.tile(values[..., :channels], (1, 1, width, 1)), (n, 1, width * channels))


def channel_mean(images: Any) -> Any:
    """Mean of each channel, (n, 1, 1, C)."""
    n, _, width, channels = images.shape
    means = ops.mean(ops.reshape(ops.mean(rows(images), axis=1), (n, width, channels)), axis=1)
    return ops.reshape(means, (n, 1, 1, channels))


def channel_range(images: Any) -> tuple[Any, Any]:
    """Least and greatest value of each channel, each (n, 1, 1, C)."""
    n, _, width, channels = images.shape

    def over_all(reduce: Any) -> Any:
        down = ops.reshape(reduce(rows(images), axis=1), (n, width, channels))
        return ops.reshape(reduce(down, axis=1), (n, 1, 1, channels))

    return over_all(ops.min), over_all(ops.max)
