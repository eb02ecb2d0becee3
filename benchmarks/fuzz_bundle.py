"""Break a small bundle in thousands of ways and check each: never a traceback, a hang, or a file written.

A third of the mutations change the text of competition.yaml, a third its values, a third the bytes of the zip.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from local_eval.bundle.check import check_bundle
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed
from tests.small_bundle import COMPETITION, bundle_bytes, competition

HANG_S = 10
_TOKENS = (
    *(b"&a ", b"*a", b"<<: *a", b"!!int ", b"!!bool ", b"!!binary x", b"!!timestamp ", b"!!set ", b"=", b"~"),
    *(b"!!python/name:os.system ", b"? ", b": ", b"- ", b"[", b"]", b"{", b"}", b"|\n", b">\n", b"'", b'"', b"\\"),
    *(b"#", b"%", b"@", b"\t", b"\n", b"\0", b"\r", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b'"\\ud800"'),
    *(b"---\n", b"...\n", b".nan", b"-.inf", b"0x", b"0b_", b"1:2:3", b"9" * 5000, b"0x" + b"f" * 5000),
    *(b"2030-99-99", b"../", b"/etc/passwd", b"x" * 5000),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 16**5000, 0.5, float("nan"), float("inf")),
    *("", " ", "x", "x" * 5000, "\0", "\ud800", "\u202e", "1" * 5000, b"bytes"),
    *([], {}, [[]], [{}], [0], [None], {"a": {"b": []}}, {1: 2}, {None: 1}, {(1, 2): 3}),
    *("2030-01-01", "0001-01-01", "9999-12-31 23:59:59+14:00", "Feb 30"),
    *("..", "/", ".", "a" * 300, "truth/../truth", "terms.md/"),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    args = parser.parse_args(argv)
    kinds = {"text": mutate_text, "values": mutate_values, "bytes": mutate_bytes}
    counts: Counter[str] = Counter()
    slowest = 0.0
    watch = WriteWatch()
    signal.signal(signal.SIGALRM, _hang)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "bundle.zip"
        for n in tqdm(range(args.mutations), desc="fuzz", unit="bundle", file=sys.stderr):
            kind = list(kinds)[n % len(kinds)]
            data = kinds[kind](np.random.default_rng(derive_seed(args.seed, "fuzz_bundle", n)))
            path.write_bytes(data)
            before = time.perf_counter()
            counts[f"{kind}, {outcome(path, watch)}"] += 1
            slowest = max(slowest, time.perf_counter() - before)
            if watch.written or len(list(Path(scratch).iterdir())) > 1:
                raise KitError(f"mutation {n} of seed {args.seed} made the check write: {watch.written}")
    seconds = time.perf_counter() - started
    told = "; ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{args.mutations} mutations in {seconds:.0f} s, slowest {slowest:.2f} s, no traceback, hang or file: {told}")
    return 0


def outcome(path: Path, watch: "WriteWatch") -> str:
    """Check a bundle; any exception of the check ends the fuzzing with its traceback."""
    signal.alarm(HANG_S)
    watch.on = True
    try:
        problems = check_bundle(path)
        text = "\n".join(str(problem) for problem in problems)
        text.encode("utf-8")  # printable
    finally:
        watch.on = False
        signal.alarm(0)
    return "refused" if any(problem.breaks for problem in problems) else "accepted"


class WriteWatch:
    """Sees every file that this process opens for writing, makes, moves or removes while `on`, and every program."""

    def __init__(self) -> None:
        self.on = False
        self.written: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        writes = event == "open" and (set(str(args[1] or "")) & set("wax+") or (args[2] or 0) & 3)
        if writes or event.startswith(
            ("os.mkdir", "os.rename", "os.remove", "os.link", "os.sym", "os.sys", "subprocess")
        ):
            self.written.append(f"{event} {args!r}")


def mutate_text(rng: np.random.Generator) -> bytes:
    """The bundle with pieces of competition.yaml removed, repeated, swapped or replaced."""
    text = bytearray(yaml.safe_dump(COMPETITION, sort_keys=False).encode())
    for _ in range(rng.integers(1, 6)):
        at, length = int(rng.integers(len(text) + 1)), int(rng.integers(1, 40))
        piece, elsewhere = bytes(text[at : at + length]), int(rng.integers(len(text) + 1))
        changes = (
            b"",
            piece * int(rng.integers(2, 30)),
            _TOKENS[rng.integers(len(_TOKENS))],
            rng.bytes(int(rng.integers(1, 8))),
            bytes(text[elsewhere : elsewhere + length]),
        )
        text[at : at + (length if rng.random() < 0.5 else 0)] = changes[rng.integers(len(changes))]
    return bundle_bytes(bytes(text))


def mutate_values(rng: np.random.Generator) -> bytes:
    """The bundle with some values of competition.yaml replaced, removed or put under another key."""
    whole: Any = competition()
    for _ in range(rng.integers(1, 5)):
        holder, key = _pick(whole, rng)
        value = _VALUES[rng.integers(len(_VALUES))]
        if rng.random() < 0.2:
            del holder[key]
        elif rng.random() < 0.2:
            other, place = _pick(whole, rng)
            holder[key] = other[place] if other is not holder else value  # aliases, and at times a value in itself
        else:
            holder[key] = value
        if not whole:
            break
    try:
        text = yaml.dump(whole, sort_keys=False, allow_unicode=bool(rng.integers(2))).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # an integer too long to be written in decimal
        text = b"limit: 0x" + b"f" * 5000
    return bundle_bytes(text)


def _pick(whole: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A random container within a value, and one of its keys or indexes."""
    holder = whole
    for _ in range(12):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = keys[rng.integers(len(keys))]
        if not (isinstance(holder[key], (dict, list)) and holder[key]) or rng.random() < 0.15:
            break
        holder = holder[key]
    return holder, key


def mutate_bytes(rng: np.random.Generator) -> bytes:
    """The zip with bytes flipped, cut or repeated."""
    data = bytearray(bundle_bytes(COMPETITION))
    for _ in range(rng.integers(1, 8)):
        at = int(rng.integers(len(data)))
        if rng.random() < 0.5:
            at = len(data) - 1 - int(rng.integers(min(len(data), 1200)))  # the directory at the end holds the most
        draw = rng.random()
        if draw < 0.7:
            data[at] = int(rng.integers(256))
        elif draw < 0.85:
            del data[at : at + int(rng.integers(1, 64))]
        else:
            data[at:at] = data[at : at + int(rng.integers(1, 64))]
        if not data:
            break
    return bytes(data)


def _hang(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"the check took more than {HANG_S} s")


if __name__ == "__main__":
    run_main(main)
