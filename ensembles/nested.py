"""Honest scores of a way to choose: choose on all folds but one, score on that one; and without the judged family."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from submission.kit.blend import temper
from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed

from .calibrate import calibration_error, fit_temperature, log_losses
from .limits import Limits
from .methods import Method, forget
from .paired import by_group, mean_and_error
from .rows import Rows

# what makes the rows to fit on, when it is their turn; and the numbers of the rows to score
_Part = tuple[Callable[[], Rows], np.ndarray]


@dataclass(frozen=True)
class NestedScore:
    """Outcome of every row, each with weights and a pool temperature that were fitted without its picture.

    correct: bool (N,); losses: float64 (N,) of the calibrated mean, in nats; confidence: float64 (N,) of the class that
    it names; raw_correct, raw_confidence: of the same mean of probabilities as the nets gave them; rows: what they
    belong to.
    """

    correct: np.ndarray
    losses: np.ndarray
    confidence: np.ndarray
    raw_correct: np.ndarray
    raw_confidence: np.ndarray
    rows: Rows

    @property
    def accuracy(self) -> float:
        """Shifted and clean together, by their shares."""
        return float(self.rows.shares @ self.correct)

    @property
    def loss(self) -> float:
        """Log-loss, nats, shifted and clean together by their shares."""
        return float(self.rows.shares @ self.losses)

    @property
    def balanced_accuracy(self) -> float:
        """Mean over classes of the share found, rows by their shares."""
        labels, number = np.unique(self.rows.labels, return_inverse=True)
        of_class = np.bincount(number, self.rows.shares)
        return float((np.bincount(number, self.rows.shares * self.correct) / of_class).sum() / len(labels))

    def side_accuracy(self, shifted: bool) -> float:
        """Of the shifted rows, families alike, or of the clean ones; NaN where there are none."""
        return self._accuracy(self.rows.shifted == shifted)

    def suite_accuracy(self, suite: str) -> float:
        """Of the rows of one suite."""
        return self._accuracy(self.rows.suites == suite)

    def family_accuracies(self) -> dict[str, float]:
        """Of each shifted family."""
        return {family: self._accuracy(self.rows.families == family) for family in self.rows.shifted_families}

    def calibration_errors(self) -> tuple[float, float]:
        """(of the mean of raw probabilities, of the calibrated one), under shift; of all rows where none is shifted."""
        rows = self.rows.shifted if self.rows.shifted.any() else np.ones(len(self.correct), bool)
        shares = self.rows.shares[rows]
        return (
            calibration_error(self.raw_confidence[rows], self.raw_correct[rows], shares),
            calibration_error(self.confidence[rows], self.correct[rows], shares),
        )

    def gain_over(self, other: "NestedScore") -> tuple[float, float]:
        """(difference of the accuracies, its standard error); both scores are on the same pictures, hence paired."""
        return mean_and_error(self._by_group() - other._by_group())

    @property
    def standard_error(self) -> float:
        """Of `accuracy`; a picture and its copies count as one observation."""
        return mean_and_error(self._by_group())[1]

    def _by_group(self) -> np.ndarray:
        return by_group(self.correct, self.rows.shares, self.rows.groups)

    def _accuracy(self, mask: np.ndarray) -> float:
        shares = self.rows.shares[mask]
        return float(shares @ self.correct[mask] / shares.sum()) if mask.any() else float("nan")


def nested_scores(
    rows: Rows, methods: Sequence[Method], limits: Limits, seed: int, folds: int = 5, shown: str = "nested"
) -> dict[str, NestedScore]:
    """Score methods with `folds` folds of pictures.

    Args:
        rows: all rows.
        methods: how weights are chosen.
        limits: theirs.
        seed: deals pictures to folds.
        folds: at least 2; fewer are used where there are fewer pictures.
        shown: name of the bar, which appears when it takes long.

    Returns:
        Name of each method -> its score, all on the same folds.

    Raises:
        KitError: fewer than two pictures.
    """
    fold = _folds(rows, seed, folds)
    parts: list[_Part] = [
        (partial(rows.where, fold != held_out), np.flatnonzero(fold == held_out)) for held_out in range(fold.max() + 1)
    ]
    return _scores(rows, methods, limits, parts, shown)


def left_out_scores(
    rows: Rows, methods: Sequence[Method], limits: Limits, seed: int, clean_share: float, folds: int = 2
) -> dict[str, NestedScore]:
    """The same with the family of each shifted row left out of the fit, beside its picture's fold.

    Args:
        rows: of at least two shifted families.
        methods, limits, seed: as in `nested_scores`.
        clean_share: as in `build_rows`, for what is left.
        folds: of pictures; a fit for each of them and each family.

    Returns:
        Name of each method -> its score on the shifted rows; nothing where there is one shifted family alone.
    """
    families = rows.shifted_families
    if len(families) < 2:
        return {}
    shifted = rows.where(rows.shifted)
    fold, shifted_fold = _folds(rows, seed, folds), _folds(shifted, seed, folds)
    # the same pictures are in both, so that the folds are of the same pictures
    fold_of = dict(zip(shifted.groups.tolist(), shifted_fold.tolist(), strict=True))
    fold = np.array([fold_of.get(group, other) for group, other in zip(rows.groups.tolist(), fold, strict=True)])
    parts: list[_Part] = []
    for family in families:
        for held_out in range(shifted_fold.max() + 1):
            scored = np.flatnonzero((shifted.families == family) & (shifted_fold == held_out))
            if len(scored):
                seen = fold != held_out
                parts.append((partial(rows.without_family, family, clean_share, seen), scored))
    return _scores(shifted, methods, limits, parts, "family left out")


def _scores(
    rows: Rows, methods: Sequence[Method], limits: Limits, parts: list[_Part], shown: str
) -> dict[str, NestedScore]:
    """Each row is scored once."""
    blank = np.zeros(len(rows.labels))
    scores = {
        method.name: NestedScore(blank > 0, blank.copy(), blank.copy(), blank > 0, blank.copy(), rows)
        for method in methods
    }
    with tqdm(total=len(parts) * len(methods), desc=shown, unit="fit", delay=2, leave=False) as bar:
        for make_fitted, scored in parts:
            fitted = make_fitted()
            mask = np.zeros(len(rows.labels), bool)
            mask[scored] = True
            part = rows.where(mask)
            for method in methods:
                _score(method, fitted, part, limits, scores[method.name], scored)
                bar.update()
            forget()
    return scores


def _score(method: Method, fitted: Rows, part: Rows, limits: Limits, score: NestedScore, scored: np.ndarray) -> None:
    """Fit on one part, and enter the outcome of another into `score`."""
    if method.answers is not None:
        mixed = raw = method.answers(fitted, part, limits.max_members)
    else:
        weights_mv = method.fit_within(fitted, limits)
        temperature = fit_temperature(fitted.mixture(weights_mv), fitted.labels, fitted.shares)
        mixed, raw = temper(part.mixture(weights_mv), temperature), part.raw_mixture(weights_mv)
    score.correct[scored] = mixed.argmax(-1) == part.labels
    score.losses[scored] = log_losses(mixed, part.labels)
    score.confidence[scored] = mixed.max(-1)
    score.raw_correct[scored] = raw.argmax(-1) == part.labels
    score.raw_confidence[scored] = raw.max(-1)


def _folds(rows: Rows, seed: int, folds: int) -> np.ndarray:
    """int (N,): the fold of each row's picture."""
    names, number = np.unique(rows.groups, return_inverse=True)
    folds = min(folds, len(names))
    if folds < 2:
        raise KitError(f"expected at least 2 images to choose an ensemble on. Received: {len(names)}")
    rng = np.random.default_rng(derive_seed(seed, "ensembles", "nested"))
    return rng.permutation(len(names))[number] % folds
