"""The accuracy on images without labels, from the submission's probabilities for them.

Two estimates are blended on the logit scale. One judges each image by itself (see `correctness`): it holds whatever
the class frequencies are. The other, a ridge regression on statistics of the whole set, knows more where those are the
hold-out's and is far off where they are not: its weight falls the less usual the set's frequencies look. Both are
fitted on the judged suites; their blend's errors on families of shifts that were left out, with the usual and with
other class frequencies, give the interval. The judge half is what it is fitted on; what it forecasts are other images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from submission.kit.seeds import derive_seed

from .correctness import Correctness, fit_correctness
from .evidence import family_of, family_weights
from .label_shift import LabelShift, Signs, chi_square, find_label_shift, rank_of
from .logit import expit, logit
from .scenarios import CLEAN_SHARE
from .statistics import NAMES, calibrate, statistics
from .strata import Answers, Stratum, draw, strata

SETS = 240  # drawn of each of two kinds
LARGEST = 500  # images a drawn set has
DIRICHLET = 1.0  # of the class frequencies of a set with label shift: every mixture of classes is as likely
RIDGE = (0.3, 1.0, 3.0, 10.0, 30.0)
TRUST = 0.6  # weight of the regression for a set that looks as usual as can be
MAYBE = 0.5  # prior probability of other class frequencies, where none are noticed

_CORRECT, _TRANSPORT = len(NAMES), NAMES.index("transport")  # columns of a set's numbers


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
        self._answers = answers
        self._strata = strata(answers)
        self._families = sorted({one.family for one in self._strata})
        self._size = min(size, LARGEST)
        self._seed = seed

    @cached_property
    def _correctness(self) -> dict[str | None, Correctness]:
        """Fitted on all, and for each family on the others (on all, if it is the only one)."""
        probs = np.concatenate([one.probs_nk for one in self._answers])
        labels = np.concatenate([one.labels for one in self._answers])
        suites = np.concatenate([np.full(len(one.labels), one.suite) for one in self._answers])
        counts = dict(zip(*np.unique(suites, return_counts=True), strict=True))
        shares = family_weights(list(counts), {"clean": CLEAN_SHARE})
        weights = np.array([shares[str(suite)] / counts[suite] for suite in suites]) * len(suites)
        families = np.array([family_of(str(suite)) for suite in suites])
        found: dict[str | None, Correctness] = {None: fit_correctness(probs, labels, weights)}
        for family in self._families:
            rest = families != family
            found[family] = fit_correctness(probs[rest], labels[rest], weights[rest]) if rest.any() else found[None]
        return found

    @cached_property
    def _usual(self) -> "_Sets":
        return self._drawn(shift=False)

    @cached_property
    def _blend(self) -> "_Blend":
        return _Blend.fit(self._usual, self._drawn(shift=True), self._calibration.prior_k)

    def forecast(self, probs_nk: np.ndarray, level: float = 0.9) -> Unlabelled:
        """Forecast the accuracy on N > 0 unlabelled images from the submission's probabilities (N, K) for them."""
        n, prior = len(probs_nk), self._calibration.prior_k
        numbers = self._numbers(probs_nk, None)
        histogram = np.bincount(probs_nk.argmax(-1), minlength=self._k) / n
        found = find_label_shift(
            histogram,
            prior,
            _signs(numbers, histogram, prior),
            self._usual.signs(prior),
            _confusion(self._strata, expit(float(numbers[_CORRECT])), self._k),
        )
        middle = self._blend.at(numbers, found.rank)
        share = MAYBE if not found.detected else 1.0
        variance = (1 - share) * self._blend.usual_error + share * self._blend.shifted_error
        point = expit(middle)
        sampling = 1 / (n * max(point * (1 - point), 0.5 / n))
        half = NormalDist().inv_cdf((1 + level) / 2) * (variance + sampling) ** 0.5
        names = (*NAMES, "correct")
        return Unlabelled(
            accuracy=point,
            low=expit(middle - half),
            high=expit(middle + half),
            level=level,
            n=n,
            label_shift=found,
            statistics={name: expit(float(value)) for name, value in zip(names, numbers, strict=True)},
            sets=2 * len(self._usual.targets),
            families=len(self._families),
            error=variance**0.5,
        )

    def _numbers(self, probs_nk: np.ndarray, family: str | None) -> np.ndarray:
        """The statistics and, last, the logit of the share expected to be right by what the other families taught."""
        correct = self._correctness[family].logit_share(probs_nk)
        return np.append(statistics(probs_nk, self._calibration), correct)

    def _drawn(self, shift: bool) -> "_Sets":
        """Each family as many sets; a set is a stratum, or two of one family mixed."""
        rng = np.random.default_rng(derive_seed(self._seed, "forecast", "unlabelled", shift))
        rows: list[tuple[np.ndarray, float, str, np.ndarray]] = []
        for number in range(SETS):
            family = self._families[number % len(self._families)]
            own = [one for one in self._strata if one.family == family]
            prior = self._calibration.prior_k
            frequencies = rng.dirichlet(np.full(self._k, DIRICHLET)) if shift else prior
            share = round(self._size * rng.uniform()) if rng.random() < 0.5 else self._size
            sizes = [n for n in (share, self._size - share) if n > 0]
            parts = [draw(own[rng.integers(len(own))], n, rng, frequencies) for n in sizes]
            probs, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
            right = int((probs.argmax(-1) == labels).sum())
            target = logit((right + 0.5) / (self._size + 1))
            histogram = np.bincount(probs.argmax(-1), minlength=self._k) / self._size
            rows.append((self._numbers(probs, family), target, family, histogram))
        numbers, targets, families, histograms = zip(*rows, strict=True)
        return _Sets(np.stack(numbers), np.array(targets), np.array(families), np.stack(histograms))


