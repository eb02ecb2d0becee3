"""The parts that the transformers share: positions and pre-norm blocks, of stock layers."""

from typing import Any

import numpy as np
from keras import layers


def positions(rows: int, columns: int, width: int) -> np.ndarray:
    """Sines and cosines of each token's row and column, float32 (rows * columns, width).

    Source: Beyer et al. 2022, Better plain ViT baselines for ImageNet-1k.
    """
    frequencies = 10_000.0 ** -np.linspace(0.0, 1.0, width // 4)
    y, x = np.mgrid[:rows, :columns].reshape(2, -1, 1) * frequencies
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1).astype(np.float32)


def encoded(tokens: Any, depth: int, heads: int) -> Any:
    """The mean (n, width) of symbolic tokens (n, rows, columns, width) after `depth` pre-norm blocks.

    Source: Dosovitskiy et al. 2021; mean in place of a class token as in Beyer et al. 2022.
    """
    _, rows, columns, width = tokens.shape
    x = layers.Reshape((rows * columns, width))(tokens) + positions(rows, columns, width)
    for _ in range(depth):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(y, y)])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(y))
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return layers.GlobalAveragePooling1D()(x)
