"""A job on another machine: a child process there, whose end is a number that travels back."""

import os
import subprocess
import sys
from pathlib import Path

from .executor import Job


def run_job(job: Job, root: str, environment: dict[str, str]) -> int:
    """Run a job to its end in a new interpreter; returns its exit status, negative for a signal.

    Args:
        job: its log and its run directory lie on storage that this machine shares.
        root: the folder of this project on this machine.
        environment: variables on top of this process's.
    """
    python_path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    with open(job.log, "ab") as log:
        # no core to be pinned to: the cluster has chosen the ones that it gives
        return subprocess.run(
            [sys.executable, "-m", "training.sweeping.child", "", job.module, *job.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=root,
            env=os.environ | environment | {"PYTHONPATH": python_path},
            check=False,
        ).returncode


def log_size(job: Job) -> int:
    """Where what a job will say begins in its log."""
    return Path(job.log).stat().st_size if Path(job.log).exists() else 0
