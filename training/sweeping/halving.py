"""Asynchronous successive halving (Li et al. 2018), of which nothing that failed is a part."""

import math

import optuna
from optuna.trial import FrozenTrial, TrialState

LEAST_EPOCHS = 3
FACTOR = 3


class Halving(optuna.pruners.BasePruner):
    """After 3, 9, 27 ... epochs a trial goes on if it is in the best third of those that came so far.

    Optuna's own lets trials compete with ones that have failed or were begun again after a kill, and ends the second
    trial if it is worse than the first; here the first two of a rung always go on.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether a trial, whose last epoch was just reported, ends here."""
        step = trial.last_step
        if step is None or not is_rung(step):
            return False
        values = sorted(
            (
                other.intermediate_values[step]
                for other in study.get_trials(deepcopy=False)
                if step in other.intermediate_values and other.state != TrialState.FAIL
            ),
            reverse=True,
        )
        if len(values) < FACTOR:
            return False
        return trial.intermediate_values[step] < values[math.ceil(len(values) / FACTOR) - 1]


def is_rung(step: int) -> bool:
    """Whether trials are compared after so many epochs."""
    while step > LEAST_EPOCHS and step % FACTOR == 0:
        step //= FACTOR
    return step == LEAST_EPOCHS
