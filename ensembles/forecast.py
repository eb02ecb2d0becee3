"""What the chosen method will reach: nested scores, corrected for the choosing among methods by those same scores."""

from collections.abc import Mapping

import numpy as np

from submission.kit.seeds import derive_seed

from .choice import choose, pick
from .nested import NestedScore
from .paired import by_group

DRAWS = 500


def forecast(scores: Mapping[str, NestedScore], seed: int, draws: int = DRAWS) -> dict[str, float]:
    """Accuracy on each suite of what choosing among these methods gives.

    A nested score is honest for one method. The best of many was also the luckiest: of equal methods, the one whose
    score is taken lies above what it will reach. So pictures are drawn with replacement, a method is chosen on the
    drawn ones, by the same rule, and scored on those that were not drawn; the mean over draws is what choosing gives.
    Nothing is fitted again. With one method to choose from it is the nested score.

    Args:
        scores: of all methods, on the same rows.
        seed: of the draws.
        draws: how many.

    Returns:
        Suite -> accuracy.

    Source: Tsamardinos, Greasidou and Borboudakis 2018, "Bootstrapping the out-of-sample predictions for efficient and
    accurate cross-validation" (BBC-CV).
    """
    taken = choose(scores)
    rows = scores[taken].rows
    suites = list(dict.fromkeys(rows.suites.tolist()))
    nested = {suite: scores[taken].suite_accuracy(suite) for suite in suites}
    _, number = np.unique(rows.groups, return_inverse=True)
    num_groups = number.max() + 1
    if len(scores) == 1 or num_groups < 2:
        return nested
    correct = {name: by_group(score.correct, rows.shares, rows.groups) for name, score in scores.items()}
    losses = {name: by_group(score.losses, rows.shares, rows.groups) for name, score in scores.items()}
    at = [rows.suites == suite for suite in suites]
    counts_sg = np.stack([np.bincount(number[mask], minlength=num_groups) for mask in at])
    right_sg = {
        name: np.stack([np.bincount(number[mask], score.correct[mask], num_groups) for mask in at])
        for name, score in scores.items()
    }
    rng = np.random.default_rng(derive_seed(seed, "ensembles", "forecast"))
    right, counted = np.zeros(len(suites)), np.zeros(len(suites))
    for _ in range(draws):
        drawn = rng.integers(0, num_groups, num_groups)
        left = np.ones(num_groups, bool)
        left[drawn] = False
        name = pick({one: value[drawn] for one, value in correct.items()}, {k: v[drawn] for k, v in losses.items()})
        right += right_sg[name][:, left].sum(1)
        counted += counts_sg[:, left].sum(1)
    return {suite: right[s] / counted[s] if counted[s] else nested[suite] for s, suite in enumerate(suites)}
