import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.kit.blend import blend, temper


def softmax(logits):
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return exps / exps.sum(-1, keepdims=True)


@st.composite
def cases(draw):
    m, v, n, k = (draw(st.integers(1, high)) for high in (4, 3, 5, 4))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    weights = rng.dirichlet(np.ones(m * v)).reshape(m, v)
    return softmax(rng.normal(0, 4, (m, v, n, k))), weights, np.exp(rng.normal(0, 1, m))


def test_tempering_divides_the_logits():
    logits = np.random.default_rng(0).normal(0, 3, (6, 4))
    for temperature in (0.2, 1.0, 3.0):
        np.testing.assert_allclose(temper(softmax(logits), temperature), softmax(logits / temperature), rtol=1e-6)


def test_tempering_by_hand():
    np.testing.assert_allclose(temper(np.array([[0.8, 0.2]]), 0.5), [[0.64 / 0.68, 0.04 / 0.68]], rtol=1e-12)


def test_tiny_probabilities_and_zeros_neither_overflow_nor_vanish():
    probs = np.array([[1e-30, 2e-30, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        temper(probs, 0.05), [[2**-20 / (1 + 2**-20), 1 / (1 + 2**-20), 0], [1, 0, 0]], rtol=1e-9
    )


def test_blend_by_hand():
    probs = np.array([[[[0.8, 0.2]], [[0.6, 0.4]]], [[[0.1, 0.9]], [[np.nan, np.nan]]]])  # M=2, V=2, N=1
    got = blend(probs, np.array([[0.5, 0.25], [0.25, 0.0]]), [1.0, 1.0])  # what has weight 0 is not read
    np.testing.assert_allclose(got, [[0.4 + 0.15 + 0.025, 0.1 + 0.1 + 0.225]], rtol=1e-6)
    assert got.dtype == np.float32


@given(cases())
def test_rows_sum_to_1_and_the_order_of_members_does_not_matter(case):
    probs, weights, temperatures = case
    got = blend(probs, weights, temperatures)
    np.testing.assert_allclose(got.sum(-1), 1, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(weights))
    np.testing.assert_allclose(blend(probs[order], weights[order], temperatures[order]), got, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "temperatures", "message"),
    [
        ([[0.5, 0.4]], [1.0], "sum is 1"),
        ([[1.5, -0.5]], [1.0], "at least 0"),
        ([[np.nan, 1.0]], [1.0], "at least 0"),
        ([[0.5], [0.5]], [1.0], "expected probs"),
        ([[0.5, 0.5]], [1.0, 1.0], "expected probs"),
        ([[0.5, 0.5]], [0.0], "temperature must be above 0"),
    ],
)
def test_bad_arguments_are_refused(weights, temperatures, message):
    with pytest.raises(ValueError, match=message):
        blend(np.full((1, 2, 3, 2), 0.5), np.array(weights), temperatures)


def test_the_pool_is_tempered_after_the_mean():
    probs = np.array([[[[0.8, 0.2]]], [[[0.6, 0.4]]]])  # M=2, V=1, N=1: the mean is .7 and .3
    weights = np.array([[0.5], [0.5]])
    got = blend(probs, weights, [1.0, 1.0], pool_temperature=0.5)
    np.testing.assert_allclose(got, [[0.49 / 0.58, 0.09 / 0.58]], rtol=1e-6)
    np.testing.assert_array_equal(blend(probs, weights, [1.0, 1.0], 1.0), blend(probs, weights, [1.0, 1.0]))
    with pytest.raises(ValueError, match="temperature must be above 0"):
        blend(probs, weights, [1.0, 1.0], pool_temperature=0)
