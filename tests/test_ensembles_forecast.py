"""Forecasts that do not believe the luckiest of many methods."""

import numpy as np
import pytest
from ensemble_tables import make_rows

from ensembles.choice import choose
from ensembles.forecast import forecast
from ensembles.methods import METHODS
from ensembles.nested import NestedScore

NAMES = [method.name for method in METHODS if method.ships]
ROWS = make_rows([1.0], num_images=150)


def score(correct) -> NestedScore:
    zeros = np.zeros(len(correct))
    return NestedScore(correct, zeros, zeros, correct, zeros, ROWS)


def test_one_method_reaches_its_nested_score():
    one = score(np.random.default_rng(0).random(300) < 0.7)
    assert forecast({"equal": one}, 0) == {suite: one.suite_accuracy(suite) for suite in ("an2dl", "clean")}


def test_the_luck_of_the_best_is_taken_off():
    """Methods of one true accuracy, errors of their own: what is chosen looks better than it is."""
    nested, told = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scores = {name: score(rng.random(300) < (0.7 if name != NAMES[0] else 0.5)) for name in NAMES}
        nested.append(scores[choose(scores)].suite_accuracy("an2dl"))
        told.append(forecast(scores, seed, draws=60)["an2dl"])
    optimism = np.mean(nested) - 0.7
    assert optimism > 0.01
    assert abs(np.mean(told) - 0.7) < optimism / 2


def test_a_method_that_is_surely_best_loses_nothing():
    rng = np.random.default_rng(0)
    scores = {"equal": score(rng.random(300) < 0.3), "single": score(rng.random(300) < 0.9)}
    nested = {suite: scores["single"].suite_accuracy(suite) for suite in ("an2dl", "clean")}
    assert forecast(scores, 0) == pytest.approx(nested, abs=0.01)
    assert forecast(scores, 0) == forecast(scores, 0)
