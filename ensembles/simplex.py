"""Mixture weights of least log-loss: convex, solved to a certified gap."""

import numpy as np


def simplex_weights(
    label_probs_pn: np.ndarray, shares: np.ndarray, gap: float = 1e-5, max_steps: int = 5000
) -> np.ndarray:
    """Weights w on the simplex that minimise -sum_n shares_n log(sum_p w_p label_probs_pn).

    Exponentiated gradient, w_p <- w_p g_p^a / sum, where g_p = sum_n shares_n label_probs_pn / mixture_n. With a = 1
    this is EM for the weights of a mixture, which never raises the loss; a grows while the loss falls and returns to 1
    when it does not. Because the loss is convex, it is within max(g) - 1 of the optimum: that is the stopping rule.

    Args:
        label_probs_pn: (P, N) the probability that candidate p gives to the label of row n, in [0, 1].
        shares: (N,) weights of the rows, sum 1.
        gap: stop within so many nats of the optimum.
        max_steps: stop after so many steps; what is reached then is still on the simplex.

    Returns:
        float64 (P,), above 0, sum 1. Equal candidates get equal weights.

    Source: Kivinen and Warmuth 1997 (exponentiated gradient); Dempster, Laird and Rubin 1977 (EM).
    """
    probs = np.maximum(np.asarray(label_probs_pn, np.float64), 1e-12)
    weights = np.full(len(probs), 1 / len(probs))
    mixture = weights @ probs
    loss = -shares @ np.log(mixture)
    power = 1.0
    for _ in range(max_steps):
        gains = probs @ (shares / mixture)
        if gains.max() - 1 <= gap:
            break
        new = np.maximum(weights * (gains / gains.max()) ** power, 1e-15)  # a weight of 0 could never grow again
        new /= new.sum()
        new_mixture = new @ probs
        new_loss = -shares @ np.log(new_mixture)
        if new_loss > loss and power > 1:
            power = 1.0
            continue
        weights, mixture, loss = new, new_mixture, new_loss
        power = min(1.5 * power, 100.0)
    return weights
