"""The forecast without labels, on answers drawn so that the truth is known."""

import zipfile

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from local_eval.forecasting.answer_images import answer_images
from local_eval.forecasting.correctness import fit_correctness
from local_eval.forecasting.label_shift import Signs, chi_square, find_label_shift
from local_eval.forecasting.logit import logit
from local_eval.forecasting.statistics import NAMES, calibrate, negative_entropy, statistics, threshold
from local_eval.forecasting.strata import Answers, draw, strata
from local_eval.forecasting.transport import transport_confidence
from local_eval.forecasting.unlabelled import LabelFree
from local_eval.forecasting.unlabelled_file import read_unlabelled
from local_eval.limits import Limits
from submission.kit.errors import KitError

K = 5
PRIOR = np.array([0.3, 0.25, 0.2, 0.15, 0.1])


def answers(rng, n, skill, bias=0.0, prior=PRIOR):
    """(probs, labels): logits with noise, the right one raised by `skill`, the first class by `bias`."""
    labels = rng.choice(K, n, p=prior)
    logits = rng.normal(0, 1.2, (n, K)) + skill * np.eye(K)[labels] * rng.uniform(0.3, 1.7, (n, 1))
    logits[:, 0] += bias
    probs = np.exp(1.3 * logits)
    return (probs / probs.sum(-1, keepdims=True)).astype(np.float32), labels


def suites(rng, n=500):
    made = []
    for name, skill, bias in (
        ("clean", 6, 0),
        ("an2dl", 3.5, 0),
        ("noise", 2.4, 0.3),
        ("stain", 4.5, 0),
        ("dark", 3, 0.2),
    ):
        probs, labels = answers(rng, n, skill, bias)
        operations = [("a",) if n % 2 else ("b",) for n in range(n)] if name != "clean" else [()] * n
        made.append(Answers(name, labels, probs, operations))
    return made


@pytest.fixture(scope="module")
def fitted():
    return LabelFree(suites(np.random.default_rng(0)), 400)


def test_forecasts_families_it_has_not_seen(fitted):
    rng = np.random.default_rng(1)
    errors, hits = [], []
    for skill in np.linspace(1.8, 6, 12):
        probs, labels = answers(rng, 400, skill, rng.uniform(0, 0.3))
        made, truth = fitted.forecast(probs), (probs.argmax(-1) == labels).mean()
        errors.append(abs(made.accuracy - truth))
        hits.append(made.low <= truth <= made.high)
    assert np.mean(errors) < 0.035
    assert np.mean(hits) >= 0.85


def test_shifted_classes_are_found_and_the_truth_stays_inside(fitted):
    rng = np.random.default_rng(2)
    found, hits = [], []
    for skill in np.linspace(2.5, 6, 10):
        probs, labels = answers(rng, 400, skill, 0, np.array([0.02, 0.03, 0.05, 0.3, 0.6]))
        made = fitted.forecast(probs)
        found.append(made.label_shift.detected)
        hits.append(made.low <= (probs.argmax(-1) == labels).mean() <= made.high)
    assert np.mean(found) >= 0.9 and np.mean(hits) >= 0.85
    assert made.label_shift.frequencies[4] == pytest.approx(0.6, abs=0.1)


def test_usual_classes_are_seldom_called_shifted(fitted):
    rng = np.random.default_rng(3)
    found = [fitted.forecast(answers(rng, 400, skill)[0]).label_shift.detected for skill in np.linspace(2, 6, 20)]
    assert np.mean(found) <= 0.3  # of mixtures that lie at the edge of the suites


def test_same_images_same_forecast_and_few_images_a_wider_one(monkeypatch):
    monkeypatch.setattr("local_eval.forecasting.unlabelled.SETS", 60)
    made = suites(np.random.default_rng(0))
    probs, _ = answers(np.random.default_rng(4), 400, 4)
    one, two = LabelFree(made, 400).forecast(probs), LabelFree(made, 400).forecast(probs)
    assert (one.accuracy, one.low, one.high) == (two.accuracy, two.low, two.high)
    few = LabelFree(made, 10).forecast(probs[:10])
    assert few.n == 10 and few.high - few.low > one.high - one.low


def test_needs_clean_and_shifted():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected images, the clean suite and a shifted one"):
        LabelFree(suites(rng)[:1], 10)
    with pytest.raises(ValueError, match="expected images"):
        LabelFree(suites(rng)[1:], 10)


