"""The rows that ensembles are fitted on: shifted and clean copies of the same images, each row with its share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from submission.kit.blend import temper
from submission.kit.errors import KitError

from .table import Table


@dataclass(frozen=True)
class Rows:
    """N rows of tempered probabilities.

    probs_mvnk: float32 (M, V, N, K); labels: int64 (N,); shares: float64 (N,), sum 1; images: int64 (N,), rows with the
    same number are copies of one image; shifted: bool (N,); views: V names.
    """

    probs_mvnk: np.ndarray
    labels: np.ndarray
    shares: np.ndarray
    images: np.ndarray
    shifted: np.ndarray
    views: list[str]

    def where(self, mask: np.ndarray) -> "Rows":
        """Only the rows of `mask`; the shares again sum to 1."""
        shares = self.shares[mask]
        return Rows(
            self.probs_mvnk[:, :, mask],
            self.labels[mask],
            shares / shares.sum(),
            self.images[mask],
            self.shifted[mask],
            self.views,
        )

    def with_views(self, names: Sequence[str]) -> "Rows":
        """Only the views `names`."""
        return replace(self, probs_mvnk=self.probs_mvnk[:, [self.views.index(name) for name in names]], views=[*names])

    def with_members(self, members: Sequence[int]) -> "Rows":
        """Only the members of these numbers."""
        return replace(self, probs_mvnk=self.probs_mvnk[list(members)])

    def mixture(self, weights_mv: np.ndarray) -> np.ndarray:
        """float64 (N, K): the weighted mean of the members and views."""
        mixed = np.zeros(self.probs_mvnk.shape[2:])
        for m, v in np.argwhere(weights_mv > 0):
            mixed += weights_mv[m, v] * self.probs_mvnk[m, v]
        return mixed


def build_rows(
    shifted: Table,
    clean: Table,
    temperatures_m: Sequence[float],
    clean_share: float,
    artifacts: Path = Path("artifacts/synthetic"),
) -> Rows:
    """Stack both suites; the clean rows together weigh `clean_share`, the shifted ones the rest.

    Args:
        shifted: the table that weights are fitted under.
        clean: the same members, views and images, unaltered.
        temperatures_m: M temperatures.
        clean_share: in [0, 1].
        artifacts: A, for the commands in errors.

    Raises:
        KitError: the two tables do not hold the same images.
    """
    number = {image_id: n for n, image_id in enumerate(clean.ids)}
    if set(number) != set(shifted.ids):
        raise KitError(
            f"expected the shifted and the clean select suite to hold the same images. Received: "
            f"{len(set(number) ^ set(shifted.ids))} that are in one of them only. "
            f"Run `python -m local_eval.suites --artifacts {artifacts}`, then "
            f"`python -m training.predict --artifacts {artifacts}`."
        )
    parts = [
        np.stack([temper(probs_vnk, t) for probs_vnk, t in zip(table.probs_mvnk, temperatures_m, strict=True)])
        for table in (shifted, _with_views(clean, shifted.views, artifacts))
    ]
    num_shifted, num_clean = len(shifted.labels), len(clean.labels)
    return Rows(
        np.concatenate(parts, axis=2).astype(np.float32),
        np.concatenate([shifted.labels, clean.labels]),
        np.repeat([(1 - clean_share) / num_shifted, clean_share / num_clean], [num_shifted, num_clean]),
        np.array([number[image_id] for image_id in (*shifted.ids, *clean.ids)]),
        np.repeat([True, False], [num_shifted, num_clean]),
        shifted.views,
    )


def _with_views(table: Table, views: list[str], artifacts: Path) -> Table:
    missing = [view for view in views if view not in table.views]
    if missing:
        raise KitError(
            f"expected views {views} on both suites. Received: clean lacks {missing}. "
            f"Run `python -m training.predict --artifacts {artifacts}` again."
        )
    return replace(table, probs_mvnk=table.probs_mvnk[:, [table.views.index(view) for view in views]], views=views)
