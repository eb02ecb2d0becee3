"""In which order members and views are worth their time: what a slow platform runs first."""

from collections.abc import Sequence

import numpy as np


def gain_order(
    label_probs_mvn: np.ndarray,
    shares: np.ndarray,
    weights_mv: np.ndarray,
    pass_s: Sequence[float] | None = None,
    load_s: Sequence[float] | None = None,
    view_s: Sequence[float] | None = None,
) -> list[tuple[int, int]]:
    """Order the pairs of weight above 0 so that each next one lowers the log-loss most for its time.

    Any prefix, its weights renormalised, is what answers when time runs out. A pair's time is its pass over all images,
    for a member's first pair its loading, and for a view's first pair its making. Where every next pair raises the
    loss, the one that raises it least is next.

    Args:
        label_probs_mvn: (M, V, N) what each pair gives to the label.
        shares: (N,) weights of the rows, sum 1.
        weights_mv: (M, V), at least 0, one above 0.
        pass_s: (M,) seconds of one pass; None where they are not known: all alike.
        load_s: (M,) seconds of loading; None for 0.
        view_s: (V,) seconds of making one view of all images; None for 0.

    Returns:
        (member, view) pairs, each once.
    """
    pass_m = np.ones(len(weights_mv)) if pass_s is None else np.asarray(pass_s, np.float64)
    load_m = np.zeros(len(weights_mv)) if load_s is None else np.asarray(load_s, np.float64)
    make_v = np.zeros(weights_mv.shape[1]) if view_s is None else np.asarray(view_s, np.float64)
    left = [(int(m), int(v)) for m, v in np.argwhere(weights_mv > 0)]
    parts = {(m, v): weights_mv[m, v] * label_probs_mvn[m, v].astype(np.float64) for m, v in left}
    total, weight = np.zeros(label_probs_mvn.shape[2]), 0.0
    loaded: set[int] = set()
    made: set[int] = set()
    order: list[tuple[int, int]] = []
    loss = np.inf
    while left:
        losses = [_loss((total + parts[pair]) / (weight + weights_mv[pair]), shares) for pair in left]
        # the first has no loss before it: the falls are counted from the worst of the firsts
        gains = (loss if order else max(losses) + 1e-3) - np.array(losses)
        seconds = np.array(
            [max(pass_m[m] + load_m[m] * (m not in loaded) + make_v[v] * (v not in made), 1e-9) for m, v in left]
        )
        best = int(np.argmax(gains / seconds if gains.max() > 0 else gains))
        pair, loss = left.pop(best), losses[best]
        total, weight = total + parts[pair], weight + weights_mv[pair]
        loaded.add(pair[0])
        made.add(pair[1])
        order.append(pair)
    return order


def _loss(label_probs: np.ndarray, shares: np.ndarray) -> float:
    return float(shares @ -np.log(np.maximum(label_probs, 1e-12)))
