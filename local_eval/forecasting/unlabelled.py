"""The accuracy on images without labels, from the submission's probabilities for them.

A ridge regression of the accuracy's logit on label-free statistics is fitted on hundreds of small labelled sets drawn
from the judged suites. Its errors on families of shifts that were left out of the fit give the interval: the images in
question are of a family that no suite has. The judge half is what it is fitted on; what it forecasts are other images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np

from submission.kit.seeds import derive_seed

from .label_shift import NEAREST, LabelShift, chi_square, find_label_shift
from .logit import expit, logit
from .statistics import BY_PRIOR, NAMES, Calibration, calibrate, statistics
from .strata import Answers, Stratum, draw, strata

SETS = 240  # drawn for each of the two fits
LARGEST = 500  # images a drawn set has
DIRICHLET = 1.0  # of the class frequencies of a set with label shift: every mixture of classes is as likely
RIDGE = (0.3, 1.0, 3.0, 10.0, 30.0)
MAYBE = 0.5  # prior probability of other class frequencies, where none are noticed
INFLATION = 1.1  # families left out are fewer than families there are

_ALL = np.arange(len(NAMES))
_WITHOUT_PRIOR = np.array([n for n, name in enumerate(NAMES) if name not in BY_PRIOR])


@dataclass(frozen=True)
class Unlabelled:
    """accuracy, low, high: in [0, 1]; n: images; label_shift: what was found; statistics: name -> value in [0, 1];
    sets: how many labelled sets it was fitted on; families: of them; error: their error, left out, logit scale."""

    accuracy: float
    low: float
    high: float
    level: float
    n: int
    label_shift: LabelShift
    statistics: dict[str, float]
    sets: int
    families: int
    error: float


class LabelFree:
    """Fitted on one submission's answers; forecasts as many sets of images as wanted.

    Args:
        answers: on the judge half of the suites, "clean" among them, and another one.
        size: about how many images the sets to forecast have.
        seed: of the sets drawn.

    Raises:
        ValueError: no clean or no shifted suite.
    """

    def __init__(self, answers: Sequence[Answers], size: int, seed: int = 0) -> None:
        clean = [one for one in answers if one.suite == "clean"]
        shifted = [one for one in answers if one.suite != "clean"]
        if not clean or not shifted or size < 1:
            raise ValueError("expected images, the clean suite and a shifted one")
        pooled = (np.concatenate([one.probs_nk for one in shifted]), np.concatenate([one.labels for one in shifted]))
        self._k = clean[0].probs_nk.shape[1]
        self._calibration = calibrate((clean[0].probs_nk, clean[0].labels), pooled, self._k)
        self._strata = strata(answers)
        self._size = min(size, LARGEST)
        self._seed = seed

    @cached_property
    def _hardness(self) -> "_Fit":
        """Without what takes the class frequencies for granted: other frequencies alone must not look hard."""
        return replace(self._usual[0], columns=_WITHOUT_PRIOR).fit()

    @cached_property
    def _usual(self) -> tuple["_Sets", "_Fit"]:
        return self._drawn(shift=False)

    @cached_property
    def _shifted(self) -> tuple["_Sets", "_Fit"]:
        return self._drawn(shift=True)

    def _drawn(self, shift: bool) -> tuple["_Sets", "_Fit"]:
        rng = np.random.default_rng(derive_seed(self._seed, "forecast", "unlabelled", shift))
        sets = _Sets.of(self._strata, self._size, self._calibration, rng, shift)
        return sets, sets.fit()

    def forecast(self, probs_nk: np.ndarray, level: float = 0.9) -> Unlabelled:
        """Forecast the accuracy on N > 0 unlabelled images from the submission's probabilities (N, K) for them."""
        n = len(probs_nk)
        usual, fit = self._usual
        features = statistics(probs_nk, self._calibration)
        histogram = np.bincount(probs_nk.argmax(-1), minlength=self._k) / n
        hardness = self._hardness.at(features)
        found = find_label_shift(
            histogram,
            self._calibration.prior_k,
            [(row, self._hardness.at(x)) for row, x in zip(usual.histograms, usual.features, strict=True)],
            hardness,
            _confusion(self._strata, expit(hardness), self._k),
        )
        sets, middle, variance = usual, fit.at(features), fit.variance
        if found.detected:
            # Other classes, or a net that calls all it cannot make out the same; a good net seldom does.
            sets, other = self._shifted
            trust, gap = expit(hardness), other.at(features) - middle
            variance = trust * other.variance + (1 - trust) * fit.variance + trust * (1 - trust) * gap**2
            middle += trust * gap
        else:
            variance = (1 - MAYBE) * variance + MAYBE * max(variance, self._unseen_error(hardness, found.limit))
        share = expit(middle)
        sampling = 1 / (n * max(share * (1 - share), 0.5 / n))
        half = NormalDist().inv_cdf((1 + level) / 2) * (variance * INFLATION**2 + sampling) ** 0.5
        return Unlabelled(
            accuracy=share,
            low=expit(middle - half),
            high=expit(middle + half),
            level=level,
            n=n,
            label_shift=found,
            statistics={name: expit(float(value)) for name, value in zip(NAMES, features, strict=True)},
            sets=len(sets.targets),
            families=len(set(sets.families)),
            error=variance**0.5,
        )

    def _unseen_error(self, hardness: float, limit: float) -> float:
        """Mean squared error on equally hard sets with other class frequencies that would not be noticed either."""
        (shifted, _), (_, fit) = self._shifted, self._usual
        gaps = [abs(self._hardness.at(x) - hardness) for x in shifted.features]
        near = np.argsort(gaps, kind="stable")[:NEAREST]
        distances = np.array([chi_square(shifted.histograms[row], self._calibration.prior_k) for row in near])
        errors = np.array([fit.at(shifted.features[row]) - shifted.targets[row] for row in near])
        return float((errors**2 * (distances <= limit)).mean())


