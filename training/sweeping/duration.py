"""Times on the command line, such as 90s, 10m or 8h."""

import re

from submission.kit.errors import KitError

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str, option: str) -> float:
    """Seconds of a text.

    Args:
        text: a number and one of s, m, h, d.
        option: for the error.

    Raises:
        KitError: it is none, or zero.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text.strip())
    if not found or float(found[1]) == 0:
        raise KitError(f"{option} takes a time such as 90s, 10m, 8h or 2d. Received: {text!r}.")
    return float(found[1]) * UNITS_S[found[2]]
