"""One way for every command to end: 0 fine, 1 an error we checked, 2 usage, 130 interrupt."""

from __future__ import annotations  # platforms run Python 3.9

import errno
import re
import signal
import sys
from collections.abc import Callable, Sequence

from .errors import KitError
from .quiet_import import quiet_import

_NOT_OURS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def run_main(main: Callable[[Sequence[str] | None], int]) -> None:
    """Call `main(None)` and exit with its code; a `KitError` is printed on standard error, without a traceback."""
    signal.signal(signal.SIGTERM, _stop)  # so that a polite kill, too, cleans up
    quiet_import("tensorflow")
    try:
        code = main(None)
    except KitError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        code = 130
    except OSError as error:
        if error.errno not in _NOT_OURS and not _is_short_write(error):
            raise
        print(f"error: {error}. Nothing was half-written: mend that, then run the same command.", file=sys.stderr)
        code = 1
    sys.exit(code)


def _stop(signum: int, frame: object) -> None:
    sys.exit(128 + signum)


def _is_short_write(error: OSError) -> bool:
    """numpy's own words for a full disk, without an errno: "300000 requested and 11248 written"."""
    return error.errno is None and re.search(r"\d+ requested and \d+ written", str(error)) is not None
