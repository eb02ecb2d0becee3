"""Greedy ensemble selection with replacement, in whole numbers: exact, and it looks at open rows alone."""

import numpy as np

MOST_STEPS = 100
_UNIT = 1 << 24  # probabilities are counted in these units, so that sums of up to MOST_STEPS are exact in 32 bits
_SHARE_UNIT = 2.0**40  # and shares in these, so that sums are exact in the 53 bits of a float64
_CHUNK = 1 << 18  # numbers that are worked on at a time: they stay in a core's cache


def greedy_weights(
    probs_pnk: np.ndarray,
    labels: np.ndarray,
    shares: np.ndarray,
    max_owners: int,
    steps: int = 50,
    owners: np.ndarray | None = None,
) -> np.ndarray:
    """Add, again and again, the candidate that makes the mean most accurate; keep the best prefix.

    Ties go to a candidate already in, then to the lower log-loss (in ten decimals), then to the first. Of the prefixes
    that are equally accurate the one with the lowest log-loss is kept, then the shortest. Probabilities are rounded to
    multiples of 2^-24 first, so that a tie is a tie whatever the order of additions.

    A step costs little once the mean is settled: where the sum so far leads by more than one vote no candidate can
    change the answer, and that row is not looked at.

    Args:
        probs_pnk: (P, N, K) probabilities of P candidates, in [0, 1].
        labels: (N,) in 0..K-1.
        shares: (N,) weights of the rows, sum 1.
        max_owners: candidates of at most so many different owners, at least 1.
        steps: additions, 1 to 100.
        owners: int (P,) what each candidate belongs to, such as its net; by default each has an owner of its own.

    Returns:
        float64 (P,), multiples of 1/(length of the prefix), sum 1.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
    """
    if max_owners < 1 or not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"expected max_owners from 1, steps from 1 to {MOST_STEPS}. Received: {max_owners}, {steps}")
    owners = np.arange(len(probs_pnk)) if owners is None else np.asarray(owners)
    leads_nkp, label_units_pn, leads_nk = _prepare(probs_pnk, labels)
    share_units = np.rint(np.asarray(shares, np.float64) * _SHARE_UNIT)
    label_total = np.zeros(len(labels), np.int64)
    counts = np.zeros(len(probs_pnk), np.int64)
    best: tuple[tuple[float, float], np.ndarray] | None = None
    for step in range(1, steps + 1):
        accuracy = _accuracies(leads_nkp, leads_nk, share_units)
        held = np.unique(owners[counts > 0])
        if len(held) >= max_owners:
            accuracy[~np.isin(owners, held)] = -1
        tied = np.flatnonzero(accuracy == accuracy.max())
        if (counts[tied] > 0).any():
            tied = tied[counts[tied] > 0]
        losses = [
            round(float(shares @ -np.log(np.maximum((label_total + label_units_pn[p]) / (step * _UNIT), 1e-12))), 10)
            for p in tied
        ]
        loss, p = min(zip(losses, tied.tolist(), strict=True))
        counts[p] += 1
        label_total += label_units_pn[p]
        leads_nk += leads_nkp[:, :, p]
        key = (-float(accuracy[p]), loss)
        if best is None or key < best[0]:
            best = (key, counts.copy())
    assert best is not None  # steps >= 1
    return best[1] / best[1].sum()


def _prepare(probs_pnk: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In units: int32 (N, K-1, P) by how much the label leads each other class; int32 (P, N) the label's; and int32
    (N, K-1) the leads of an empty sum: a label before a class wins a tie against it, as with argmax."""
    num_candidates, num_rows, num_classes = probs_pnk.shape
    others = np.arange(num_classes - 1) + (np.arange(num_classes - 1) >= np.asarray(labels)[:, None])
    leads = np.empty((num_rows, num_classes - 1, num_candidates), np.int32)
    label_units = np.empty((num_candidates, num_rows), np.int32)
    size = max(1, _CHUNK // (num_candidates * num_classes))
    for start in range(0, num_rows, size):
        here = slice(start, start + size)
        units = np.rint(np.clip(probs_pnk[:, here], 0, 1).astype(np.float64) * _UNIT).astype(np.int32)
        rows = np.arange(units.shape[1])
        label_units[:, here] = units[:, rows, labels[here]]
        leads[here] = (label_units[:, here, None] - units[:, rows[:, None], others[here]]).transpose(1, 2, 0)
    return leads, label_units, (others > np.asarray(labels)[:, None]).astype(np.int32)


def _accuracies(leads_nkp: np.ndarray, leads_nk: np.ndarray, share_units: np.ndarray) -> np.ndarray:
    """float64 (P,): shares, in units, of the rows that are right with each candidate added."""
    smallest = leads_nk.min(1, initial=2 * _UNIT)
    right = smallest > _UNIT  # whatever is added
    accuracy = np.full(leads_nkp.shape[2], share_units[right].sum())
    open_rows = np.flatnonzero(~right & (smallest > -_UNIT))
    size = max(1, _CHUNK // max(1, leads_nkp[0].size))
    for start in range(0, len(open_rows), size):
        rows = open_rows[start : start + size]
        sums = leads_nkp[rows]
        sums += leads_nk[rows, :, None]
        accuracy += share_units[rows] @ (sums.min(1, initial=2 * _UNIT) > 0)
    return accuracy
