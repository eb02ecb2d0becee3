"""The ways to weigh members and views, the one that fits the fewest numbers first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from submission.kit.errors import KitError

from .greedy import greedy_weights
from .rows import Rows
from .simplex import simplex_weights

NEGLIGIBLE = 0.02  # of the largest weight: less costs a pass of a net over every image and changes next to nothing


@dataclass(frozen=True)
class Method:
    """`fit(rows, max_members)` returns float64 (M, V) weights, sum 1, with at most `max_members` rows above 0."""

    name: str
    description: str
    fit: Callable[[Rows, int], np.ndarray]


def _equal(rows: Rows, max_members: int) -> np.ndarray:
    return _over_views(rows, _mean_of(rows, _ranking(rows)[:max_members]))


def _single(rows: Rows, max_members: int) -> np.ndarray:
    if "identity" not in rows.views:
        raise KitError(f"expected predictions of the view identity. Received: views={rows.views}. Predict again.")
    weights_mv = np.zeros(rows.probs_mvnk.shape[:2])
    identity = rows.with_views(["identity"])
    weights_mv[_ranking(identity)[0], rows.views.index("identity")] = 1
    return weights_mv


def _single_tta(rows: Rows, max_members: int) -> np.ndarray:
    return _over_views(rows, _mean_of(rows, _ranking(rows)[:1]))


def _top(rows: Rows, max_members: int) -> np.ndarray:
    ranking = _ranking(rows)
    prefixes = [_mean_of(rows, ranking[:k]) for k in range(1, min(max_members, len(ranking)) + 1)]
    return _over_views(rows, min(prefixes, key=lambda weights_m: _badness(rows, _over_views(rows, weights_m))))


def _greedy(rows: Rows, max_members: int) -> np.ndarray:
    return _over_views(rows, greedy_weights(rows.probs_mvnk.mean(1), rows.labels, rows.shares, max_members))


def _simplex_members(rows: Rows, max_members: int) -> np.ndarray:
    label_probs_mn = _label_probs(rows).mean(1)
    weights_m = _fit_kept(label_probs_mn, rows, np.ones(len(label_probs_mn), bool))
    return _over_views(rows, _fit_kept(label_probs_mn, rows, _largest(weights_m, max_members)))


def _simplex_views(rows: Rows, max_members: int) -> np.ndarray:
    label_probs_mvn = _label_probs(rows)
    weights_mv = _fit_kept(label_probs_mvn, rows, np.ones(label_probs_mvn.shape[:2], bool))
    kept_m = _largest(weights_mv.sum(1), max_members)
    return _fit_kept(label_probs_mvn, rows, (weights_mv > 0) & kept_m[:, None])


METHODS = (
    Method("equal", "equal weights, all members (the best ones up to the limit), all views", _equal),
    Method("single", "best single member, identity view", _single),
    Method("single_tta", "best single member, all views", _single_tta),
    Method("top", "equal weights, best k members, all views", _top),
    Method("greedy", "greedy selection with replacement, all views", _greedy),
    Method("simplex_members", "log-loss weights of members, views equal", _simplex_members),
    Method("simplex_views", "log-loss weights of members and views", _simplex_views),
)


def _badness(rows: Rows, weights_mv: np.ndarray) -> tuple[float, float]:
    """(minus accuracy, log-loss): the smaller the better."""
    mixed = rows.mixture(weights_mv)
    accuracy = round(float(rows.shares @ (mixed.argmax(-1) == rows.labels)), 12)
    label_probs = mixed[np.arange(len(rows.labels)), rows.labels]
    return -accuracy, float(rows.shares @ -np.log(np.maximum(label_probs, 1e-12)))


def _ranking(rows: Rows) -> list[int]:
    """Members, the best with equal weights of all views first."""
    members = range(len(rows.probs_mvnk))
    return sorted(members, key=lambda m: _badness(rows, _over_views(rows, _mean_of(rows, [m]))))


def _mean_of(rows: Rows, members: list[int]) -> np.ndarray:
    weights_m = np.zeros(len(rows.probs_mvnk))
    weights_m[members] = 1 / len(members)
    return weights_m


def _over_views(rows: Rows, weights_m: np.ndarray) -> np.ndarray:
    num_views = len(rows.views)
    return np.repeat(weights_m[:, None] / num_views, num_views, axis=1)


def _label_probs(rows: Rows) -> np.ndarray:
    """(M, V, N)"""
    return rows.probs_mvnk[:, :, np.arange(len(rows.labels)), rows.labels]


def _fit_kept(label_probs: np.ndarray, rows: Rows, kept: np.ndarray) -> np.ndarray:
    """Log-loss weights of the candidates `kept`, 0 for the others and for what turns out negligible."""
    weights = np.zeros(kept.shape)
    weights[kept] = simplex_weights(label_probs[kept], rows.shares)
    weights[weights < NEGLIGIBLE * weights.max()] = 0
    return weights / weights.sum()


def _largest(weights: np.ndarray, limit: int) -> np.ndarray:
    """bool, like `weights`: the `limit` largest that are above 0."""
    largest = np.zeros(weights.shape, bool)
    largest[np.argsort(-weights, kind="stable")[:limit]] = True
    return largest & (weights > 0)
