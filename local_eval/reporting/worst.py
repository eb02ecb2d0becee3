"""The worst images as pictures: the clean one next to the shifted one, with what was answered for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..judged import Judged
from .numbers import hardest
from .pictures import image_uri

CLASSES_SHOWN = 3


@dataclass(frozen=True)
class Seen:
    """One picture with its answer; probs: (class, probability, is the true one), most probable first; empty for a zip
    whose probabilities are not known."""

    uri: str
    predicted: str
    wrong: bool
    probs: list[tuple[str, float, bool]]


@dataclass(frozen=True)
class Worst:
    """One image of a suite. clean: the same image unaltered, None in the clean suite or where it is not judged."""

    id: str
    true: str
    seen: Seen
    clean: Seen | None
    operations: tuple[str, ...]
    severity: int | None


def worst_images(
    suite: str,
    judged: Mapping[str, Judged],
    operations: Sequence[tuple[str, ...]] | None,
    severities: np.ndarray | None,
    most: int,
) -> list[Worst]:
    """The hardest images of a suite, hardest first; see `numbers.hardest`.

    Args:
        suite: name in `judged`.
        judged: suite -> run; that of "clean" gives the unaltered images.
        operations, severities: of the suite's images, where known.
        most: images.
    """
    run = judged[suite]
    originals = judged.get("clean") if suite != "clean" else None
    row_of = {} if originals is None else {str(one): n for n, one in enumerate(originals.images.ids)}
    found = []
    for row in hardest(run, most):
        image_id = str(run.images.ids[row])
        clean_row = row_of.get(image_id.split(":")[0])  # in full a suite's ids are <id>:<corruption>:<severity>
        found.append(
            Worst(
                id=image_id,
                true=run.images.class_names[run.images.labels[row]],
                seen=_seen(run, int(row)),
                clean=None if originals is None or clean_row is None else _seen(originals, clean_row),
                operations=tuple(operations[row]) if operations else (),
                severity=None if severities is None else int(severities[row]),
            )
        )
    return found


def top_probs(probs_k: np.ndarray, true: int, names: Sequence[str]) -> list[tuple[str, float, bool]]:
    """The most probable classes and the true one.

    Args:
        probs_k: (K,).
        true: the true class.
        names: K names.
    """
    order = np.argsort(-probs_k, kind="stable")
    shown = [int(k) for k in order[:CLASSES_SHOWN]]
    if true not in shown:
        shown[-1:] = [true] if len(shown) == CLASSES_SHOWN else [*shown[-1:], true]
    return [(names[k], float(probs_k[k]), k == true) for k in shown]


def _seen(run: Judged, row: int) -> Seen:
    names, true = run.images.class_names, int(run.images.labels[row])
    probs = [] if run.table is None else top_probs(run.table.blended_nk[row], true, names)
    predicted = int(run.predictions[row])
    return Seen(image_uri(np.asarray(run.images.images[row])), names[predicted], predicted != true, probs)
