"""Texts that travel between machines whose artifacts folders lie elsewhere."""

import os
from pathlib import Path

PLACE = "<artifacts>"
"""Stands for the artifacts folder of whoever reads the text."""


def portable(text: str, artifacts: Path) -> str:
    """A path, or JSON that holds some, with the artifacts folder replaced by `PLACE`."""
    for place in (str(artifacts), str(artifacts.absolute())):
        if text == place:
            return PLACE
        if text.startswith(place + os.sep):
            return PLACE + text[len(place) :]
    return text.replace(f'"{artifacts.absolute()}{os.sep}', f'"{PLACE}{os.sep}')


def here(text: str, artifacts: Path) -> str:
    """The text for this machine, whose artifacts folder is given."""
    return text.replace(PLACE, str(artifacts))
