"""Which views a run predicts: the texts of the command line to names, with the training images' means filled in."""

from collections.abc import Sequence

import numpy as np

from submission.kit.folds import Folds
from submission.kit.image_set import ImageSet
from submission.kit.photometric import zone_contrast
from submission.kit.tta import check_views, views_for

DIHEDRAL, ALL = "dihedral", "all"
_SAMPLE = 2000  # images are enough for means of two digits
_BATCH = 256


def view_names(texts: Sequence[str], data: ImageSet, folds: Folds) -> list[str]:
    """The views that are meant, each once, in order.

    Args:
        texts: `dihedral`, `all` or names of `kit.tta.get_view`, several joined by commas.
        data: A/data; its training images are measured for `all`.
        folds: which those are.

    Raises:
        KitError: unknown views, or such that do not fit the images; all are named.
    """
    names: list[str] = []
    for text in (part for one in texts for part in one.split(",") if part):
        if text in (DIHEDRAL, ALL):
            names += views_for(data.image_shape)
        if text == ALL:
            names += candidates(data, folds)
        elif text != DIHEDRAL:
            names.append(text)
    names = list(dict.fromkeys(names))
    check_views(names, data.image_shape)
    return names


def candidates(data: ImageSet, folds: Folds) -> list[str]:
    """Views beyond the symmetries that may help under shift; the same for all folds, since members share views."""
    height, width, channels = data.image_shape
    step = max(1, round(0.06 * min(height, width)))
    mean, contrast, colours = _measure(data, folds)
    target = f"{np.clip(mean, 0.01, 0.99):.2f}"
    uninvert = f"uninvert_{mean:.2f}_{contrast:.2f}"
    names = [f"shift_{down}_{right}" for down, right in ((step, 0), (-step, 0), (0, step), (0, -step))]
    names += ["zoom_0.9", "zoom_1.1", "zoom_1.25", "autocontrast", "autocontrast_2", f"gamma_{target}", uninvert]
    if channels == 3:
        names += ["greyworld", "balance_" + "_".join(f"{np.clip(one, 0.01, 0.99):.2f}" for one in colours)]
    return [*names, "fill_60", "fill_160", f"fill_160+{uninvert}+autocontrast_2"]


def _measure(data: ImageSet, folds: Folds) -> tuple[float, float, np.ndarray]:
    """Mean of all values, mean contrast, mean of each channel, of up to 2,000 training images; in [0, 1]."""
    rows = np.sort(folds.index[np.char.startswith(folds.part, "fold")])
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(np.int64))]
    contrasts, sums = [], np.zeros(data.image_shape[2])
    for start in range(0, len(rows), _BATCH):
        batch = data.images[rows[start : start + _BATCH]]
        contrasts.append(zone_contrast(batch))
        sums += batch.mean((1, 2), dtype=np.float64).sum(0)
    colours = sums / (255 * len(rows))
    return float(colours.mean()), float(np.concatenate(contrasts).mean()), colours
