"""Mixture weights of least log-loss, in the mean or in the worst group: convex, solved to a certified gap."""

import numpy as np


def simplex_weights(
    label_probs_pn: np.ndarray,
    shares: np.ndarray,
    gap: float = 1e-5,
    max_steps: int = 5000,
    groups: np.ndarray | None = None,
    sharpness: float = 50.0,
) -> np.ndarray:
    """Weights w on the simplex that minimise -sum_n shares_n log(sum_p w_p label_probs_pn), or its worst group.

    Exponentiated gradient, w_p <- w_p g_p^a / sum, where g_p = sum_n shares_n label_probs_pn / mixture_n. With a = 1
    this is EM for the weights of a mixture, which never raises the mean loss; a grows while the loss falls and shrinks
    when it does not. Because the loss is convex, it is within max(g) - 1 of the optimum: that is the stopping rule.

    With groups the loss is log(mean over groups of exp(sharpness * loss of the group)) / sharpness: the largest loss of
    a group, but for log(number of groups) / sharpness at most. Its gradient weighs the groups by their losses, which is
    what group DRO does; being smooth, it needs no second learning rate.

    Args:
        label_probs_pn: (P, N) the probability that candidate p gives to the label of row n, in [0, 1].
        shares: (N,) weights of the rows, sum 1; with groups they count within each group alone.
        gap: stop within so many nats of the optimum.
        max_steps: stop after so many steps; what is reached then is still on the simplex.
        groups: (N,) the group of each row; None for the mean over all rows.
        sharpness: per nat, above 0.

    Returns:
        float64 (P,), above 0, sum 1. Equal candidates get equal weights.

    Source: Kivinen and Warmuth 1997 (exponentiated gradient); Dempster, Laird and Rubin 1977 (EM); Sagawa et al. 2020
    (group DRO).
    """
    probs = np.maximum(np.asarray(label_probs_pn, np.float64), 1e-12)
    loss_of = _mean_loss(shares) if groups is None else _worst_loss(shares, groups, sharpness)
    weights = np.full(len(probs), 1 / len(probs))
    mixture = weights @ probs
    loss, row_weights = loss_of(mixture)
    power = 1.0
    for _ in range(max_steps):
        gains = probs @ (row_weights / mixture)
        if gains.max() - 1 <= gap or power < 1e-6:
            break
        new = np.maximum(weights * (gains / gains.max()) ** power, 1e-15)  # a weight of 0 could never grow again
        new /= new.sum()
        new_mixture = new @ probs
        new_loss, new_row_weights = loss_of(new_mixture)
        if new_loss > loss and (power > 1 or groups is not None):
            power = 1.0 if power > 1 else power / 2
            continue
        weights, mixture, loss, row_weights = new, new_mixture, new_loss, new_row_weights
        power = min(1.5 * power, 100.0)
    return weights


def _mean_loss(shares: np.ndarray):
    return lambda mixture: (-shares @ np.log(mixture), shares)


def _worst_loss(shares: np.ndarray, groups: np.ndarray, sharpness: float):
    """(N,) mixture -> (smooth maximum of the groups' losses, (N,) weights of the rows in its gradient, sum 1)."""
    _, number = np.unique(groups, return_inverse=True)
    within = shares / np.bincount(number, shares)[number]

    def loss_of(mixture: np.ndarray) -> tuple[float, np.ndarray]:
        losses_g = np.bincount(number, -within * np.log(mixture))
        powers = np.exp(sharpness * (losses_g - losses_g.max()))
        loss = losses_g.max() + np.log(powers.mean()) / sharpness
        return float(loss), within * (powers / powers.sum())[number]

    return loss_of
