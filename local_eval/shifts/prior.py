"""The suite `prior`: class frequencies changed, images clean.

Frequencies are drawn from a Dirichlet distribution, the uniform one over all frequencies. The images are drawn without
replacement, as many as the frequencies allow: each counts once, so that intervals hold and ids stay unique; the suite
is smaller than the hold-out.
"""

import numpy as np

from .suite import Step, register_suite

_LEAST = 0.25  # of the images that are there: rather nearer to uniform frequencies than fewer


def choose_rows(rng: np.random.Generator, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows with frequencies of their own; see `Suite.choose_rows`."""
    present, counts = np.unique(labels, return_counts=True)
    wanted = rng.dirichlet(np.ones(len(present)))
    even = counts.min() * len(present)  # images where all classes are as frequent as the rarest
    least = min(even, _LEAST * counts.sum())
    for _ in range(20):
        total = (counts / np.maximum(wanted, 1e-9)).min()
        if total >= least:
            break
        wanted = 0.8 * wanted + 0.2 / len(present)
    taken = np.clip(np.floor(wanted * total + 1e-9).astype(int), 1, counts)  # no class vanishes
    rows = [
        np.flatnonzero(labels == label)[np.argsort(order[labels == label], kind="stable")[:number]]
        for label, number in zip(present, taken, strict=True)
    ]
    return np.concatenate(rows)


@register_suite("prior", version=1, choose_rows=choose_rows)
def unchanged(rng: np.random.Generator, channels: int) -> list[Step]:
    """No step: the images are clean."""
    return []
