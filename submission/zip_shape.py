"""The image shape that a zip of this kit expects."""

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
