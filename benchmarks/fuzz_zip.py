"""Mutate good zips' bytes at random and give them to the rules and to the judge's unpacker.

Whatever the bytes, there may be findings or an error that we checked, never another exception, a hang, or a file outside
the work directory. Ends with 1 and keeps the zip in --keep where that is not so.
"""

import argparse
import io
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from local_eval.unpack import unpack
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed
from submission.rules import check_zip, find_platform

ROOT = Path(__file__).resolve().parents[1]
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


def good_zips() -> list[bytes]:
    """This kit's own files and small weights, packed in several ways; each breaks no rule."""
    from submission.packing import write_zip

    files: dict[str, bytes] = {"model.py": (ROOT / "submission" / "model.py").read_bytes()}
    files |= {f"kit/{path.name}": path.read_bytes() for path in (ROOT / "submission" / "kit").glob("*.py")}
    files |= {"members/a/saved_model.pb": bytes(range(256)) * 4, "members/a/variables/é.index": b"\0" * 99}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "good.zip")
        write_zip(path, files)
        zips = [path.read_bytes()]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        small = {name: files[name] for name in sorted(files)[:4]} | {
            "model.py": b"class Model:\n  def predict(self, X): ..."
        }
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("kit/", b"")
            for name, content in small.items():
                with archive.open(name, "w", force_zip64=method == zipfile.ZIP_BZIP2) as target:
                    target.write(content)
            archive.comment = b"made by hand"
        zips.append(file.getvalue())
    return zips


def mutate(base: bytes, rng: np.random.Generator) -> bytes:
    """One to eight changes of a zip: of bytes anywhere, of fields of its headers, of names, or of a file's contents."""
    raw = bytearray(base)
    for _ in range(int(rng.integers(1, 9))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        raw = change(raw, rng)
        if not raw:
            break
    return bytes(raw)


def _flip(raw: bytearray, rng: np.random.Generator) -> bytearray:
    raw[int(rng.integers(len(raw)))] = int(rng.integers(256))
    return raw


def _cut(raw: bytearray, rng: np.random.Generator) -> bytearray:
    start = int(rng.integers(len(raw)))
    del raw[start : start + int(rng.integers(1, 200))]
    return raw


def _truncate(raw: bytearray, rng: np.random.Generator) -> bytearray:
    return raw[: int(rng.integers(len(raw)))] if rng.random() < 0.3 else raw[int(rng.integers(min(200, len(raw)))) :]


def _repeat(raw: bytearray, rng: np.random.Generator) -> bytearray:
    start, to = (int(place) for place in rng.integers(len(raw), size=2))
    raw[to:to] = raw[start : start + int(rng.integers(1, 400))]
    return raw


def _header(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """A field of a local header, of the central directory or of its end becomes a small, large or random number."""
    sign, size = [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46), (b"PK\x05\x06", 22), (b"PK\x06\x06", 56)][rng.integers(4)]
    places = [place for place in range(len(raw) - size) if raw.startswith(sign, place)]
    if not places:
        return raw
    start = places[int(rng.integers(len(places)))] + int(rng.integers(4, size))
    width = int(rng.choice([1, 2, 4]))
    values = [
        b"\0" * width,
        b"\xff" * width,
        b"\1" + b"\0" * (width - 1),
        b"\xff" * (width - 1) + b"\x7f",
        rng.bytes(width),
    ]
    raw[start : start + width] = values[rng.integers(len(values))]
    return raw


def _name(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece of a name, in all its places, becomes something evil of the same length."""
    evil = [
        b"../../../",
        b"/etc/cron",
        b"C:\\x\\y\\z\\",
        b"a\0b\0c\0d\0e",
        b"\xff\xfe\xff\xfe\xff",
        b"////////",
        b"model.py/",
    ]
    old = [b"kit/blend", b"members/a", b"model.py", b"kit/consol", b"saved_mod"][rng.integers(5)]
    new = (evil[rng.integers(len(evil))] * 2)[: len(old)]
    return raw.replace(old, new) if rng.random() < 0.5 else raw.replace(old, new, 1)


def _contents(raw: bytearray, rng: np.random.Generator) -> bytearray:
    """A file's text changes and the zip is packed anew, so that its CRC is right and its text is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            files = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except Exception:  # damaged by an earlier change
        return raw
    name = [*files, "manifest.json"][rng.integers(len(files) + 1)]
    text = bytearray(files.get(name) or b'{"files": {"model.py": "0"}, "members": [[[]]]}')
    pieces = [
        b"(" * 500,
        b"[" * 100_000,
        b"-" * 30_000,
        b"import sklearn\n",
        b"\0",
        b"\xff",
        b"\n  ",
        b"f'{__file__}",
        b"9" * 5000,
    ]
    pieces += [
        b" / ".join([b"__file__"] * 3000),
        b"# coding: nonsense\n",
        b"from ....x import y\n",
        b"'\\d'\n",
        b"a." * 9000,
    ]
    place = int(rng.integers(len(text) + 1))
    text[place : place + int(rng.integers(3))] = pieces[rng.integers(len(pieces))]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in {**files, name: bytes(text)}.items():
            archive.writestr(one.replace("\0", "_") or "_", content)
    return bytearray(file.getvalue())


_CHANGES: list[Callable[[bytearray, np.random.Generator], bytearray]] = [
    *(_flip, _flip, _flip, _cut, _truncate, _repeat, _header, _header, _header, _name, _contents)
]


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
        outcome = f"refused: {' '.join(str(error).split()[:5])}"
    except Hang:
        outcome = "HANG"
        result.failures.append(f"{what}: more than {HANG_S:g} s")
    except Exception:
        outcome = "TRACEBACK"
        result.failures.append(f"{what}: {traceback.format_exc(limit=-4)}")
    if written:
        result.failures.append(f"{what}: wrote outside: {written}")
    result.counts[what, outcome] += 1


_watching: list[tuple[str, list[str]]] = []  # an audit hook cannot be removed: this switches it on and off


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not (event == "open" or event in _MADE_OR_MOVED):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
        return
    root, written = _watching[-1]
    for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
        if isinstance(path, (str, bytes, os.PathLike)):
            full = os.path.abspath(os.fsdecode(path))
            if full != root and not full.startswith(root + os.sep) and "__pycache__" not in full:
                written.append(f"{event} {full}")


@contextmanager
def _watched(allowed: Path, written: list[str]) -> Iterator[None]:
    """List in `written` whatever is written that is not below `allowed`."""
    if not _watched_before:
        _watched_before.append(True)
        sys.addaudithook(_audit)
    _watching.append((os.path.abspath(allowed), written))
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
