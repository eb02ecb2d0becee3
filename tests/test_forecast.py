import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_eval.forecast import forecast

NAMES = ["a", "b", "c"]


def answers(correct, n):
    """Labels 0, 1, 2, 0 ... of which the first `correct` are predicted."""
    labels = np.arange(n) % 3
    return labels, np.where(np.arange(n) < correct, labels, (labels + 1) % 3)


def test_by_hand():
    made = forecast(*answers(1920, 2400), NAMES)
    # 90 %: z 1.644854; Wilson of .8 at 2400 is .78627 to .81305; the scenario .06 * 1.253314 * 1.644854 = .123691.
    assert made.accuracy == pytest.approx(0.8)
    assert made.scenario_half == pytest.approx(0.123691, abs=1e-6)
    assert made.low == pytest.approx(0.8 - math.hypot(0.8 - 0.78627, 0.123691), abs=1e-4)
    assert made.high == pytest.approx(0.8 + math.hypot(0.81305 - 0.8, 0.123691), abs=1e-4)
    assert made.warnings == []
    assert (made.n, made.level, made.scenario) == (2400, 0.9, "like an2dl typical")


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_interval_is_ordered_clipped_and_no_narrower_than_its_parts(pair, level):
    made = forecast(*answers(*pair), NAMES, level)
    assert 0 <= made.low <= made.accuracy <= made.high <= 1
    reach = max(made.accuracy - made.low, made.high - made.accuracy)
    room = max(made.accuracy, 1 - made.accuracy)
    assert reach >= min(max(made.sampling_half, made.scenario_half), room) - 1e-9
    json.dumps(made.as_dict(), allow_nan=False)


def test_covers_what_it_claims_when_its_assumption_holds():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        suite = rng.uniform(0.3, 0.75)  # away from the ends, where clipping makes it wider than claimed
        hidden = suite + rng.normal(0, 0.06 * math.sqrt(math.pi / 2))
        made = forecast(*answers(rng.binomial(300, suite), 300), NAMES)
        hits += made.low <= hidden <= made.high
    assert 0.87 <= hits / 600 <= 0.93


@pytest.mark.parametrize(
    ("labels", "predictions", "warning"),
    [
        ([0, 1, 2] * 30, [0, 1, 2] * 30, "only 90 images"),
        ([0, 1] * 200, [0, 1] * 200, "no judge image of c: accuracy on it is unknown"),
        ([0] * 400, [0] * 400, "no judge image of b, c: accuracy on them"),
        ([0, 1] * 200 + [2], [0, 1] * 200 + [2], r"fewer than 5 judge images of c \(1\)"),
        ([0] * 300 + [1, 2] * 50, [0] * 400, r"most frequent class \(0.750\)"),
    ],
)
def test_warns_where_it_cannot_be_trusted(labels, predictions, warning):
    made = forecast(np.array(labels), np.array(predictions), NAMES)
    assert any(re.search(warning, text) for text in made.warnings), made.warnings


@pytest.mark.parametrize(
    ("labels", "predictions"), [(np.zeros(0, int), np.zeros(0, int)), (np.zeros(3, int), np.zeros((3, 2), int))]
)
def test_one_hot_or_no_predictions_are_refused(labels, predictions):
    with pytest.raises(ValueError, match=r"must be \(N,\) with N > 0"):
        forecast(labels, predictions, NAMES)