@dataclass(frozen=True)
class _Sets:
    """Drawn sets: numbers (S, F), targets (S,) logit of the accuracy, families (S,) names, histograms (S, K)."""

    numbers: np.ndarray
    targets: np.ndarray
    families: np.ndarray
    histograms: np.ndarray

    def signs(self, prior_k: np.ndarray) -> np.ndarray:
        """(S, 3), see `rank_of`."""
        pairs = zip(self.numbers, self.histograms, strict=True)
        every = [_signs(numbers, histogram, prior_k) for numbers, histogram in pairs]
        return np.array([(one.distance, one.gap, one.hardness) for one in every])


def _signs(numbers: np.ndarray, histogram_k: np.ndarray, prior_k: np.ndarray) -> Signs:
    correct = float(numbers[_CORRECT])
    return Signs(chi_square(histogram_k, prior_k), correct - float(numbers[_TRANSPORT]), correct)


@dataclass(frozen=True)
class _Ridge:
    """A linear function of the statistics."""

    centre: np.ndarray
    scale: np.ndarray
    slope: np.ndarray
    base: float

    @staticmethod
    def fit(x: np.ndarray, y: np.ndarray, penalty: float) -> "_Ridge":
        x = x[:, :_CORRECT]
        centre, scale = x.mean(0), np.maximum(x.std(0), 1e-9)
        z = (x - centre) / scale
        slope = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()))
        return _Ridge(centre, scale, slope, float(y.mean()))

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """Of sets (..., F)."""
        return self.base + (numbers[..., :_CORRECT] - self.centre) / self.scale @ self.slope


@dataclass(frozen=True)
class _Blend:
    """ridge and the mean squared errors of the blend on families left out, logit scale."""

    ridge: _Ridge
    usual_error: float
    shifted_error: float

    def at(self, numbers: np.ndarray, rank: float) -> float:
        """Logit of the accuracy of one set."""
        return float(_blended(self.ridge.at(numbers), numbers, np.array(rank)))

    @staticmethod
    def fit(usual: _Sets, shifted: _Sets, prior_k: np.ndarray) -> "_Blend":
        """The penalty is the one that does best on families left out; with one family, on every fifth set left out."""
        lone = len(set(usual.families)) == 1
        groups, others = (np.arange(len(one.targets)) % 5 if lone else one.families for one in (usual, shifted))
        best: tuple[float, float, np.ndarray] | None = None
        for penalty in RIDGE:
            there, elsewhere = np.empty(len(usual.targets)), np.empty(len(shifted.targets))
            for group in np.unique(groups):
                out, beside = groups == group, others == group
                fit = _Ridge.fit(usual.numbers[~out], usual.targets[~out], penalty)
                there[out], elsewhere[beside] = fit.at(usual.numbers[out]), fit.at(shifted.numbers[beside])
            error = float(((there - usual.targets) ** 2).mean())
            if best is None or error < best[0]:
                best = error, penalty, np.concatenate([there, elsewhere])
        assert best is not None
        signs = usual.signs(prior_k)
        errors = []
        for sets, guesses in ((usual, best[2][: len(groups)]), (shifted, best[2][len(groups) :])):
            ranks = np.array([rank_of(Signs(*row), signs) for row in sets.signs(prior_k)])
            errors.append(float(((_blended(guesses, sets.numbers, ranks) - sets.targets) ** 2).mean()))
        return _Blend(_Ridge.fit(usual.numbers, usual.targets, best[1]), errors[0], errors[1])


def _blended(guesses: np.ndarray, numbers: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    trust = TRUST * (1 - ranks)
    return trust * guesses + (1 - trust) * numbers[..., _CORRECT]


def _confusion(there: Sequence[Stratum], accuracy: float, k: int) -> np.ndarray:
    """True class to predicted, rows sum to 1, over the strata whose accuracy is near; each row is smoothed."""
    gaps = [abs(float((one.probs_nk.argmax(-1) == one.labels).mean()) - accuracy) for one in there]
    near = np.argsort(gaps, kind="stable")[: max(3, len(there) // 4)]
    counts = np.eye(k)
    for row in near:
        one = there[row]
        counts += np.bincount(one.labels * k + one.probs_nk.argmax(-1), minlength=k * k).reshape(k, k)
    return counts / counts.sum(1, keepdims=True)
