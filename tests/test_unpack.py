"""Malformed zips fail, and the others are unpacked as the platform does it."""

import contextlib
import random
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platform_run import assert_failed, make_data, run
from submission_zips import GOOD, make_zip

from local_eval.unpack import unpack
from submission.kit.errors import KitError


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


def good_bytes(tmp_path: Path, files=None) -> bytearray:
    return bytearray(make_zip(tmp_path / "base.zip", files or {"model.py": GOOD}).read_bytes())


def patched(tmp_path: Path, local: int, central: int, value: int) -> bytes:
    """The good zip with one 16-bit field changed in its local and its central header."""
    raw = good_bytes(tmp_path)
    struct.pack_into("<H", raw, local, value)
    struct.pack_into("<H", raw, raw.index(b"PK\x01\x02") + central, value)
    return bytes(raw)


def damaged(tmp_path: Path) -> bytes:
    raw = good_bytes(tmp_path, {"model.py": GOOD, "weights.bin": bytes(range(256)) * 20})
    start = raw.index(b"weights.bin") + len(b"weights.bin")
    raw[start + 3] ^= 0xFF
    return bytes(raw)


def empty_zip(tmp_path: Path) -> bytes:
    return make_zip(tmp_path / "empty.zip", {}).read_bytes()


def conflicting(tmp_path: Path) -> bytes:
    return bytes(good_bytes(tmp_path, {"model.py": GOOD, "a": "file", "a/b": "below a file"}))


def understated(tmp_path: Path) -> bytes:
    """A zip bomb's trick: the declared size, which is checked before unpacking, is smaller than the contents."""
    raw = good_bytes(tmp_path)
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + 24, 5)
    return bytes(raw)


BAD_ZIPS = {
    "empty file": (lambda path: b"", "Bad or empty zip file"),
    "no entries": (empty_zip, "Bad or empty zip file: there is nothing in it"),
    "text": (lambda path: b"not a zip", "Bad or empty zip file"),
    "tar": (lambda path: b"\0" * 2048, "Bad or empty zip file"),
    "truncated": (lambda path: bytes(good_bytes(path)[:-30]), "Bad or empty zip file"),
    "beginning cut off": (lambda path: bytes(good_bytes(path)[60:]), "Bad or empty zip file"),
    "bad CRC": (damaged, "Bad or empty zip file"),
    "encrypted": (lambda path: patched(path, 6, 8, 1), "Bad or empty zip file.*encrypted.*Preparing for ever"),
    "Deflate64": (lambda path: patched(path, 8, 10, 9), "Bad or empty zip file.*compression.*Preparing for ever"),
    "unknown compression": (lambda path: patched(path, 8, 10, 77), "Bad or empty zip file.*Preparing for ever"),
    "file and folder": (conflicting, "Bad or empty zip file"),
    "size that lies": (understated, "Bad or empty zip file"),
    "top folder": (lambda path: bytes(good_bytes(path, {"top/model.py": GOOD})), "No module named 'model'"),
    "no model.py": (lambda path: bytes(good_bytes(path, {"main.py": GOOD})), "No module named 'model'"),
    "backslashes": (lambda path: bytes(good_bytes(path, {"top\\model.py": GOOD})), "No module named 'model'"),
    "model.py is a folder": (lambda path: bytes(good_bytes(path, {"model.py/x": GOOD})), "No module named 'model'"),
    "name of 300 letters": (lambda path: bytes(good_bytes(path, {"m" * 300: GOOD})), "Bad or empty zip file"),
}


@pytest.mark.parametrize(("make", "message"), BAD_ZIPS.values(), ids=BAD_ZIPS)
def test_malformed_zips_fail(data, make, message):
    (data / "s.zip").write_bytes(make(data))
    outcome = run(data, data / "s.zip")
    assert_failed(outcome, data, "Preparing" if "for ever" in message else "Failed")
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome.message)


def test_a_missing_zip_fails(data):
    assert_failed(run(data, data / "none.zip"), data)


def test_unpacking_is_the_platforms(tmp_path):
    path = tmp_path / "s.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    run_me = zipfile.ZipInfo("run.sh")
    run_me.external_attr = (stat.S_IFREG | 0o755) << 16
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("/absolute", "1")
        archive.writestr("../../up", "2")
        archive.writestr("a\\b", "3")
        archive.writestr(link, "/etc/passwd")
        archive.writestr(run_me, "#!/bin/sh")
        archive.writestr("twice", "first")
        archive.writestr("twice", "last")
    unpack(path, tmp_path / "deep/er/out")
    out = tmp_path / "deep/er/out"
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == {
        *("s.zip", "deep/er/out/absolute", "deep/er/out/up", "deep/er/out/a\\b"),
        *("deep/er/out/link", "deep/er/out/run.sh", "deep/er/out/twice"),
    }
    assert not (out / "link").is_symlink() and (out / "link").read_text() == "/etc/passwd"
    assert (out / "twice").read_text() == "last"
    assert not (out / "run.sh").stat().st_mode & 0o111


def test_a_zip_larger_than_allowed_writes_nothing(tmp_path):
    path = make_zip(tmp_path / "s.zip", {"zeros": bytes(10_000)})
    with pytest.raises(KitError, match=r"at most 9999 bytes unpacked\. Received: 10000"):
        unpack(path, tmp_path / "out", max_bytes=9999)
    assert not (tmp_path / "out").exists()


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_mutation_of_a_zip_gives_a_traceback_or_a_file_outside(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("mutated")
    chance = random.Random(seed)
    raw = bytearray()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(folder / "s.zip", "a", method) as archive:
            archive.writestr(f"{method}/model.py", GOOD)
    raw += (folder / "s.zip").read_bytes()
    for _ in range(chance.randint(1, 12)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    (folder / "s.zip").write_bytes(raw[: chance.choice([None, None, chance.randrange(len(raw))])])
    with contextlib.suppress(KitError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicates
        unpack(folder / "s.zip", folder / "out", max_bytes=1 << 20)
    assert {path.name for path in folder.iterdir()} <= {"s.zip", "out"}
