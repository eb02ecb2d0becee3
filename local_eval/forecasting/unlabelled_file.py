"""The user's unlabelled images, from .npz or .npy."""

from pathlib import Path

import numpy as np

from submission.kit.errors import KitError

_FORM = "uint8 images (N, H, W, C), or floats 0-255 of whole numbers"


def read_unlabelled(path: Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 (N, H, W, C) of a .npy, or of the key `images` (else the only array of four axes) of a .npz.

    Args:
        path: the file.
        image_shape: (H, W, C) of the contest.

    Raises:
        KitError: no such file, damaged, no images, of another shape, or not 0 to 255.
    """
    try:
        if path.suffix == ".npy":
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            # Opened here, because numpy leaves a damaged npz open.
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as found:
                arrays = [name for name in found.files if name in ("images", "X", "x", "data")] or found.files
                fitting = [name for name in arrays if found[name].ndim == 4]
                if len(fitting) != 1:
                    raise KitError(f"{path}: expected a key images. Received: the keys {', '.join(found.files)}.")
                images = found[fitting[0]]
    except FileNotFoundError:
        raise KitError(f"expected unlabelled images at {path}. Received: no such file.") from None
    except KitError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        raise KitError(f"{path} cannot be read as .npz or .npy ({type(error).__name__}: {error}).") from None
    if images.ndim != 4 or not len(images) or tuple(images.shape[1:]) != tuple(image_shape):
        raise KitError(f"{path}: expected images (N, {', '.join(map(str, image_shape))}). Received: {images.shape}.")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.number):
        raise KitError(f"{path}: expected {_FORM}. Received: {images.dtype}.")
    low, high = float(np.min(images)), float(np.max(images))
    if not (low >= 0 and high <= 255) or (np.issubdtype(images.dtype, np.floating) and high <= 1):
        raise KitError(f"{path}: expected {_FORM}. Received: {images.dtype} from {low:g} to {high:g}.")
    return images.astype(np.uint8)
