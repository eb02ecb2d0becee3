"""What the manifest in a zip of this kit tells of its images and weights."""

import json
import zipfile
from pathlib import Path

from submission.kit.errors import KitError


def image_shape(path: Path) -> tuple[int, ...] | None:
    """(H, W, C) of the zip's manifest.json; None where it has none, or one that is not this kit's.

    Raises:
        KitError: not a zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if "manifest.json" not in archive.namelist():
                return None
            shape = json.loads(archive.read("manifest.json"))["image_shape"]
            return tuple(int(length) for length in shape)
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise KitError(
            f"{path.name} cannot be read ({error}): `python -m submission.rules {path}` tells why."
        ) from None
    except (ValueError, KeyError, TypeError):
        return None


def least_equal_labels(path: Path) -> float:
    """The share of labels that the manifest vouches for, where weights are less exact than float32; else 1."""
    try:
        with zipfile.ZipFile(path) as archive:
            return float(json.loads(archive.read("manifest.json"))["precision"]["least_equal_labels"])
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, KeyError, TypeError):
        return 1.0
