"""The ways to weigh members and views, the one that fits the fewest numbers first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from submission.kit.errors import KitError

from .calibrate import log_loss
from .cma import cma_weights
from .greedy import greedy_weights
from .limits import Limits
from .rows import Rows
from .simplex import simplex_weights
from .stacking import full_stack, stacked_weights
from .views import choose_views

NEGLIGIBLE = 0.02  # of the largest weight: less costs a pass of a net over every image and changes next to nothing

Fit = Callable[[Rows, int], np.ndarray]


@dataclass(frozen=True)
class Method:
    """`fit(rows, max_members)` returns float64 (M, V) weights, sum 1, with at most `max_members` rows above 0.

    quick: one of those that are tried by default. ships: whether an ensemble of these weights is the whole of it; what
    does not ship has `answers(rows, others, max_members)`, float64 (n, K) for the other rows, and its weights say what
    it would run.
    """

    name: str
    description: str
    fit: Fit
    quick: bool = False
    answers: Callable[[Rows, Rows, int], np.ndarray] | None = None

    @property
    def ships(self) -> bool:
        return self.answers is None

    def fit_within(self, rows: Rows, limits: Limits) -> np.ndarray:
        """The weights of `fit`, cut down to what the limits allow."""
        return limits.within(rows, self.fit(rows, limits.max_members))


@lru_cache(maxsize=1)
def view_policies(rows: Rows) -> np.ndarray:
    """float64 (M, V): equal weights of the views that `choose_views` takes for each member, rows of sum 1."""
    policies = np.zeros(rows.probs_mvnk.shape[:2])
    first = _identity(rows)
    for m, probs_vnk in enumerate(rows.probs_mvnk):
        votes = choose_views(probs_vnk, rows.labels, rows.shares, rows.groups, rows.shifted, first)
        policies[m, [vote.view for vote in votes]] = 1 / len(votes)
    return policies


def plain_views(rows: Rows) -> np.ndarray:
    """float64 (M, V): all views that move pixels and change none, alike."""
    policies = np.zeros(rows.probs_mvnk.shape[:2])
    policies[:, rows.plain_views] = 1 / len(rows.plain_views)
    return policies


def learned_views(rows: Rows) -> np.ndarray:
    """float64 (M, V): each member's own view weights of least log-loss, rows of sum 1.

    Source: Shanmugam et al. 2021, "Better Aggregation in Test-Time Augmentation".
    """
    pairs = zip(rows.label_probs(), _bearable(rows), strict=True)
    return np.stack([_fit_kept(label_probs_vn, rows, kept_v) for label_probs_vn, kept_v in pairs])


def _bearable(rows: Rows) -> np.ndarray:
    """bool (M, V): plain views, and of the others those that `choose_views` takes for the member.

    The log-loss of a mean that is too sure under shift falls with any view that softens it, also with one that the net
    answers by chance.
    """
    bearable = np.zeros(rows.probs_mvnk.shape[:2], bool)
    bearable[:, rows.plain_views] = True
    return bearable if bearable.all() else bearable | (view_policies(rows) > 0)


@lru_cache(maxsize=2)
def _members(rows: Rows, by_policy: bool) -> np.ndarray:
    """float32 (M, N, K): each member's mean over its views."""
    policies = view_policies(rows) if by_policy else plain_views(rows)
    means = np.empty((len(policies), *rows.probs_mvnk.shape[2:]), np.float32)
    for m, weights_v in enumerate(policies):
        used = weights_v > 0
        np.einsum("v,vnk->nk", weights_v[used], rows.probs_mvnk[m, used], out=means[m], casting="same_kind")
    return means


def _spread(rows: Rows, weights_m: np.ndarray, by_policy: bool) -> np.ndarray:
    """(M, V): each member's weight over its views."""
    return weights_m[:, None] * (view_policies(rows) if by_policy else plain_views(rows))


def _equal(rows: Rows, max_members: int) -> np.ndarray:
    return _spread(rows, _mean_of(rows, _ranking(rows, False)[:max_members]), False)


