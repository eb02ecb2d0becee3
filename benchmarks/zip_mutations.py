"""Good zips, and random changes of a zip's bytes."""

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from submission.kit.zip_file import write_zip

ROOT = Path(__file__).resolve().parents[1]


def good_zips() -> list[bytes]:
    """This kit's own files and small weights, packed in several ways; each breaks no rule."""
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
