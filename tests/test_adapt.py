"""The classes' shares fitted to the images, and when they are left alone."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from test_budget_kit import Clock, Net, write

from submission.kit import adapt
from submission.kit.adapt import estimate_shares, refusal
from submission.kit.predictor import Predictor

PRIOR = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0, 0], [3, 0], [0, 3]])


def probs_of(rng, shares, n, blur=1.0, confidence=1.0):
    """Calibrated posteriors under PRIOR of points drawn with other shares, and the labels."""
    labels = rng.choice(3, n, p=shares)
    points = MEANS[labels] + rng.normal(0, blur, (n, 2))
    logits = -((points[:, None] - MEANS) ** 2).sum(-1) / 2 * confidence + np.log(PRIOR)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True), labels


def test_shares_and_accuracy_are_found():
    shares = np.array([0.05, 0.15, 0.8])
    probs, labels = probs_of(np.random.default_rng(0), shares, 4000)
    found = estimate_shares(probs, PRIOR)
    assert found.converged
    np.testing.assert_allclose(found.prior, shares, atol=0.02)
    assert (found.probs.argmax(-1) == labels).mean() > (probs.argmax(-1) == labels).mean() + 0.005
    assert refusal(probs, found) is None


@given(seed=st.integers(0, 999), n=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_em_is_saerens_formula_step_by_step_and_never_less_likely(seed, n):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(3), n)
    prior, last = PRIOR, -np.inf
    for steps in range(1, 6):
        joint = [[probs[i, k] * prior[k] / PRIOR[k] for k in range(3)] for i in range(n)]
        prior = np.mean([[one / sum(row) for one in row] for row in joint], 0)
        found = estimate_shares(probs, PRIOR, iterations=steps)
        if found.converged and steps > 1:
            break
        np.testing.assert_allclose(found.prior, prior, rtol=1e-9)
        assert found.gain >= last - 1e-9
        last = found.gain
    np.testing.assert_allclose(found.probs.sum(-1), 1)


def test_unchanged_shares_are_left_alone():
    refused = 0
    for seed in range(20):
        probs, _ = probs_of(np.random.default_rng(seed), PRIOR, 1000)
        refused += "not significantly" in (refusal(probs, estimate_shares(probs, PRIOR)) or "")
    assert refused == 20


def test_the_other_reasons_to_refuse():
    rng = np.random.default_rng(1)
    shares = np.array([0.1, 0.2, 0.7])
    probs, _ = probs_of(rng, shares, 499)
    assert refusal(probs, estimate_shares(probs, PRIOR)) == "499 images are fewer than 500"
    probs, _ = probs_of(rng, shares, 2000)
    assert refusal(probs, estimate_shares(probs, PRIOR, iterations=2)) == "EM did not converge"
    unsure, _ = probs_of(rng, shares, 2000, confidence=0.2)
    found = estimate_shares(unsure, PRIOR, iterations=10**5)
    assert "is below 0.8: the images themselves have changed" in refusal(unsure, found)
    little, _ = probs_of(rng, [0.45, 0.35, 0.2], 5000)
    assert "nats better, less than 0.05" in refusal(little, estimate_shares(little, PRIOR))


def test_quantiles_are_scipys():
    for degrees in (1, 2, 7, 99):
        assert adapt._chi_squared(degrees, 3.09) == pytest.approx(chi2.ppf(0.999, degrees), rel=0.04)


class Told(Net):
    """Returns the probabilities that the first pixels name the row of."""

    rows: np.ndarray

    def __call__(self, images):
        return Told.rows[images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]].astype(np.float32)


def predictor_of(folder, **changes):
    write(folder, **{"views": ["identity"], "weights_mv": [[0.5], [0.5]], "class_prior": PRIOR.tolist(), **changes})
    value = json.loads((folder / "manifest.json").read_text())
    for member in value["members"]:
        member["temperature"] = 1.0
    (folder / "manifest.json").write_text(json.dumps(value))
    return Predictor(folder, load=lambda path: Told(0, Clock(), 0), free=lambda: None)


def numbered(n):
    images = np.zeros((n, 4, 4, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(n), 256)
    return images


@pytest.mark.parametrize("adapt_key", [None, {"prior": False}, {"prior": True}])
def test_the_predictor_adapts_only_when_told_to(tmp_path, adapt_key, caplog):
    Told.rows, _ = probs_of(np.random.default_rng(0), np.array([0.05, 0.15, 0.8]), 1000)
    predictor = predictor_of(tmp_path, adapt=adapt_key)
    got = predictor.predict_probs(numbered(1000))
    expected = Told.rows
    if adapt_key == {"prior": True}:
        expected = estimate_shares(Told.rows, PRIOR).probs
        assert "the classes' shares were fitted to the images: a 0.500 to 0.0" in caplog.text
    else:
        assert predictor.answer.notes == []
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_refused_adaptation_changes_no_bit_and_says_why(tmp_path, caplog):
    Told.rows, _ = probs_of(np.random.default_rng(0), PRIOR, 1000)
    plain = predictor_of(tmp_path / "a").predict_probs(numbered(1000))
    asked = predictor_of(tmp_path / "b", adapt={"prior": True, "batch_norm": True})
    np.testing.assert_array_equal(asked.predict_probs(numbered(1000)), plain)
    assert "shares were left alone: the classes' shares are not significantly other ones" in caplog.text
    assert "batch-norm statistics of m1 were left alone: expected a SavedModel that can be frozen" in caplog.text
    asked.predict_probs(numbered(10))
    assert "statistics of m0 were left alone: 10 images are fewer than 500" in asked.answer.notes[0]
    assert asked.predict_probs(numbered(0)).shape == (0, 3)
    unknown = predictor_of(tmp_path / "c", adapt={"prior": True}, class_prior=None)
    unknown.predict_probs(numbered(10))
    assert unknown.answer.notes == [
        "the classes' shares were left alone: the manifest's class_prior does not tell them"
    ]
