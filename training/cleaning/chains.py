"""Are twins of this set twins at all? Where pictures have no detail of their own, likeness leads from each to the next.

Handwritten digits of 8 x 8 pixels, enlarged, are joined 1,742 of 1,797 in one group, of all ten classes: each is like
some other, though two of the group are not like each other. Of a picture that really is repeated any two are alike.
"""

import numpy as np
from PIL import Image

from .grey import grey_images
from .same_picture import Detail, detail_of, similarity
from .symmetry import Symmetry, symmetries

LARGE, LARGE_SHARE = 10, 0.02
"""A group is looked at from so many members, and from this part of all pictures."""

ALIKE = 0.5
"""Least median similarity of two members, at their best symmetry. Copies of a real cell, each altered in its own way
(`benchmarks/plant_twins.py`): .98; different digits: .22 to .34."""

_LOOKED_AT = 12


def is_chain(images: np.ndarray, rows: np.ndarray, places: np.ndarray) -> bool:
    """Whether the largest group is a chain: then likeness says nothing about this set.

    Args:
        images: uint8 (N, H, W, C), may be a memory map.
        rows: int (n,) rows that were looked at.
        places: int (n,), for each position in `rows` that of its group's first member.
    """
    first, counts = np.unique(places, return_counts=True)
    if not len(counts) or counts.max() < max(LARGE, LARGE_SHARE * len(rows)):
        return False
    members = rows[places == first[counts.argmax()]]
    looked_at = members[np.linspace(0, len(members) - 1, min(len(members), _LOOKED_AT)).astype(int)]
    views = symmetries(*images.shape[1:3])
    details = [[_detail(images[row], view) for view in views] for row in looked_at]
    scores = [max(similarity(one[0], view) for view in other) for k, one in enumerate(details) for other in details[:k]]
    return float(np.median(scores)) < ALIKE


def _detail(image: np.ndarray, view: Symmetry) -> Detail:
    return detail_of(Image.fromarray(np.ascontiguousarray(view(grey_images(image[None]))[0])))
