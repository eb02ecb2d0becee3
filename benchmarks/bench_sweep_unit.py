"""A unit of `bench_sweep` that computes for a while in place of training, and writes when it began and ended."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.files import write_json
from training.history import append_line
from training.run_lock import locked
from training.runs import open_run


def main(argv: Sequence[str] | None = None) -> int:
    import sys

    begun = time.time()
    arguments = list(sys.argv[1:] if argv is None else argv)
    told = {key: json.loads(value) for key, _, value in (text.partition("=") for text in arguments if "=" in text)}
    run = open_run(Path(told["dir"]))
    with locked(run.path):
        start = time.process_time()
        while time.process_time() - start < told["cpu_s"]:
            sum(range(10_000))
        append_line(run.path / "history.jsonl", {"epoch": 1, "seconds": told["cpu_s"]})
        write_json(run.path / "times.json", [begun, time.time(), min(os.sched_getaffinity(0))])
        run.set_state("trained")
    return 0


if __name__ == "__main__":
    run_main(main)
