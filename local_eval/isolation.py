"""What keeps a run apart from this machine, where the machine allows it, and what is missing where it does not."""

import argparse
import functools
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

from .child import Program, run_programs
from .container import SHM_MB, Container
from .limits import Limits

MODES = ("auto", "require", "none")
GUARANTEES = (
    "no network",
    "a private /app with the platform's folders",
    f"{SHM_MB} MB /dev/shm",
    "no capabilities, no new privileges",
    "processes of its own that end with the program",
    "no sight of this machine's files but the system's and Python's",
)


@dataclass(frozen=True)
class Isolation:
    """active: whether containers can be made. reason: why not, or "". network: whether programs have one."""

    active: bool
    reason: str
    network: bool

    @property
    def missing(self) -> list[str]:
        """The guarantees that a run lacks, in words."""
        if not self.active:
            return list(GUARANTEES)
        return [GUARANTEES[0]] if self.network else []

    def as_json(self) -> dict[str, object]:
        return {"active": self.active, "reason": self.reason, "network": self.network, "missing": self.missing}

    def container(
        self, scratch: Path, folders: dict[str, tuple[Path, bool]], python: tuple[Path, ...]
    ) -> Container | None:
        """A container (see there), or None where there is none."""
        return Container(scratch, folders, self.network, python) if self.active else None


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--isolation` and `--network`, for `chosen`."""
    parser.add_argument(
        "--isolation", choices=MODES, default="auto", help="containers where the machine allows them, always, or never"
    )
    parser.add_argument("--network", action="store_true", help="let the programs use the network")


def chosen(args: argparse.Namespace) -> Isolation:
    """What the options of `add_options` ask for; `KitError` as of `choose_isolation`."""
    return choose_isolation(args.isolation, args.network)


def choose_isolation(mode: str = "auto", network: bool = False) -> Isolation:
    """Isolation as asked for.

    Args:
        mode: "auto" takes what the machine gives, "require" insists, "none" runs plain child processes.
        network: let the programs use the network.

    Raises:
        KitError: unknown mode, or "require" on a machine that does not allow it.
    """
    if mode not in MODES:
        raise KitError(f"expected isolation to be one of {', '.join(MODES)}. Received: isolation={mode!r}.")
    if mode == "none":
        return Isolation(False, "switched off", network)
    reason = why_not()
    if reason and mode == "require":
        raise KitError(
            f"expected a machine that can isolate a run (Linux, as root or with user namespaces). Received: {reason}. "
            "Run as root, or with --isolation auto to do without."
        )
    return Isolation(not reason, reason, network)


@functools.cache
def why_not() -> str:
    """Why this machine cannot make a container; "" where it can. It is tried once."""
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = (folder / "out", folder / "err")
        program = Program(
            [sys.executable, "-I", "-S", "-c", ""], folder, {"PATH": os.defpath}, *logs, Container(folder / "c", {})
        )
        [result] = run_programs([program], Limits(limit_s=30))
        if result.exit_code == 0:
            return ""
        said = logs[1].read_text(errors="replace").strip().splitlines()
        return said[-1] if said else f"a trial program ended with exit code {result.exit_code}"


def describe_isolation(isolation: dict[str, Any]) -> str:
    """Which guarantees a run had and which it lacked, in words, from `Isolation.as_json`."""
    if isolation["active"]:
        without = f", except: {', '.join(isolation['missing'])}" if isolation["missing"] else ""
        return f"isolated as on the platform{without}"
    return f"not isolated ({isolation['reason']}); not guaranteed: {', '.join(isolation['missing'])}"
