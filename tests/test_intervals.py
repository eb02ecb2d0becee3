import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from local_eval.intervals import wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_newcombe_1998(correct, n, low, high):
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3: four digits."""
    np.testing.assert_allclose(wilson(correct, n), (low, high), atol=5.1e-5)


@given(
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.9, 0.99])
)
def test_agrees_with_scipy_and_contains_the_share(pair, level):
    correct, n = pair
    low, high = wilson(correct, n, level)
    expected = binomtest(correct, n).proportion_ci(level, method="wilson")
    np.testing.assert_allclose((low, high), (expected.low, expected.high), atol=1e-9)
    assert 0 <= low <= correct / n <= high <= 1
    flipped = wilson(n - correct, n, level)
    np.testing.assert_allclose((1 - flipped[1], 1 - flipped[0]), (low, high), atol=1e-12)


def test_more_images_or_a_lower_level_narrow_it():
    widths = [
        high - low for low, high in (wilson(9, 10), wilson(90, 100), wilson(90, 100, 0.9), wilson(900, 1000, 0.9))
    ]
    assert widths == sorted(widths, reverse=True)


def test_no_images_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 2), r"correct must be in \[0, n\]. Received: correct=3, n=2"),
        ((-1, 2), "correct=-1"),
        ((1, 2, 0.0), "level must be inside"),
        ((1, 2, 1.0), "Received: level=1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        wilson(*arguments)
