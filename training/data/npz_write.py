"""An npz of images and labels, written batch by batch."""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


def write_npz(
    path: Path,
    batches: Iterable[np.ndarray],
    shape: tuple[int, int, int, int],
    labels: np.ndarray,
    class_names: Sequence[str],
) -> None:
    """Write `images`, `labels` and `class_names` as `np.savez` would; memory is that of one batch.

    Args:
        path: where; not atomic by itself.
        batches: uint8 (n, H, W, C), N images in all.
        shape: (N, H, W, C).
        labels: int64 (N,).
        class_names: K names.
    """
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(
                file,
                {"descr": "|u1", "fortran_order": False, "shape": shape},  # type: ignore[arg-type]
            )
            for batch in batches:
                file.write(np.ascontiguousarray(batch).data)
        for name, array in (("labels", labels), ("class_names", np.array(class_names))):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)  # type: ignore[arg-type]