def _single(rows: Rows, max_members: int) -> np.ndarray:
    weights_mv = np.zeros(rows.probs_mvnk.shape[:2])
    identity = _identity(rows)
    best = min(range(len(weights_mv)), key=lambda m: _badness(rows.probs_mvnk[m, identity], rows))
    weights_mv[best, identity] = 1
    return weights_mv


def _single_over(by_policy: bool) -> Fit:
    return lambda rows, _: _spread(rows, _mean_of(rows, _ranking(rows, by_policy)[:1]), by_policy)


def _single_learned(rows: Rows, max_members: int) -> np.ndarray:
    learned = learned_views(rows)
    means = {m: np.einsum("v,vnk->nk", weights_v, rows.probs_mvnk[m]) for m, weights_v in enumerate(learned)}
    best = min(means, key=lambda m: _badness(means[m], rows))
    return _mean_of(rows, [best])[:, None] * learned


def _top_over(by_policy: bool) -> Fit:
    def fit(rows: Rows, max_members: int) -> np.ndarray:
        ranking, members = _ranking(rows, by_policy), _members(rows, by_policy)
        prefixes = [ranking[:k] for k in range(1, min(max_members, len(ranking)) + 1)]
        best = min(prefixes, key=lambda prefix: _badness(members[prefix].mean(0, dtype=np.float64), rows))
        return _spread(rows, _mean_of(rows, best), by_policy)

    return fit


def _greedy_over(by_policy: bool) -> Fit:
    def fit(rows: Rows, max_members: int) -> np.ndarray:
        weights_m = greedy_weights(_members(rows, by_policy), rows.labels, rows.shares, max_members)
        return _spread(rows, weights_m, by_policy)

    return fit


def _greedy_views(rows: Rows, max_members: int) -> np.ndarray:
    bearable = _bearable(rows)
    owners = np.nonzero(bearable)[0]
    probs = rows.probs_mvnk.reshape(-1, *rows.probs_mvnk.shape[2:]) if bearable.all() else rows.probs_mvnk[bearable]
    weights_mv = np.zeros(bearable.shape)
    weights_mv[bearable] = greedy_weights(probs, rows.labels, rows.shares, max_members, owners=owners)
    return weights_mv


def _simplex_over(by_policy: bool, worst: bool = False) -> Fit:
    def fit(rows: Rows, max_members: int) -> np.ndarray:
        members = _members(rows, by_policy)[:, np.arange(len(rows.labels)), rows.labels]
        weights_m = _fit_kept(members, rows, np.ones(len(members), bool), worst)
        weights_m = _fit_kept(members, rows, _largest(weights_m, max_members), worst)
        return _spread(rows, weights_m, by_policy)

    return fit


def _simplex_views(rows: Rows, max_members: int) -> np.ndarray:
    label_probs_mvn = rows.label_probs()
    weights_mv = _fit_kept(label_probs_mvn, rows, _bearable(rows))
    kept_m = _largest(weights_mv.sum(1), max_members)
    return _fit_kept(label_probs_mvn, rows, (weights_mv > 0) & kept_m[:, None])


