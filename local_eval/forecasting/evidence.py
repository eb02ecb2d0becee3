"""What one suite says of one submission."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .logit import logit
from .severity import Shift

_FAMILIES = ("an2dl", "clean")
_OF_CLEAN = {"prior"}  # other class frequencies, the images themselves untouched


@dataclass(frozen=True)
class Evidence:
    """Accuracy in [0, 1] on n > 0 judge images of a suite; strengths: name -> how far the accuracy there lies off."""

    suite: str
    accuracy: float
    n: int
    strengths: Mapping[str, Shift] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1 or self.n < 1:
            raise ValueError(f"expected an accuracy in [0, 1] on images. Received: {self.accuracy} on {self.n}")

    @property
    def logit(self) -> float:
        """Of the accuracy, which at 0 and 1 is moved by half an image."""
        edge = 0.5 / self.n
        return logit(min(max(self.accuracy, edge), 1 - edge))

    @property
    def standard_error(self) -> float:
        """Of `logit`, from the finite number of images; half an image is added to either side."""
        share = (self.accuracy * self.n + 0.5) / (self.n + 1)
        return float((self.n * share * (1 - share)) ** -0.5)


def family_of(suite: str) -> str:
    """Suites of one family are variants of one another: "an2dl-mild" is of "an2dl", "prior" of "clean"."""
    if suite in _OF_CLEAN:
        return "clean"
    return next((family for family in _FAMILIES if suite == family or suite.startswith(f"{family}-")), suite)


def family_weights(suites: Iterable[str], shares: Mapping[str, float] | None = None) -> dict[str, float]:
    """A weight a suite, sum 1: families count alike (times `shares`), and so do the suites within one."""
    suites = list(suites)
    shares = shares or {}
    families = {family_of(suite) for suite in suites}
    total = sum(shares.get(family, 1.0) for family in families)
    if not total:
        return {suite: 1 / len(suites) for suite in suites}
    sizes = {family: sum(family_of(suite) == family for suite in suites) for family in families}
    return {suite: shares.get(family_of(suite), 1.0) / total / sizes[family_of(suite)] for suite in suites}
