"""What a recipe's balance makes of the classes of a training set, for people: balance.json of a run."""

from typing import Any

import numpy as np

from .class_weights import class_weights
from .smote import missing_counts


def balance_table(
    labels: np.ndarray, class_names: list[str], balance: str, images_per_class: int | None
) -> dict[str, Any]:
    """Count, by class, what there is and what an epoch sees.

    Args:
        labels: int (n,), of the real training images.
        class_names: K names.
        balance: of the recipe.
        images_per_class: of the recipe.

    Returns:
        balance; classes: K dicts of name, images (real ones), synthetic (drawn between them), epoch (images that an
        epoch sees) and weight (of one image in the loss).
    """
    counts = np.bincount(labels, minlength=len(class_names))
    made = missing_counts(labels) if balance in ("smote", "smote_features") else {}
    weights = class_weights(labels, len(class_names)) if balance == "class_weights" else [1.0] * len(class_names)
    each = int(counts.max(initial=0)) if images_per_class is None else images_per_class
    classes = []
    for label, name in enumerate(class_names):
        images, synthetic = int(counts[label]), made.get(label, 0)
        epoch = each * (images > 0) if balance == "balanced" else images + synthetic
        classes.append(
            {"name": name, "images": images, "synthetic": synthetic, "epoch": epoch, "weight": round(weights[label], 4)}
        )
    return {"balance": balance, "classes": classes}


def told(table: dict[str, Any]) -> str:
    """A line: "classes of 40 to 94 images, balanced: 94 of each an epoch"; "" where nothing is evened out.

    Args:
        table: of `balance_table`.
    """
    classes = [one for one in table["classes"] if one["images"]]
    if table["balance"] == "none" or not classes:
        return ""
    images, epoch, weights = ([one[key] for one in classes] for key in ("images", "epoch", "weight"))
    line = f"classes of {min(images)} to {max(images)} images, {table['balance']}: "
    if table["balance"] == "class_weights":
        return f"{line}weights {min(weights):.2f} to {max(weights):.2f}"
    if table["balance"] == "balanced":
        return f"{line}{epoch[0]} of each an epoch"
    return f"{line}{sum(one['synthetic'] for one in classes)} synthetic ones added"