def _searched(weigh: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Fit:
    """Weights of members from (probs_mnk, labels, shares), searched for again among the largest `max_members`."""

    def fit(rows: Rows, max_members: int) -> np.ndarray:
        members, ranking = _members(rows, False), np.array(_ranking(rows, False))  # whatever order they came in
        for _ in range(2):
            weights = weigh(members[ranking], rows.labels, rows.shares)
            weights[weights < NEGLIGIBLE * weights.max()] = 0
            if np.count_nonzero(weights) <= max_members:
                break
            ranking = ranking[_largest(weights, max_members)]
        weights_m = np.zeros(len(members))
        weights_m[ranking] = weights / weights.sum()
        return _spread(rows, weights_m, False)

    return fit


def _full_stack(rows: Rows, others: Rows, max_members: int) -> np.ndarray:
    kept = sorted(_ranking(rows, False)[:max_members])
    return full_stack(_members(rows, False)[kept], rows.labels, rows.shares, _members(others, False)[kept])


METHODS = (
    Method("equal", "equal weights, all members (the best ones up to the limit), all plain views", _equal, quick=True),
    Method("single", "best single member, identity view", _single, quick=True),
    Method("single_tta", "best single member, all plain views", _single_over(False), quick=True),
    Method("single_policy", "best single member, the views chosen for it", _single_over(True)),
    Method("top", "equal weights, best k members, all plain views", _top_over(False), quick=True),
    Method("top_policy", "equal weights, best k members, the views chosen for each", _top_over(True)),
    Method("greedy", "greedy selection with replacement, all plain views", _greedy_over(False), quick=True),
    Method("greedy_policy", "greedy selection, the views chosen for each member", _greedy_over(True)),
    Method("simplex_members", "log-loss weights of members, plain views equal", _simplex_over(False), quick=True),
    Method("single_learned", "best single member, learned weights of its views", _single_learned),
    Method("simplex_policy", "log-loss weights of members, the views chosen for each", _simplex_over(True)),
    Method("worst_family", "log-loss weights for the worst family of shifts (group DRO)", _simplex_over(False, True)),
    Method("stack", "stacking: one logistic coefficient a member", _searched(stacked_weights)),
    Method("cma", "balanced accuracy by evolution strategy (CMA-ES)", _searched(cma_weights)),
    Method("greedy_views", "greedy selection among members x views", _greedy_views),
    Method("simplex_views", "log-loss weights of members and views", _simplex_views, quick=True),
    Method("stack_full", "not shippable: logistic layer on all probabilities", _equal, answers=_full_stack),
)


def get_methods(names: Sequence[str]) -> list[Method]:
    """Methods by name, in the order of `METHODS`; "quick" and "all" stand for several.

    Raises:
        KitError: unknown names; all are listed.
    """
    known = {method.name for method in METHODS}
    unknown = [name for name in names if name not in known | {"quick", "all"}]
    if unknown:
        raise KitError(f"expected methods among quick, all, {', '.join(sorted(known))}. Received: {', '.join(unknown)}")
    return [m for m in METHODS if "all" in names or m.name in names or ("quick" in names and m.quick)]


def forget() -> None:
    """Drop what is kept of the rows that were fitted last."""
    view_policies.cache_clear()
    _members.cache_clear()


def _identity(rows: Rows) -> int:
    if "identity" not in rows.views:
        raise KitError(f"expected predictions of the view identity. Received: views={rows.views}. Predict again.")
    return rows.views.index("identity")


def _badness(mixed_nk: np.ndarray, rows: Rows) -> tuple[float, float]:
    """(minus accuracy, log-loss): the smaller the better."""
    accuracy = round(float(rows.shares @ (mixed_nk.argmax(-1) == rows.labels)), 12)
    return -accuracy, round(log_loss(mixed_nk, rows.labels, rows.shares), 10)


def _ranking(rows: Rows, by_policy: bool) -> list[int]:
    """Members, the best first."""
    members = _members(rows, by_policy)
    return sorted(range(len(members)), key=lambda m: _badness(members[m], rows))


def _mean_of(rows: Rows, members: Sequence[int]) -> np.ndarray:
    weights_m = np.zeros(len(rows.probs_mvnk))
    weights_m[list(members)] = 1 / len(members)
    return weights_m


def _fit_kept(label_probs: np.ndarray, rows: Rows, kept: np.ndarray, worst: bool = False) -> np.ndarray:
    """Log-loss weights of the candidates `kept`, 0 for the others and for what turns out negligible."""
    weights = np.zeros(kept.shape)
    weights[kept] = simplex_weights(label_probs[kept], rows.shares, groups=rows.families if worst else None)
    weights[weights < NEGLIGIBLE * weights.max()] = 0
    return weights / weights.sum()


def _largest(weights: np.ndarray, limit: int) -> np.ndarray:
    """bool, like `weights`: the `limit` largest that are above 0."""
    largest = np.zeros(weights.shape, bool)
    largest[np.argsort(-weights, kind="stable")[:limit]] = True
    return largest & (weights > 0)
