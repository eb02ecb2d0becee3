"""Predicted probabilities on disk: joined by image id, never by row."""

from __future__ import annotations  # platforms run Python 3.9

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import KitError
from .files import atomic_path

MEND = "python -m training.predict"


@dataclass(frozen=True)
class Probs:
    """One member's probabilities.

    ids: unicode (N,); labels: int64 (N,); probs_vnk: float32 (V, N, K), rows sum to 1; views: V names of `kit.tta`.
    """

    ids: np.ndarray
    labels: np.ndarray
    probs_vnk: np.ndarray
    views: list[str]

    def at(self, ids: np.ndarray, mend: str = MEND) -> Probs:
        """The same, in the order of `ids`; `KitError` names the first missing ones and the command that mends it."""
        row = {image_id: n for n, image_id in enumerate(self.ids)}
        missing = [str(image_id) for image_id in ids if image_id not in row]
        if missing:
            raise KitError(
                f"expected predictions for {len(ids)} images. Received: none for {len(missing)}, {missing[:3]} first. "
                f"Run `{mend}` again."
            )
        rows = np.array([row[image_id] for image_id in ids], dtype=np.int64)
        return Probs(self.ids[rows], self.labels[rows], self.probs_vnk[:, rows], self.views)


def save_probs(path: str | Path, probs: Probs) -> None:
    """Write one npz atomically."""
    with atomic_path(path) as new:
        np.savez(
            new,
            ids=probs.ids,
            labels=probs.labels,
            probs=probs.probs_vnk.astype(np.float32),
            views=np.array(probs.views),
        )


def load_probs(path: str | Path, mend: str = MEND) -> Probs:
    """Read what `save_probs` wrote.

    Args:
        path: the npz.
        mend: the command that makes it; it is named in errors.

    Raises:
        KitError: missing, damaged, not finite, or rows that do not sum to 1.
    """
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            probs = Probs(file["ids"], file["labels"], file["probs"], [str(view) for view in file["views"]])
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        raise KitError(
            f"{path} cannot be read ({type(error).__name__}: {error}): delete it and run `{mend}`."
        ) from None
    if not np.isfinite(probs.probs_vnk).all() or np.abs(probs.probs_vnk.sum(-1) - 1).max(initial=0) > 1e-3:
        raise KitError(f"{path}: expected finite probabilities whose rows sum to 1. Delete it and run `{mend}`.")
    return probs
