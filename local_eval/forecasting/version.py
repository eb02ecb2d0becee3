"""Which version of the code made a forecast."""

import hashlib
from functools import cache
from pathlib import Path

_ROOM = Path(__file__).parents[1]
_MODULES = ("forecast.py", "forecast_images.py", "loads.py", "entries.py", "forecasting/*.py")


@cache
def code() -> str:
    """A digest of the files that make forecasts: what another version made is not taken for one of this."""
    files = sorted(path for pattern in _MODULES for path in _ROOM.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
