"""Are twins of this set twins at all? Where pictures have no detail of their own, likeness leads from each to the next.

Handwritten digits of 8 x 8 pixels, enlarged, are joined 1,742 of 1,797 in one group, of all ten classes: each is like
some other, though two of the group are not like each other. Of a picture that really is repeated any two are alike.
"""

import numpy as np

from .grey import grey_image
from .same_picture import detail_of, similarity

LARGE, LARGE_SHARE = 10, 0.02
"""A group is looked at from so many members, and from this part of all pictures."""

ALIKE = 0.4
"""Least median similarity of two members. Different cells: .03, 99 in 100 less than .19; different digits: .13; copies,
each altered in its own way, .65 or more."""

_LOOKED_AT = 16


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
    details = [detail_of(grey_image(images[row])) for row in looked_at]
    scores = [similarity(one, other) for place, one in enumerate(details) for other in details[:place]]
    return float(np.median(scores)) < ALIKE
