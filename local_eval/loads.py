"""How strongly each image of a suite was altered, and what a submission's accuracy would be at another strength.

An image's load is the sum of its operations' severities, without what every image gets: a table of corruptions has one
operation an image, a mixture several. It is read from the suite's rule, which draws the same plan for the same image.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import read_json

from .forecasting.severity import Shift, load_shifts
from .shifts.operation import SEVERITIES
from .shifts.suite import Suite, get_suite, suite_names

DRAWN = 500  # plans that stand for another strength of a mixture


@dataclass(frozen=True)
class Loads:
    """own: float (N,), of the suite's images; others: name of a strength -> float (M,), loads that it would have.

    Names are the severities "1" to "5", all operations being of that one, and the suite's variants, such as
    "an2dl-harsh" of "an2dl".
    """

    own: np.ndarray
    others: dict[str, np.ndarray]


def read_loads(folder: Path, ids: np.ndarray) -> Loads | None:
    """The loads of a suite's part; None where it has no severities, another version wrote it, or it is no suite.

    Args:
        folder: A/suites/<suite>/<part>.
        ids: unicode (N,), the images wanted.
    """
    try:
        meta = read_json(folder / "meta.json", "")
        suite = get_suite(str(meta["suite"]))
        part, seed, version = str(meta["part"]), int(meta["seed"]), meta["version"]
    except (KitError, KeyError, TypeError, ValueError):
        return None
    channels = _channels(folder)
    if version != suite.version or channels is None:
        return None
    own = _loads(suite, [str(one) for one in ids], channels, part, seed)
    if not own.any():
        return None
    counts = _counts(suite, [str(one) for one in ids], channels, part, seed)
    others = {str(severity): severity * counts for severity in SEVERITIES}
    for name in suite_names():
        if name.startswith(f"{suite.name}-") and get_suite(name).choose_rows is None and type(get_suite(name)) is Suite:
            others[name] = _loads(get_suite(name), [str(n) for n in range(DRAWN)], channels, part, seed)
    return Loads(own, others)


def suite_strengths(folder: Path, ids: np.ndarray, right: np.ndarray) -> dict[str, Shift]:
    """Name of a strength -> how far the accuracy there lies from the suite's; empty without loads.

    Args:
        folder, ids: as of `read_loads`.
        right: bool (N,), whether the submission's answers are right.
    """
    loads = read_loads(folder, ids)
    return {} if loads is None else load_shifts(right, loads.own, loads.others)


def _channels(folder: Path) -> int | None:
    try:
        return int(np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False).shape[-1])
    except (OSError, ValueError, IndexError):
        return None


def _severities(suite: Suite, image_id: str, channels: int, part: str, seed: int) -> list[int]:
    return [one.severity for one in suite.plan(image_id, channels, part, seed) if one.severity is not None]


def _loads(suite: Suite, ids: list[str], channels: int, part: str, seed: int) -> np.ndarray:
    return np.array([sum(_severities(suite, one, channels, part, seed)) for one in ids], np.float64)


def _counts(suite: Suite, ids: list[str], channels: int, part: str, seed: int) -> np.ndarray:
    return np.array([len(_severities(suite, one, channels, part, seed)) for one in ids], np.float64)