@pytest.mark.parametrize("skill", [0.5, 2, 5])
def test_transport_agrees_with_the_assignment_problem(skill):
    rng = np.random.default_rng(0)
    probs, _ = answers(rng, 200, skill)
    counts = (PRIOR * 200).round().astype(int)
    columns = np.repeat(np.arange(K), counts)
    rows, chosen = linear_sum_assignment(-probs[:, columns])
    assert transport_confidence(probs, counts / 200) == pytest.approx(probs[rows, columns[chosen]].mean(), abs=0.015)


def test_transport_is_confidence_where_the_classes_fit_and_less_where_not():
    probs = np.eye(4)[[0, 0, 1, 1]].astype(float)
    assert transport_confidence(probs, np.array([0.5, 0.5, 0, 0])) == pytest.approx(1, abs=1e-3)
    assert transport_confidence(probs, np.array([0.25, 0.25, 0.25, 0.25])) == pytest.approx(0.5, abs=0.01)


def test_statistics_by_hand():
    probs = np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1))
    entropy = [0.9 * np.log(0.9) + 0.1 * np.log(0.1), 0.2 * np.log(0.2) + 0.8 * np.log(0.8)]
    np.testing.assert_allclose(negative_entropy(probs)[:2], entropy)
    labels = np.tile([0, 1], 50)
    calibration = calibrate((probs, labels), (probs, 0 * labels), 2)
    assert calibration.prior_k.tolist() == [0.5, 0.5]
    values = dict(zip(NAMES, 1 / (1 + np.exp(-statistics(probs, calibration))), strict=True))
    assert values["confidence"] == pytest.approx(0.85)
    assert values["entropy"] == pytest.approx(1 + np.mean(entropy) / np.log(2))
    assert values["mano"] == pytest.approx((np.mean(probs**4) * 2) ** 0.25)
    assert values["nuclear"] == pytest.approx(np.linalg.norm(probs, "nuc") / np.sqrt(200))


def test_as_many_pass_the_threshold_as_are_right():
    probs, labels = answers(np.random.default_rng(0), 2000, 3)
    passed = (negative_entropy(probs) >= threshold(probs, labels)).mean()
    assert passed == pytest.approx((probs.argmax(-1) == labels).mean(), abs=1e-3)


def test_strata_are_the_suite_its_operations_and_their_number():
    probs, labels = answers(np.random.default_rng(0), 100, 3)
    operations = [("x", "y")] * 40 + [("x",)] * 50 + [()] * 10
    sizes = sorted(len(one.labels) for one in strata([Answers("s", labels, probs, operations)]))
    assert sizes == [40, 40, 50, 90, 100]  # y and "two", "one", x, all; ten are too few


def test_strata_by_load_are_thirds():
    probs, labels = answers(np.random.default_rng(0), 120, 3)
    one = Answers("s", labels, probs, [()] * 120, np.arange(120.0))
    assert sorted(len(found.labels) for found in strata([one])) == [40, 40, 40, 120]
    some = Answers("s", labels, probs, [()] * 120, np.repeat([0.0, 5.0], [100, 20]))
    assert sorted(len(found.labels) for found in strata([some])) == [100, 120]


def test_drawn_sets_have_the_classes_asked_for():
    probs, labels = answers(np.random.default_rng(0), 1000, 3)
    stratum = strata([Answers("s", labels, probs, [()] * 1000)])[0]
    wanted = np.array([0.1, 0.1, 0.1, 0.1, 0.6])
    _, drawn = draw(stratum, 4000, np.random.default_rng(0), wanted)
    np.testing.assert_allclose(np.bincount(drawn, minlength=K) / 4000, wanted, atol=0.03)


def test_label_shift_by_hand():
    assert chi_square(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.0625 / 0.25 + 0.0625 / 0.75)
    easy, hard = (0.001, 0.0, 0.0), (2.0, 0.5, 9.0)  # distance, gap, hardness: the hard ones collapse
    usual = np.array([easy] * 40 + [hard] * 40)
    confusion = np.array([[0.9, 0.1], [0.2, 0.8]])
    prior = np.array([0.25, 0.75])
    seen = np.array([0.6, 0.4]) @ confusion
    distance = chi_square(seen, prior)
    made = find_label_shift(seen, prior, Signs(distance, 0.0, 0.1), usual, confusion)
    assert made.detected and made.rank == 1 and made.limit == pytest.approx(0.001)
    assert seen == pytest.approx([0.62, 0.38])
    np.testing.assert_allclose(made.frequencies, [0.61, 0.39], atol=1e-3)  # halfway between [0.6, 0.4] and what is seen
    assert find_label_shift(prior, prior, Signs(0.0, 0.1, 0.1), usual, confusion).detected  # by the gap alone
    assert not find_label_shift(seen, prior, Signs(distance, 0.0, 8.0), usual, confusion).detected


