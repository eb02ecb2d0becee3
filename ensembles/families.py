"""Families of suites: variants of one kind of shift count as one."""

from collections.abc import Sequence

import numpy as np

CLEAN = "clean"
_VARIANTS = ("an2dl", CLEAN)
_OF_CLEAN = {"prior"}  # other class frequencies, the images themselves untouched


def family_of(suite: str) -> str:
    """Suites of one family are variants of one another: "an2dl-mild" is of "an2dl", "prior" of "clean"."""
    if suite in _OF_CLEAN:
        return CLEAN
    return next((family for family in _VARIANTS if suite == family or suite.startswith(f"{family}-")), suite)


def balanced_shares(suites: Sequence[str] | np.ndarray, clean_share: float) -> np.ndarray:
    """A share a row, sum 1: shifted families count alike, so do the suites of a family and the rows of a suite.

    Args:
        suites: (N,) the suite of each row.
        clean_share: of the clean family, in [0, 1]; with clean rows alone, or none, one side has everything.

    Returns:
        float64 (N,).
    """
    names, number, counts = np.unique(np.asarray(suites, np.str_), return_inverse=True, return_counts=True)
    families = [family_of(str(name)) for name in names]
    shifted = {family for family in families if family != CLEAN}
    if not shifted or CLEAN not in families:
        clean_share = float(not shifted)
    of_family = {family: (1 - clean_share) / len(shifted) for family in shifted} | {CLEAN: clean_share}
    of_suite = np.array([of_family[family] / families.count(family) for family in families])
    return (of_suite / counts)[number]
