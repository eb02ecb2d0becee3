"""What an image set is, in a short text: two with the same one are the same images, labels and ids."""

from pathlib import Path

from submission.kit.files import sha256_file

ARRAYS = ("images.npy", "labels.npy", "ids.npy")


def images_fingerprint(folder: Path) -> str:
    """Beginnings of the sha256 of an image set's arrays, joined by -; `OSError` where one cannot be read."""
    return "-".join(sha256_file(folder / name)[:16] for name in ARRAYS)
