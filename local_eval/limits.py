"""What a step may use, and how a breach is told."""

from dataclasses import dataclass

from submission.kit.profiles import PROFILES_S

from .unpack import QUOTA_BYTES


@dataclass(frozen=True)
class Limits:
    """Limits of one step.

    limit_s: wall-clock seconds.
    limit_mb: resident memory of the step's process tree in MiB, or None. The platform has its machine's limit only.
    log_bytes: how much of each log is kept; the rest is counted and dropped from the middle.
    disk_bytes: what a step may write: the platform's quota of a user, which counts outputs.
    spare_bytes: what a step must leave free on this machine's disk.
    max_processes: how many a step may have at a time; threads do not count. The platform's machine has no limit of its
    own: it dies.
    """

    limit_s: float = PROFILES_S["codabench-default"]
    limit_mb: float | None = None
    log_bytes: int = 1 << 20
    disk_bytes: int = QUOTA_BYTES
    spare_bytes: int = 512 << 20
    max_processes: int = 512

    def __post_init__(self) -> None:
        if not self.limit_s > 0:
            raise ValueError(f"limit_s must be above 0. Received: {self.limit_s}")
        if self.limit_mb is not None and not self.limit_mb > 0:
            raise ValueError(f"limit_mb must be above 0 or None. Received: {self.limit_mb}")
        if self.max_processes < 1:
            raise ValueError(f"max_processes must be at least 1. Received: {self.max_processes}")
        if self.log_bytes < 1024:
            raise ValueError(f"log_bytes must be at least 1024. Received: {self.log_bytes}")


_ADVICE = {
    "time": "Predict larger batches at a time, use fewer nets or TTA views, load each weight file once; "
    "a contest that allows more is judged with --limit-s",
    "memory": "Predict batch by batch, keep one net's results at a time, never all TTA views of all images; "
    "a larger machine is judged with --limit-mb",
    "processes": "Start a pool of as many workers as there are cores, once, and close it; threads do not count; "
    "a submission that needs more is judged with --max-processes",
    "disk": "Write less to /app/output and /tmp; the platform's quota counts outputs",
}


@dataclass(frozen=True)
class Breach:
    """A limit that was hit. `kind` is "time" (seconds), "memory" (MiB), "disk" (MiB) or "processes"."""

    kind: str
    allowed: float
    reached: float

    @property
    def advice(self) -> str:
        """What to change."""
        return _ADVICE[self.kind]

    def __str__(self) -> str:
        if self.kind == "time":
            return (
                f"hit the time limit: allowed {self.allowed:.1f} s, still running when stopped at {self.reached:.1f} s"
            )
        if self.kind == "processes":
            over = self.reached - self.allowed
            return (
                f"hit the limit of processes: allowed {self.allowed:.0f} at a time, {self.reached:.0f} were running "
                f"({over:.0f} over) when stopped"
            )
        verb = "used" if self.kind == "memory" else "wrote"
        return (
            f"hit the {self.kind} limit: allowed {self.allowed:.1f} MiB, {verb} {self.reached:.1f} MiB "
            f"({self.reached - self.allowed:.1f} MiB over) when stopped"
        )
