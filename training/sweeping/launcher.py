"""Child processes that run command modules: begun, ended, waited for, their memory known."""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from submission.kit.errors import KitError

from .executor import Ended, Job

GRACE_S = 10.0  # from a polite kill to a real one


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The most memory that a process had at once."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Launcher(Protocol):
    """Begins jobs, each as a process group of its own that a Ctrl-C in the terminal does not reach."""

    def start(self, job: Job, cores: list[int], environment: dict[str, str]) -> None:
        """Begin a job, pinned to the cores, with the variables on top of this process's."""

    def wait(self, timeout_s: float) -> list[Ended]:
        """The jobs that have ended since."""

    def pid(self, name: str) -> int | None:
        """Of a job under way."""

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a job under way."""

    def close(self) -> None:
        """End what serves the jobs; all of them have ended before."""


class FreshLauncher:
    """A new interpreter for each job: seconds until its libraries are loaded, and nothing shared."""

    def __init__(self) -> None:
        self.children: dict[str, tuple[subprocess.Popen, int]] = {}

    def start(self, job: Job, cores: list[int], environment: dict[str, str]) -> None:
        with open(job.log, "ab") as log:
            start = log.tell()
            child = subprocess.Popen(
                [sys.executable, "-m", "training.sweeping.child", ",".join(map(str, cores)), job.module, *job.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,
            )
        self.children[job.name] = (child, start)

    def wait(self, timeout_s: float) -> list[Ended]:
        end = time.monotonic() + timeout_s
        while True:
            ended = []
            for name, (child, start) in list(self.children.items()):
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if not pid:
                    continue
                code = child.returncode = os.waitstatus_to_exitcode(status)
                del self.children[name]
                ended.append(Ended(name, code, peak_bytes(usage), start, lost=code == -signal.SIGKILL))
            if ended or time.monotonic() >= end:
                return ended
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))

    def pid(self, name: str) -> int | None:
        return self.children[name][0].pid if name in self.children else None

    def signal(self, name: str, number: int) -> None:
        self.children[name][0].send_signal(number)

    def close(self) -> None:
        """Nothing serves the jobs."""


class WarmLauncher:
    """A copy of one process that has loaded the libraries already, for each job: it begins within milliseconds.

    That process computes nothing and has one thread, so that copies of it are whole; see `zygote`. If the libraries
    begin threads of their own, each job gets a new interpreter after all.

    Raises:
        KitError: the libraries cannot be loaded.
    """

    def __init__(self, preload: list[str], environment: dict[str, str]) -> None:
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - shown if it ends too early, closed by close
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "training.sweeping.zygote", str(theirs.fileno()), *preload],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.said,
                env=os.environ | environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.channel = ours
        self.buffer = b""
        self.pids: dict[str, int] = {}
        self.starts: dict[str, int] = {}
        self.asked: dict[str, tuple[Job, list[int], dict[str, str]]] = {}  # jobs of which nothing was told yet
        self.cold: FreshLauncher | None = None

    def start(self, job: Job, cores: list[int], environment: dict[str, str]) -> None:
        if self.cold is not None:
            self.cold.start(job, cores, environment)
            return
        self.asked[job.name] = (job, cores, environment)
        self.starts[job.name] = job.log.stat().st_size if job.log.exists() else 0
        self._send(
            {
                "name": job.name,
                "module": job.module,
                "argv": job.argv,
                "log": str(job.log),
                "cores": cores,
                "environment": environment,
            }
        )

    def wait(self, timeout_s: float) -> list[Ended]:
        end = time.monotonic() + timeout_s
        ended: list[Ended] = []
        while not ended:
            if self.cold is not None:
                return self.cold.wait(max(0.0, end - time.monotonic()))
            readable, _, _ = select.select([self.channel], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                break
            ended = self._receive()
        return ended

    def _receive(self) -> list[Ended]:
        received = b""
        with contextlib.suppress(ConnectionError):
            received = self.channel.recv(1 << 16)
        if not received:
            self.said.seek(0)
            said = self.said.read().decode("utf-8", "replace").splitlines()
            raise KitError(
                f"the process from which the runs are begun has ended: {''.join(said[-1:]) or 'it said nothing'}. Run "
                "the same command again; with --cold each run is a new interpreter."
            )
        *lines, self.buffer = (self.buffer + received).split(b"\n")
        ended = []
        for line in lines:
            told: dict[str, Any] = json.loads(line)
            if "cold" in told:
                self.cold = FreshLauncher()
                for asked in self.asked.values():
                    self.cold.start(*asked)
                return []
            name = told["name"]
            if "pid" in told:
                del self.asked[name]
                self.pids[name] = told["pid"]
                continue
            self.pids.pop(name, None)
            code = told["code"]
            lost = code == -signal.SIGKILL
            ended.append(Ended(name, code, told["peak_bytes"], self.starts.pop(name), lost, said=told["said"]))
        return ended

    def pid(self, name: str) -> int | None:
        return self.cold.pid(name) if self.cold is not None else self.pids.get(name)

    def signal(self, name: str, number: int) -> None:
        if self.cold is not None:
            self.cold.signal(name, number)
            return
        self._send({"name": name, "signal": number})

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it has ended: `wait` tells
            self.channel.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self.channel.close()  # it ends when nobody listens
        self.said.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def log_lines(path: Path, start: int) -> list[str]:
    """The lines of a log from a place on, without empty ones."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()]
