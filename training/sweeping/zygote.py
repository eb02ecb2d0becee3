"""A process that loads the libraries of training once, and is copied for each job.

It computes nothing: a backend that has begun to compute has threads and devices, which a copy would not have. Keras on
TensorFlow loads in one thread; libraries that begin more are told, and nothing is copied. It hears jobs and signals,
and tells process numbers and ends, as lines of JSON on the socket that it was given; when nobody listens any more, its
jobs are ended and it ends.
"""

import contextlib
import importlib
import io
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from . import child
from .launcher import peak_bytes

UNWANTED = ("pyarrow",)  # begins threads when it is loaded, which pandas does wherever it is installed
_GRACE_S = 10.0
_LAST_WORDS = 2000  # characters; a pipe takes them without a reader


class Heard(io.TextIOWrapper):
    """Standard error that remembers its last words: where the log cannot be written, they are told another way."""

    words = ""

    def write(self, text: str) -> int:
        self.words = (self.words + text)[-_LAST_WORDS:]
        with contextlib.suppress(OSError):  # a full disk, most likely; the error that is being told matters more
            super().write(text)
            self.flush()
        return len(text)


class Zygote:
    """channel: to who asks for jobs."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.names: dict[int, str] = {}  # of jobs under way, by process number
        self.last_words: dict[int, int] = {}  # where each tells them
        self.wakes, self.wake = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self.wakes, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self.wake)

    def serve(self) -> None:
        """Until nobody listens."""
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.channel, selectors.EVENT_READ)
            selector.register(self.wakes, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self.wakes in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wakes, 1 << 12)
                self.reap()
                if self.channel in ready:
                    with contextlib.suppress(ConnectionError):
                        received = self.channel.recv(1 << 16)
                    if not received:
                        return
                    *lines, buffer = (buffer + received).split(b"\n")
                    for line in lines:
                        self.obey(json.loads(line))

    def obey(self, message: dict[str, Any]) -> None:
        if "signal" not in message:
            self.begin(message)
            return
        for pid, name in self.names.items():
            if name == message["name"]:
                os.kill(pid, message["signal"])  # not reaped yet, so that the number is its own

    def begin(self, job: dict[str, Any]) -> None:
        hears, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            self.become(job, tells)
        os.close(tells)
        os.set_blocking(hears, False)
        self.names[pid], self.last_words[pid] = job["name"], hears
        self.tell({"name": job["name"], "pid": pid})

    def become(self, job: dict[str, Any], tells: int) -> None:
        """In the copy: be the job, and never return; what it says last goes to `tells`, too."""
        code, heard = 1, Heard(open(2, "wb", buffering=0, closefd=False), "utf-8", "backslashreplace")  # noqa: SIM115
        try:
            sys.stderr = heard
            log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for place in (self.wakes, self.wake, self.channel.fileno(), *self.last_words.values()):
                os.close(place)
            os.setsid()
            os.environ.update(job["environment"])
            child.run(job["cores"], job["module"], job["argv"])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:  # a bug, told as Python would
            traceback.print_exc()
        finally:
            try:
                os.write(tells, heard.words.encode("utf-8", "replace"))
                sys.stdout.flush()
            finally:
                os._exit(code)  # without the zygote's own way out, whatever fails here

    def reap(self) -> None:
        """Tell of the jobs that have ended."""
        while self.names:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            name, code = self.names.pop(pid), os.waitstatus_to_exitcode(status)
            said = ""
            with contextlib.suppress(BlockingIOError), open(self.last_words.pop(pid), "rb", buffering=0) as hears:
                said = (hears.read(4 * _LAST_WORDS) or b"").decode("utf-8", "replace")
            self.tell({"name": name, "code": code, "peak_bytes": peak_bytes(usage), "said": said if code else ""})

    def tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the next turn of `serve` ends
            self.channel.sendall(json.dumps(message).encode() + b"\n")

    def end_all(self) -> None:
        """End the jobs that are left, politely first."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.names:
                os.kill(pid, number)
            end = time.monotonic() + _GRACE_S
            while self.names and time.monotonic() < end:
                time.sleep(0.05)
                self.reap()


def num_threads() -> int:
    """Of this process, those of libraries included; 1 where the system does not tell."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return 1


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    hidden: dict[str, Any] = dict.fromkeys(UNWANTED)
    sys.modules.update(hidden)  # as if they were not installed: pandas does without
    for module in sys.argv[2:]:
        importlib.import_module(module)
    for name in hidden:
        del sys.modules[name]  # who looks whether it is loaded would stumble over None
    zygote = Zygote(channel)
    if threading.active_count() > 1 or num_threads() > 1:
        zygote.tell({"cold": True})
        return
    try:
        zygote.serve()
    finally:
        zygote.end_all()


if __name__ == "__main__":
    main()
