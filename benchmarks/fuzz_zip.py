"""Mutate good zips' bytes at random and give them to the rules and to the judge's unpacker.

Whatever the bytes, there may be findings or an error that we checked, never another exception, a hang, or a file
outside the work directory. Ends with 1 and keeps the zip in --keep where that is not so.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.zip_mutations import good_zips, mutate
from local_eval.unpack import unpack
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed
from submission.rules import check_zip, find_platform

HANG_S = 20.0
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MADE_OR_MOVED = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "os.chmod"}


class Hang(BaseException):
    """A case took too long; not an Exception, so that nothing handles it by mistake."""


@dataclass
class Result:
    """counts: (what: rules or unpack, outcome) -> cases. failures: texts. slowest_s: seconds of the slowest case."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def fuzz(count: int, seed: int, work: Path, keep: Path | None = None) -> Result:
    """Run `count` cases.

    Args:
        count: cases.
        seed: of the mutations; a case depends on the seed and its number alone.
        work: folder for everything that is written.
        keep: folder that gets the zips of failures.
    """
    platform = find_platform("tf217")
    bases = good_zips()
    result = Result()
    for number in tqdm(range(count), desc="fuzz", unit="zip", file=sys.stderr, disable=None):
        rng = np.random.default_rng(derive_seed(seed, "fuzz_zip", number))
        raw = mutate(bases[number % len(bases)], rng)
        before = len(result.failures)
        case = work / "case"
        case.mkdir(parents=True)
        path = case / "s.zip"
        path.write_bytes(raw)
        start = time.perf_counter()
        _try(result, "rules", lambda path=path: _told(check_zip(path, platform)), case / "nothing")
        _try(result, "unpack", lambda path=path, case=case: unpack(path, case / "a" / "b" / "out"), case / "a")
        result.slowest_s = max(result.slowest_s, time.perf_counter() - start)
        if len(result.failures) > before and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, keep / f"{seed}-{number}.zip")
        shutil.rmtree(case)
    return result


def _told(findings: list[Any]) -> str:
    """The rules that were broken; the texts are made too, as the command line makes them."""
    return ", ".join(sorted({finding.rule for finding in findings if str(finding)})) or "no rule broken"


def _try(result: Result, what: str, call: Callable[[], str | None], allowed: Path) -> None:
    written: list[str] = []
    try:
        with _watched(allowed, written), _limited(HANG_S):
            outcome = call() or "unpacked"
    except KitError as error:
        outcome = f"refused: {_gist(str(error))}"
    except Hang:
        outcome = "HANG"
        result.failures.append(f"{what}: more than {HANG_S:g} s")
    except Exception:
        outcome = "TRACEBACK"
        result.failures.append(f"{what}: {traceback.format_exc(limit=-4)}")
    if written:
        result.failures.append(f"{what}: wrote outside: {written}")
    result.counts[what, outcome] += 1


def _gist(message: str) -> str:
    """The first words of a message, without the names and numbers of the case."""
    words = message.removeprefix("Bad or empty zip file: ").split()
    return " ".join(
        word for word in words[:7] if word.isalpha() or (word.endswith((":", ".", ",")) and word[:-1].isalpha())
    )


_watching: list[tuple[str, list[str]]] = []  # an audit hook cannot be removed: this switches it on and off


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not (event == "open" or event in _MADE_OR_MOVED):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
        return
    root, written = _watching[-1]
    for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
        if isinstance(path, (str, bytes, os.PathLike)):
            full = os.path.normpath(Path(os.fsdecode(path)).absolute())  # resolving links would raise events itself
            if full != root and not full.startswith(root + os.sep) and "__pycache__" not in full:
                written.append(f"{event} {full}")


@contextmanager
def _watched(allowed: Path, written: list[str]) -> Iterator[None]:
    """List in `written` whatever is written that is not below `allowed`."""
    if not _watched_before:
        _watched_before.append(True)
        sys.addaudithook(_audit)
    _watching.append((str(allowed.absolute()), written))
    try:
        yield
    finally:
        _watching.pop()


_watched_before: list[bool] = []


@contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    def end(signum: int, frame: Any) -> None:
        raise Hang

    old = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 on any failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz_zip",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10_000, help="mutated zips")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--keep", type=Path, default=Path("artifacts/fuzz"), help="folder for zips that failed")
    args = parser.parse_args(argv)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = fuzz(args.count, args.seed, Path(folder), args.keep)
    for what in ("rules", "unpack"):
        outcomes = {outcome: count for (one, outcome), count in result.counts.items() if one == what}
        print(f"{what}: {len(outcomes)} outcomes")
        for outcome, count in sorted(outcomes.items(), key=lambda item: -item[1])[:12]:
            print(f"{count:8d}  {outcome}")
    if result.failures:
        shown = "\n".join(result.failures[:5])
        raise KitError(f"{len(result.failures)} failures of {args.count} zips, kept in {args.keep}:\n{shown}")
    print(
        f"{args.count} zips in {time.perf_counter() - start:.0f} s, the slowest {result.slowest_s:.2f} s: "
        "no traceback, no hang, no file outside the work directory"
    )
    return 0


if __name__ == "__main__":
    run_main(main)