def test_correctness_is_calibrated_whatever_the_class_frequencies():
    rng = np.random.default_rng(0)
    probs, labels = answers(rng, 6000, 2.5, 0.8)  # it prefers the first class
    fitted = fit_correctness(probs, labels, np.ones(6000))
    right = probs.argmax(-1) == labels
    assert fitted.right(probs).mean() == pytest.approx(right.mean(), abs=1e-3)
    for k in range(K):  # of each class that it answers, where confidence alone is far off
        here = probs.argmax(-1) == k
        assert fitted.right(probs[here]).mean() == pytest.approx(right[here].mean(), abs=0.02)
    other, other_labels = answers(rng, 4000, 2.5, 0.8, np.array([0.35, 0.1, 0.1, 0.25, 0.2]))
    truth = (other.argmax(-1) == other_labels).mean()
    assert fitted.right(other).mean() == pytest.approx(truth, abs=0.035)
    assert fitted.logit_share(other) == pytest.approx(logit(fitted.right(other).mean()))


@pytest.mark.parametrize("k", [1, 2, 40])
def test_correctness_of_any_number_of_classes_is_finite(k):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(k, 0.3), 200)
    probs[0] = np.eye(k)[0]
    for labels in (rng.integers(0, k, 200), probs.argmax(-1)):
        fitted = fit_correctness(probs, labels, np.ones(200))
        assert np.isfinite(fitted.right(probs)).all() and np.isfinite(fitted.logit_share(probs[:1]))


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


GOOD = np.zeros((3, 4, 4, 3), np.uint8)


@pytest.mark.parametrize("arrays", [{"images": GOOD}, {"images": GOOD.astype(float) + 7}, {"x": GOOD}, {"other": GOOD}])
def test_reads_what_contestants_have(tmp_path, arrays):
    images = read_unlabelled(save(tmp_path / "i.npz", **arrays), (4, 4, 3))
    assert images.dtype == np.uint8 and images.shape == GOOD.shape
    np.save(tmp_path / "i.npy", GOOD)
    assert read_unlabelled(tmp_path / "i.npy", (4, 4, 3)).shape == GOOD.shape


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GOOD[:0]}, r"expected images \(N, 4, 4, 3\). Received: \(0, 4, 4, 3\)"),
        ({"images": GOOD[:, :2]}, r"Received: \(3, 2, 4, 3\)"),
        ({"images": GOOD.astype(float) + 0.5}, "Received: float64 from 0.5 to 0.5"),
        ({"images": GOOD.astype(float) - 1}, "from -1 to -1"),
        ({"images": np.full((3, 4, 4, 3), np.nan)}, "from nan to nan"),
        ({"labels": np.zeros(3)}, "expected a key images. Received: the keys labels"),
    ],
)
def test_bad_images(tmp_path, arrays, message):
    with pytest.raises(KitError, match=message):
        read_unlabelled(save(tmp_path / "i.npz", **arrays), (4, 4, 3))


def test_damaged_or_missing_files(tmp_path):
    with pytest.raises(KitError, match="Received: no such file"):
        read_unlabelled(tmp_path / "none.npz", (4, 4, 3))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(KitError, match="cannot be read"):
        read_unlabelled(tmp_path / "x.npz", (4, 4, 3))


MODEL = "class Model:\n    def predict(self, X):\n        return X[:, 0, 0, 0].astype('int64') % 3\n"


def test_a_foreign_zip_answers_with_labels_alone(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.py", MODEL)
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    found = answer_images(path, images, ["a", "b", "c"], Limits(60.0))
    assert found.probs_nk is None and found.labels.tolist() == [0, 1, 2, 0, 1]


def test_a_zip_that_fails_is_named_with_its_error(tmp_path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.py", "class Model:\n    def predict(self, X):\n        raise RuntimeError('no luck')\n")
    with pytest.raises(KitError, match=r"s\.zip did not answer the unlabelled images(.|\n)*no luck"):
        answer_images(path, GOOD, ["a", "b"], Limits(60.0))
