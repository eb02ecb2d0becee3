import numpy as np
import pytest
from ensemble_tables import member, softmax

from ensembles.calibrate import calibration_error, fit_temperature, log_loss
from submission.kit.blend import temper


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_distorted_calibrated_probabilities_is_found(true_temperature):
    rng = np.random.default_rng(0)
    probs = softmax(rng.normal(0, 2, (20000, 4)))
    labels = (rng.random((20000, 1)) > probs.cumsum(1)).sum(1).clip(0, 3)  # drawn from the probabilities
    assert fit_temperature(temper(probs, 1 / true_temperature), labels) == pytest.approx(true_temperature, rel=0.03)


def test_no_other_temperature_is_better():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    probs = member(labels, 1.5, rng)[0]
    shares = rng.dirichlet(np.ones(200))
    for weights in (None, shares):
        best = log_loss(temper(probs, fit_temperature(probs, labels, weights)), labels, weights)
        assert best <= min(log_loss(temper(probs, t), labels, weights) for t in np.geomspace(0.06, 18, 200)) + 1e-8


def test_log_loss_by_hand():
    probs, labels = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 0])
    assert log_loss(probs, labels) == pytest.approx((np.log(2) + np.log(1e12)) / 2)
    assert log_loss(probs, labels, np.array([1.0, 0.0])) == pytest.approx(np.log(2))


def test_a_temperature_needs_images():
    with pytest.raises(ValueError, match=r"at least 1\. Received: 0 and 0"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))


def test_calibration_error_by_hand():
    # one bin: confidences .5 and .52, one right: |.51 - .5|; another: 1.0, right: 0; by shares 1/2 and 1/2
    confidence, correct = np.array([0.5, 0.52, 1.0]), np.array([True, False, True])
    assert calibration_error(confidence, correct, np.array([0.25, 0.25, 0.5])) == pytest.approx(0.01 / 2)
    assert np.isnan(calibration_error(confidence[:0], correct[:0], np.empty(0)))


def test_calibrated_probabilities_have_next_to_no_error_and_sharpened_ones_much():
    rng = np.random.default_rng(0)
    probs = softmax(rng.normal(0, 2, (20000, 4)))
    labels = (rng.random((20000, 1)) > probs.cumsum(1)).sum(1).clip(0, 3)
    shares = np.full(20000, 1 / 20000)
    errors = [calibration_error(p.max(-1), p.argmax(-1) == labels, shares) for p in (probs, temper(probs, 0.5))]
    assert errors[0] < 0.015 < 0.1 < errors[1]
