"""A table of malformed zips: what the rules find in each, and what unpacking it as the platform does comes to.

The files of each are a good model.py and what is told; bytes are patched where no packer would write such a zip.
"""

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from submission_zips import GOOD

from local_eval.unpack import unpack
from submission.kit.errors import KitError
from submission.rules import check_zip

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
Entry = tuple[str | zipfile.ZipInfo, str | bytes]


def pack(*entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names, which are meant
        for name, content in entries:
            archive.writestr(name, content)
    return bytearray(file.getvalue())


def with_model(*entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    return pack(("model.py", GOOD), *entries, method=method)


def put(raw: bytearray, sign: bytes, offset: int, layout: str, value: int) -> bytearray:
    """A field of the last header with that sign."""
    struct.pack_into(layout, raw, raw.rindex(sign) + offset, value)
    return raw


def both(local: int, central: int, value: int) -> bytearray:
    """A 16-bit field of the last file, in both of its headers."""
    raw = with_model(("w.h5", b"w" * 99))
    return put(put(raw, LOCAL, local, "<H", value), CENTRAL, central, "<H", value)


def linked() -> bytearray:
    link = zipfile.ZipInfo("w.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return with_model((link, "/data/w.h5"))


def corrupt(method: int) -> bytearray:
    raw = with_model(("w.bin", bytes(range(256)) * 20), method=method)
    start = raw.rindex(b"w.bin", 0, raw.index(CENTRAL)) + len("w.bin") + 16
    raw[start : start + 20] = b"\xff" * 20
    return raw


def renamed(old: bytes, new: bytes, *entries: Entry) -> bytearray:
    return with_model(*entries).replace(old, new)


def swapped() -> bytearray:
    """The name in the local header is another one than in the directory."""
    raw = with_model(("w.h5", b"w"))
    start = raw.index(b"w.h5")
    raw[start : start + 4] = b"x.h5"
    return raw


REFUSED = "Bad or empty zip file"
STUCK = "Preparing for ever"
# name -> (bytes, rules found, None if it can be unpacked or else the words of the refusal)
ZIPS: dict[str, tuple[Callable[[], bytes | bytearray], list[str], str | None]] = {
    "no bytes": (lambda: b"", ["not-a-zip"], REFUSED),
    "text": (lambda: b"model.py", ["not-a-zip"], REFUSED),
    "a RAR": (lambda: b"Rar!\x1a\x07\x01\x00" + b"\0" * 99, ["not-a-zip"], REFUSED),
    "a tar": (lambda: b"model.py".ljust(512, b"\0") + GOOD.encode(), ["not-a-zip"], REFUSED),
    "a gzip": (lambda: b"\x1f\x8b\x08" + b"\0" * 99, ["not-a-zip"], REFUSED),
    "no files": (lambda: pack(), ["entry-file"], "nothing in it"),
    "end cut off": (lambda: with_model()[:-30], ["truncated"], REFUSED),
    "half of it": (lambda: with_model(("w", b"w" * 999))[:200], ["truncated"], REFUSED),
    "beginning cut off": (lambda: with_model()[60:], ["crc"], REFUSED),
    "a hole in the middle": (lambda: (raw := with_model(("w", b"w")))[:20] + raw[60:], ["crc"], REFUSED),
    "deflated bytes damaged": (lambda: corrupt(zipfile.ZIP_DEFLATED), ["crc"], REFUSED),
    "stored bytes damaged": (lambda: corrupt(zipfile.ZIP_STORED), ["crc"], REFUSED),
    "bzip2 bytes damaged": (lambda: corrupt(zipfile.ZIP_BZIP2), ["crc"], REFUSED),
    "LZMA bytes damaged": (lambda: corrupt(zipfile.ZIP_LZMA), ["crc"], REFUSED),
    "CRC of nothing": (lambda: put(with_model(("w", b"w")), CENTRAL, 16, "<I", 0), ["crc"], REFUSED),
    "size understated": (lambda: put(with_model(("w", b"w" * 99)), CENTRAL, 24, "<I", 5), ["crc"], REFUSED),
    "two names for a file": (swapped, ["crc"], REFUSED),
    "encrypted": (lambda: both(6, 8, 1), ["encrypted"], STUCK),
    "strongly encrypted": (lambda: both(6, 8, 0x41), ["encrypted"], STUCK),
    "Deflate64": (lambda: both(8, 10, 9), ["compression"], STUCK),
    "Zstandard": (lambda: both(8, 10, 93), ["compression"], STUCK),
    "patched data": (lambda: both(6, 8, 0x20), ["compression"], STUCK),
    "a newer zip version": (lambda: put(with_model(), CENTRAL, 6, "<H", 99), ["compression"], STUCK),
    "larger than the quota": (lambda: _huge(), ["size"], "at most .* bytes unpacked"),
    "a folder around it": (lambda: pack(("top/", ""), ("top/model.py", GOOD)), ["nested-folder"], None),
    "two folders around it": (lambda: pack(("a/b/model.py", GOOD), ("a/b/w", "")), ["nested-folder"], None),
    "no model.py": (lambda: pack(("main.py", GOOD)), ["entry-file"], None),
    "Model.py": (lambda: pack(("Model.py", GOOD)), ["entry-file"], None),
    "model.py is a folder": (lambda: pack(("model.py/x", GOOD)), ["entry-file"], None),
    "a zip in the zip": (lambda: pack(("s.zip", bytes(with_model()))), ["entry-file"], None),
    "the same file twice": (lambda: with_model(("w", b"1"), ("w", b"2")), ["duplicates"], None),
    "a file that is a folder": (lambda: with_model(("w", b""), ("w/x", b"")), ["duplicates"], REFUSED),
    "backslashes": (lambda: with_model(("members\\a\\w.h5", b"")), ["backslashes"], None),
    "a backslash at its beginning": (lambda: with_model(("\\w", b"")), ["backslashes", "outside"], None),
    "a link": (linked, ["symlinks"], None),
    "absolute": (lambda: with_model(("/etc/cron.d/x", b"")), ["outside"], None),
    "a drive": (lambda: with_model(("C:/x", b"")), ["outside"], None),
    "parents": (lambda: with_model(("../../x", b"")), ["outside"], None),
    "parents in the middle": (lambda: with_model(("a/../../../x", b"")), ["outside"], None),
    "a name of no letter": (lambda: renamed(b"_name", b"\0name", ("_name", b"")), ["names"], REFUSED),
    "a NUL in a name": (lambda: renamed(b"w.bad", b"w\0bad", ("w.bad", b"")), ["names"], None),
    "a name of 300 letters": (lambda: with_model(("w" * 300, b"")), ["names"], REFUSED),
    "a path of 5000 letters": (lambda: with_model(("w/" * 2500 + "w", b"")), ["names"], REFUSED),
    "old predictions": (lambda: with_model(("predictions.npz", b"")), ["leftovers"], None),
    "old scores": (lambda: with_model(("output/scores.json", b"{}")), ["leftovers"], None),
    "metadata": (lambda: with_model(("metadata", "command: python model.py")), ["metadata"], None),
    "metadata.yaml": (lambda: with_model(("metadata.yaml", "")), ["metadata"], None),
}


def _huge() -> bytearray:
    """Four files that say they unpack to 4 GB each: refused before anything is read."""
    raw = with_model(*((name, b"w" * 99) for name in "abcd"))
    place = len(raw)
    for _ in "abcd":
        place = raw.rindex(CENTRAL, 0, place)
        struct.pack_into("<I", raw, place + 24, 0xFFFF_FFF0)
    return raw


@pytest.mark.parametrize(("make", "rules", "refusal"), ZIPS.values(), ids=ZIPS)
def test_malformed_zip(tmp_path, make, rules, refusal):
    path = tmp_path / "work" / "s.zip"
    path.parent.mkdir()
    path.write_bytes(make())
    assert [finding.rule for finding in check_zip(path)] == rules
    assert all(finding.message and finding.fix for finding in check_zip(path))
    if refusal is None:
        unpack(path, path.parent / "out")
    else:
        with pytest.raises(KitError, match=refusal):
            unpack(path, path.parent / "out")
    outside = [file for file in tmp_path.rglob("*") if file.is_file() and path.parent / "out" not in file.parents]
    assert outside == [path]


def test_there_are_thirty_at_least():
    assert len(ZIPS) >= 30


def test_what_the_rules_leave_alone_can_be_unpacked_and_what_is_refused_has_a_finding():
    for name, (_, rules, refusal) in ZIPS.items():
        assert rules or refusal is None, name


def test_findings_name_the_file(tmp_path: Path):
    path = tmp_path / "s.zip"
    path.write_bytes(both(8, 10, 9))
    (finding,) = check_zip(path)
    assert "'w.h5 (Deflate64)'" in str(finding) and "zip -r" in finding.fix
