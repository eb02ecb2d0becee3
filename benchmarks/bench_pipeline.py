"""Run `make submission` from nothing and print the seconds of each step and the peak memory of any process.

Installation is not counted: `make setup` comes first. The artifacts go to a new temporary folder.
"""

import argparse
import os
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from submission.kit.console import run_main

ROOT = Path(__file__).parents[1]


class PeakMemory(threading.Thread):
    """Watches a process and its children; `peaks` holds the largest resident size in bytes by command."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.peaks: dict[str, int] = {}

    def run(self) -> None:
        while self.root.is_running():
            try:
                for process in self.root.children(recursive=True):
                    words = process.cmdline()
                    name = words[words.index("-m") + 1] if "-m" in words else "other"
                    self.peaks[name] = max(self.peaks.get(name, 0), process.memory_info().rss)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                pass
            time.sleep(0.1)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", help="a training_set.npz; default: the embedded contest")
    parser.add_argument("--artifacts", help="keep the artifacts here; default: a temporary folder")
    parser.add_argument("more", nargs="*", help="further settings for make, as NAME=VALUE")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        settings = [f"ARTIFACTS={args.artifacts or scratch}", *([f"DATA={args.data}"] if args.data else []), *args.more]
        start = last = time.monotonic()
        command = ["make", "submission", *settings]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
            watch = PeakMemory(child.pid)
            watch.start()
            assert child.stdout is not None
            for line in child.stdout:
                now = time.monotonic()
                print(f"{now - start:7.1f} s (+{now - last:6.1f})  {line}", end="", flush=True)
                last = now
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor_s = used.ru_utime + used.ru_stime
        wall_s = time.monotonic() - start
        print(f"\nmake submission: {wall_s:.0f} s, of one core {processor_s:.0f} s, exit {child.returncode}")
        for name, peak in sorted(watch.peaks.items(), key=lambda item: -item[1]):
            print(f"  peak of {name:24s} {peak / 2**20:6.0f} MiB")
    return child.returncode


if __name__ == "__main__":
    run_main(main)
