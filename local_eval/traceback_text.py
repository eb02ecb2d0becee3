"""The contestant's part of a log: their own traceback, without the organiser's frames above it."""

import re

_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "([^"]+)", line \d+')
_OWN = ("/app/ingested_program/", "/app/input/res/")
_LINES, _CHARS = 15, 4000


def end_of_log(text: str, own: tuple[str, ...] = _OWN) -> str:
    """The last traceback from its first frame in the contestant's code; else the last lines of the log.

    Args:
        text: a program's standard error, with /app for whatever stood in its place.
        own: folders of the contestant's code.
    """
    lines = text.rstrip().splitlines()
    heads = [number for number, line in enumerate(lines) if line.strip() == _HEAD]
    if heads:
        block = lines[heads[-1] :]
        for number, line in enumerate(block):
            frame = _FRAME.match(line)
            if frame and frame[1].startswith(own):
                return "\n".join([_HEAD, *block[number:][-_LINES * 4 :]])[-_CHARS:]
    return "\n".join(lines[-_LINES:])[-_CHARS:]
