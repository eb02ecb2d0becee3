"""Accuracy on the select parts of suites: what sweeps and searches choose by. Never on a judge part."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from submission.kit.errors import KitError
from submission.kit.folds import SELECT
from submission.kit.image_set import ImageSet, open_image_set

CLEAN, OBJECTIVE = "clean", "an2dl"  # ranked by the second; the first ranks nets the other way round under shift

if TYPE_CHECKING:
    from .validation import Validator


def written_suites(artifacts: Path) -> list[str]:
    """Names of the suites whose select parts are there."""
    return sorted(path.parent.parent.name for path in artifacts.glob(f"suites/*/{SELECT}/meta.json"))


class SelectScores:
    """Scores a net, as it is at the moment, on the select parts of suites.

    Args:
        validator: of the net, for images as they are.
        artifacts: folder of one contest.
        suites: names; `KitError` if one is not written or is of another split.
        folds_sha256: of the split that the run is of.
    """

    def __init__(self, validator: "Validator", artifacts: Path, suites: Sequence[str], folds_sha256: str) -> None:
        self.validator = validator
        self.sets = {suite: open_select(artifacts, suite, folds_sha256) for suite in suites}

    def accuracies(self) -> dict[str, float]:
        """Share of images named rightly, by suite, under the identity view."""
        return {
            suite: self.validator.score(images, np.arange(len(images))).accuracy for suite, images in self.sets.items()
        }


def open_select(artifacts: Path, suite: str, folds_sha256: str) -> ImageSet:
    """The select part of a suite.

    Raises:
        KitError: it is not written, or was drawn from another split: its images may be among those trained on.
    """
    mend = f"make suites ARTIFACTS={artifacts}"
    if suite not in written_suites(artifacts):
        raise KitError(
            f"no {SELECT} part of {suite} in {artifacts / 'suites'}. There are: "
            f"{', '.join(written_suites(artifacts)) or 'none'}. Run `{mend} SUITES={suite}` first."
        )
    images = open_image_set(artifacts / "suites" / suite / SELECT, mend)
    if images.meta.get("folds_sha256") != folds_sha256:
        raise KitError(f"suite {suite} was drawn from another split than the run's. Run `{mend}` again.")
    return images
