"""The error that a user can mend."""


class KitError(Exception):
    """A failure that we checked for. The message says what was expected, what came, and what mends it.

    `main` functions print it without a traceback and exit with 1; anything else is a bug and keeps its traceback.
    """
