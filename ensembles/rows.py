"""The rows that ensembles are fitted on: clean and shifted copies of the same images, each row with its share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from submission.kit.blend import temper
from submission.kit.errors import KitError
from submission.kit.tta import VIEWS

from .families import CLEAN, balanced_shares, family_of
from .table import Table


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows of tempered probabilities.

    probs_mvnk: float32 (M, V, N, K); labels: int64 (N,); shares: float64 (N,), sum 1; groups: int64 (N,), rows with the
    same number are copies of one picture; suites: unicode (N,); views: V names; temperatures_m: float64 (M,), what the
    probabilities were tempered with. Two are equal when they are the same object.
    """

    probs_mvnk: np.ndarray
    labels: np.ndarray
    shares: np.ndarray
    groups: np.ndarray
    suites: np.ndarray
    views: list[str]
    temperatures_m: np.ndarray

    @property
    def families(self) -> np.ndarray:
        """unicode (N,), by `family_of`."""
        names, number = np.unique(self.suites, return_inverse=True)
        return np.array([family_of(str(name)) for name in names], np.str_)[number]

    @property
    def shifted(self) -> np.ndarray:
        """bool (N,): not of the clean family."""
        return self.families != CLEAN

    @property
    def shifted_families(self) -> list[str]:
        """Names, sorted."""
        return sorted(set(self.families.tolist()) - {CLEAN})

    @property
    def plain_views(self) -> np.ndarray:
        """int: numbers of the views that move pixels and change none; where there is none, of all."""
        found = [v for v, name in enumerate(self.views) if name in VIEWS]
        return np.array(found or range(len(self.views)))

    def where(self, mask: np.ndarray) -> "Rows":
        """Only the rows of `mask`; the shares again sum to 1."""
        shares = self.shares[mask]
        return replace(
            self,
            probs_mvnk=self.probs_mvnk[:, :, mask],
            labels=self.labels[mask],
            shares=shares / shares.sum(),
            groups=self.groups[mask],
            suites=self.suites[mask],
        )

    def without_family(self, family: str, clean_share: float, mask: np.ndarray) -> "Rows":
        """Only the rows of `mask` that are not of one family, the suites balanced anew."""
        rows = self.where(mask & (self.families != family))
        return replace(rows, shares=balanced_shares(rows.suites, clean_share))

    def with_views(self, names: Sequence[str]) -> "Rows":
        """Only the views `names`."""
        return replace(self, probs_mvnk=self.probs_mvnk[:, [self.views.index(name) for name in names]], views=[*names])

    def with_members(self, members: Sequence[int]) -> "Rows":
        """Only the members of these numbers."""
        members = list(members)
        return replace(self, probs_mvnk=self.probs_mvnk[members], temperatures_m=self.temperatures_m[members])

    def mixture(self, weights_mv: np.ndarray) -> np.ndarray:
        """float64 (N, K): the weighted mean of the members and views."""
        mixed = np.zeros(self.probs_mvnk.shape[2:])
        for m, v in np.argwhere(weights_mv > 0):
            mixed += weights_mv[m, v] * self.probs_mvnk[m, v]
        return mixed

    def raw_mixture(self, weights_mv: np.ndarray) -> np.ndarray:
        """float64 (N, K): the same of the probabilities as the nets gave them, before any temperature."""
        mixed = np.zeros(self.probs_mvnk.shape[2:])
        for m, v in np.argwhere(weights_mv > 0):
            mixed += weights_mv[m, v] * temper(self.probs_mvnk[m, v], 1 / self.temperatures_m[m])
        return mixed

    def label_probs(self) -> np.ndarray:
        """float32 (M, V, N): what each gives to the label."""
        return self.probs_mvnk[:, :, np.arange(len(self.labels)), self.labels]


def build_rows(
    tables: Mapping[str, Table],
    temperatures_m: Sequence[float],
    clean_share: float,
    groups: Mapping[str, int] | None = None,
    mend: str = "python -m training.predict",
) -> Rows:
    """Stack suites; see `balanced_shares` for what each row weighs.

    Args:
        tables: suite -> its table; all of the same members.
        temperatures_m: M temperatures.
        clean_share: in [0, 1], of the clean family.
        groups: id of an image -> number of its group of near-duplicates; an image that is not in it is its own group.
        mend: the command that predicts again; it is named in errors.

    Raises:
        KitError: suites lack views that others have, or have other classes; all such suites are listed.
    """
    first_suite, first = next(iter(tables.items()))
    differing = [
        f"{suite}: views {table.views}, {table.probs_mvnk.shape[3]} classes"
        for suite, table in tables.items()
        if set(table.views) != set(first.views) or table.probs_mvnk.shape[3] != first.probs_mvnk.shape[3]
    ]
    if differing:
        raise KitError(
            f"expected all suites with the views {first.views} and {first.probs_mvnk.shape[3]} classes, as "
            f"{first_suite}. Received: {'; '.join(differing)}. Run `{mend}` again."
        )
    parts = []
    for table in tables.values():
        ordered = table.probs_mvnk[:, [table.views.index(view) for view in first.views]]
        part = np.empty(ordered.shape, np.float32)
        for m, temperature in enumerate(temperatures_m):
            for v in range(len(first.views)):  # one at a time: tempering needs float64
                part[m, v] = temper(ordered[m, v], temperature)
        parts.append(part)
    ids = [str(one) for table in tables.values() for one in table.ids]
    suites = np.repeat(list(tables), [len(table.ids) for table in tables.values()])
    keys = [("id", one) if groups is None or one not in groups else ("group", str(groups[one])) for one in ids]
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return Rows(
        parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2),
        np.concatenate([table.labels for table in tables.values()]),
        balanced_shares(suites, clean_share),
        np.array([number[key] for key in keys]),
        suites,
        first.views,
        np.asarray(temperatures_m, np.float64),
    )
