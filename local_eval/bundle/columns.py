"""The leaderboard: which keys of scores.json are shown, and how."""

from collections.abc import Sequence


def leaderboard(suites: Sequence[str]) -> dict[str, object]:
    """The one leaderboard of both phases; accuracy on the first suite ranks, the others break ties in their order."""
    wanted = [(f"accuracy_{suite}", f"Accuracy, {suite}", "desc", 4) for suite in suites]
    wanted += [(f"balanced_accuracy_{suite}", f"Balanced, {suite}", "desc", 4) for suite in suites]
    wanted.append(("prediction_seconds", "Seconds to predict", "asc", 1))
    return {
        "index": 0,
        "title": "Results",
        "key": "results",
        "submission_rule": "Force_Best",
        "columns": [
            {"index": index, "key": key, "title": title, "sorting": sorting, "precision": precision}
            for index, (key, title, sorting, precision) in enumerate(wanted)
        ],
    }
