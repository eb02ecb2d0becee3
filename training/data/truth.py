"""truth.csv: what was planted in a synthetic contest, to judge the cleaning by."""

import csv
import io

import numpy as np

from .plan import Plan

COLUMNS = ("index", "id", "true_label", "given_label", "kind", "original_index")


def truth_csv(plan: Plan, ids: np.ndarray) -> str:
    """The text of truth.csv, one line a picture.

    Args:
        plan: the plan of the contest, N pictures.
        ids: their ids (N,).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    columns = (ids, plan.true_labels, plan.given_labels, plan.kinds, plan.originals)
    for index, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        writer.writerow((index, *row))
    return text.getvalue()