@dataclass(frozen=True)
class _Fit:
    """A linear function of some statistics, and the mean squared error on families left out."""

    columns: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    slope: np.ndarray
    base: float
    variance: float

    def at(self, features: np.ndarray) -> float:
        return self.base + float((features[self.columns] - self.centre) / self.scale @ self.slope)


@dataclass(frozen=True)
class _Sets:
    """Drawn sets: features (S, F), targets (S,) logit of the accuracy, families S names, histograms (S, K)."""

    features: np.ndarray
    targets: np.ndarray
    families: list[str]
    histograms: np.ndarray
    columns: np.ndarray

    @staticmethod
    def of(
        there: Sequence[Stratum], size: int, calibration: Calibration, rng: np.random.Generator, shift: bool
    ) -> "_Sets":
        """Each family as many sets; a set is a stratum, or two of one family mixed."""
        families = sorted({one.family for one in there})
        k = len(calibration.prior_k)
        rows: list[tuple[np.ndarray, float, str, np.ndarray]] = []
        for number in range(SETS):
            family = families[number % len(families)]
            own = [one for one in there if one.family == family]
            frequencies = rng.dirichlet(np.full(k, DIRICHLET)) if shift else calibration.prior_k
            share = round(size * rng.uniform()) if rng.random() < 0.5 else size
            parts = [draw(own[rng.integers(len(own))], n, rng, frequencies) for n in (share, size - share) if n > 0]
            probs, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            right = int((probs.argmax(-1) == labels).sum())
            target = logit((right + 0.5) / (size + 1))
            histogram = np.bincount(probs.argmax(-1), minlength=k) / size
            rows.append((statistics(probs, calibration), target, family, histogram))
        features, targets, names, histograms = zip(*rows, strict=True)
        columns = _WITHOUT_PRIOR if shift else _ALL
        return _Sets(np.stack(features), np.array(targets), list(names), np.stack(histograms), columns)

    def fit(self) -> _Fit:
        """The ridge whose penalty does best on families left out; with one family, on every fifth set left out."""
        groups = np.array(self.families) if len(set(self.families)) > 1 else np.arange(len(self.targets)) % 5
        errors = {}
        for penalty in RIDGE:
            left_out = np.empty(len(self.targets))
            for group in np.unique(groups):
                out = groups == group
                fit = self._ridge(~out, penalty, 0.0)
                left_out[out] = [fit.at(x) for x in self.features[out]] - self.targets[out]
            errors[penalty] = float((left_out**2).mean())
        best = min(errors, key=lambda penalty: errors[penalty])
        return self._ridge(np.ones(len(self.targets), bool), best, errors[best])

    def _ridge(self, rows: np.ndarray, penalty: float, variance: float) -> _Fit:
        x, y = self.features[rows][:, self.columns], self.targets[rows]
        centre, scale = x.mean(0), np.maximum(x.std(0), 1e-9)
        z = (x - centre) / scale
        slope = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()))
        return _Fit(self.columns, centre, scale, slope, float(y.mean()), variance)


def _confusion(there: Sequence[Stratum], accuracy: float, k: int) -> np.ndarray:
    """True class to predicted, rows sum to 1, over the strata whose accuracy is near; each row is smoothed."""
    gaps = [abs(float((one.probs_nk.argmax(-1) == one.labels).mean()) - accuracy) for one in there]
    near = np.argsort(gaps, kind="stable")[: max(3, len(there) // 4)]
    counts = np.eye(k)
    for row in near:
        one = there[row]
        counts += np.bincount(one.labels * k + one.probs_nk.argmax(-1), minlength=k * k).reshape(k, k)
    return counts / counts.sum(1, keepdims=True)
