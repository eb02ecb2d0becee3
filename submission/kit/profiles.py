"""What known platforms allow."""

PROFILES_S = {"an2dl": 6000.0, "codabench-default": 600.0}
"""Time limits of known contests, a step, in seconds. Source: contestants' reports; Codabench's public queue."""
