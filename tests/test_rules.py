"""Each rule finds its breach, names the fix, and leaves good zips alone."""

import json
import stat
import struct
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from submission_zips import GOOD, make_zip

from submission.kit.errors import KitError
from submission.kit.latest import write_latest
from submission.rules import check_zip, main

KIT = Path(__file__).parent.parent / "submission" / "kit"


def rules_of(path: Path) -> list[str]:
    return [finding.rule for finding in check_zip(path)]


def told(path: Path) -> str:
    return "\n".join(str(finding) for finding in check_zip(path))


def with_manifest(files: dict[str, str], **changes: str | None) -> dict[str, str]:
    """The files with a manifest.json of them; `changes` are made to the manifest's list."""
    listed = {name: sha256(text.encode()).hexdigest() for name, text in files.items()} | changes
    return {**files, "manifest.json": json.dumps({"files": {k: v for k, v in listed.items() if v is not None}})}


CLEAN = {
    "one file": {"model.py": GOOD},
    "weights beside it": {"model.py": GOOD, "weights.h5": b"x", "members/a/saved_model.pb": b"y"},
    "macOS": {"model.py": GOOD, "__MACOSX/._model.py": b"\0", ".DS_Store": b"\0"},
    "folders stored": {"a/": "", "a/x": "", "model.py": GOOD},
    "manifest": with_manifest({"model.py": GOOD, "kit/__init__.py": ""}),
    "own path": {
        "model.py": "from pathlib import Path\nHERE = Path(__file__).parent\n" + GOOD + "\nopen(HERE / 'w.h5')\n",
        "w.h5": b"",
    },
    "a script that is not imported": {"model.py": GOOD, "train.py": "open('training_set.npz')", "old.py": "print 1"},
    "prose": {"model.py": '"""Lies in\n/app/program"""\n' + GOOD + "\n'/app/output is theirs'\n"},
    "a url and a bare text": {"model.py": GOOD + "\nload('https://x.y/z')\nopen(name)\nopen('/dev/null')\n"},
    "Model imported": {"model.py": "from net import Model", "net.py": GOOD},
    "defaults": {
        "model.py": "class Model:\n  def __init__(self, a=1, *b, c=2, **d): pass\n  def predict(self, X, y=1): ..."
    },
    "inherited": {"model.py": "from net import Base\nclass Model(Base): pass", "net.py": GOOD},
}


@pytest.mark.parametrize("files", CLEAN.values(), ids=CLEAN)
def test_good_zips_break_no_rule(tmp_path, files):
    assert check_zip(make_zip(tmp_path / "s.zip", files)) == []


NEEDS_INIT = GOOD.replace("__init__(self)", "__init__(self, path, *, size)")
BROKEN = {
    "nested": ({"top/model.py": GOOD, "top/w.h5": b""}, "nested-folder", "folder 'top'.*cd top && zip -r"),
    "nested beside macOS": ({"top/model.py": GOOD, "__MACOSX/x": b""}, "nested-folder", "'top'"),
    "no entry": ({"main.py": GOOD, "a/b.txt": b""}, "entry-file", "Received: at the root: 'a', 'main.py'"),
    "entry deeper": ({"src/model.py": GOOD, "w.h5": b""}, "entry-file", "the nearest: 'src/model.py'"),
    "wrong case": ({"Model.py": GOOD}, "entry-file", "'Model.py'"),
    "nothing": ({}, "entry-file", "at the root: nothing"),
    "predictions": ({"model.py": GOOD, "predictions.npz": b""}, "leftovers", "'predictions.npz'.*remove"),
    "scores": ({"model.py": GOOD, "res/scores.json": b"", "score.txt": b""}, "leftovers", "scores.json', 'score.txt'"),
    "metadata": ({"model.py": GOOD, "metadata": "command: x"}, "metadata", "program of its own"),
    "backslashes": ({"model.py": GOOD, "a\\b": b""}, "backslashes", r"'a\\\\b'"),
    "absolute": ({"model.py": GOOD, "/etc/x": b""}, "outside", "'/etc/x'"),
    "drive": ({"model.py": GOOD, "C:/x": b""}, "outside", "'C:/x'"),
    "dots": ({"model.py": GOOD, "a/../../x": b""}, "outside", r"a/\.\./\.\./x"),
    "file and folder": ({"model.py": GOOD, "a": b"", "a/b": b""}, "duplicates", "both file and folder: 'a'"),
    "syntax": ({"model.py": "def broken(:\n"}, "syntax", "model.py, line 1"),
    "zero bytes": ({"model.py": b"x = 1\0"}, "syntax", "null bytes"),
    "not UTF-8": ({"model.py": b"x = '\xff'"}, "syntax", "model.py"),
    "imported syntax": ({"model.py": GOOD + "import kit.net", "kit/net.py": "print 1"}, "syntax", "kit/net.py, line 1"),
    "relative import": ({"model.py": GOOD + "from kit import a", "kit/a.py": "from .b import c", "kit/b.py": "print 1"},
                        "syntax", "kit/b.py"),
    "no Model": ({"model.py": "class Net: pass"}, "model-class", "expected `class Model`"),
    "init": ({"model.py": NEEDS_INIT}, "model-init", "required arguments 'path', 'size'"),
    "no predict": ({"model.py": "class Model: pass"}, "model-predict", "Received: none"),
    "predict": ({"model.py": GOOD.replace("self, X", "self, X, y")}, "model-predict", "'self', 'X', 'y'"),
    "open": ({"model.py": GOOD + "open('w.h5')"}, "relative-path", r"line \d+: open\('w.h5'\).*__file__"),
    "load_model": ({"model.py": GOOD + "tf.keras.models.load_model('m.keras')"}, "relative-path", "load_model"),
    "keyword": ({"model.py": GOOD + "net.load_weights(filepath='w/x.h5')"}, "relative-path", "'w/x.h5'"),
    "constant": ({"model.py": "W = './w.npz'\n" + GOOD + "np.load(W)"}, "relative-path", r"load\('./w.npz'\)"),
    "in a helper": ({"model.py": GOOD + "import net", "net.py": "open('w')"}, "relative-path", "net.py, line 1"),
    "platform path": ({"model.py": GOOD + "open('/app/ingested_program/w')"}, "platform-path", "ingested_program/w"),
    "manifest json": ({"model.py": GOOD, "manifest.json": "{"}, "manifest", "cannot be read"),
    "manifest list": ({"model.py": GOOD, "manifest.json": '{"files": [1]}'}, "manifest", "cannot be read"),
    "unlisted": (with_manifest({"model.py": GOOD}) | {"extra.bin": b""}, "manifest", "not listed: 'extra.bin'"),
    "missing": (with_manifest({"model.py": GOOD}, gone="0"), "manifest", "listed but missing: 'gone'.*package again"),
    "changed": (with_manifest({"model.py": GOOD}) | {"model.py": GOOD + "\n"}, "manifest", "not as listed: 'model.py'"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "rule", "message"), BROKEN.values(), ids=BROKEN)
def test_one_breach_one_finding(tmp_path, files, rule, message):
    path = make_zip(tmp_path / "s.zip", files)
    assert rules_of(path) == [rule]
    with pytest.raises(AssertionError, match="(?s)" + message):
        raise AssertionError(told(path))


def test_duplicates(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("model.py", "old")
        archive.writestr("model.py", GOOD)
    assert rules_of(tmp_path / "s.zip") == ["duplicates"]


def test_symlinks(tmp_path):
    link = zipfile.ZipInfo("weights.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("model.py", GOOD)
        archive.writestr(link, "/data/weights.h5")
    assert rules_of(tmp_path / "s.zip") == ["symlinks"]


def patched(path: Path, local: int, central: int, value: int) -> Path:
    """The last entry's 16-bit field changed in both of its headers."""
    raw = bytearray(path.read_bytes())
    struct.pack_into("<H", raw, raw.rindex(b"PK\x03\x04") + local, value)
    struct.pack_into("<H", raw, raw.rindex(b"PK\x01\x02") + central, value)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("place", "rule", "message"),
    [
        ((6, 8, 1), "encrypted", "without a password"),
        ((8, 10, 9), "compression", "w.h5 \\(Deflate64\\)"),
        ((8, 10, 55), "compression", "w.h5 \\(55\\)"),
    ],
)
def test_what_leaves_a_submission_in_preparing(tmp_path, place, rule, message):
    path = patched(make_zip(tmp_path / "s.zip", {"model.py": GOOD, "w.h5": b"w" * 99}), *place)
    assert rules_of(path) == [rule]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(told(path))


def test_a_damaged_file_is_named(tmp_path):
    path = make_zip(tmp_path / "s.zip", {"model.py": GOOD, "w.h5": bytes(range(256)) * 9})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"w.h5") + 8] ^= 0xFF
    path.write_bytes(raw)
    assert rules_of(path) == ["crc"] and "w.h5" in told(path)


def test_not_a_zip_and_truncated(tmp_path):
    path = make_zip(tmp_path / "s.zip", {"model.py": GOOD})
    path.write_bytes(path.read_bytes()[:-30])
    assert rules_of(path) == ["truncated"]
    path.write_bytes(b"Rar!\x1a\x07")
    assert rules_of(path) == ["not-a-zip"]
    path.write_bytes(b"")
    assert rules_of(path) == ["not-a-zip"]


def test_the_code_in_a_nested_folder_is_checked_too(tmp_path):
    files = {"a/b/model.py": GOOD + "import net\nopen('w')", "a/b/net.py": "print 1", "a/x": ""}
    path = make_zip(tmp_path / "s.zip", files)
    assert rules_of(path) == ["nested-folder", "syntax", "relative-path"]
    assert "`cd a/b && zip" in told(path)


def test_all_breaches_are_told_at_once(tmp_path):
    files = {"model.py": "class Model:\n  def predict(self): open('w')", "scores.txt": "", "metadata": "", "a\\b": ""}
    assert rules_of(make_zip(tmp_path / "s.zip", files)) == [
        *("backslashes", "leftovers", "metadata", "model-predict", "relative-path")
    ]


def test_this_kits_own_files_break_no_rule(tmp_path):
    files = {f"kit/{path.name}": path.read_text() for path in KIT.glob("*.py")}
    imports = "".join(f"import kit.{path.stem}\n" for path in KIT.glob("*.py"))
    assert check_zip(make_zip(tmp_path / "s.zip", with_manifest({"model.py": imports + GOOD, **files}))) == []


@pytest.mark.parametrize("code", ["HERE.joinpath('w').open('rb')", "(HERE / 'w').open('r')", "HERE.open('w+b')"])
def test_how_a_path_is_opened_is_no_name(tmp_path, code):
    here = "from pathlib import Path\nHERE = Path(__file__).parent\n"
    path = make_zip(tmp_path / "s.zip", {"model.py": here + GOOD + code, "w": ""})
    assert "relative-path" not in rules_of(path)


def test_command_line(tmp_path, capsys):
    assert main([str(make_zip(tmp_path / "s.zip", {"model.py": GOOD}))]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    bad = make_zip(tmp_path / "bad.zip", {"top/model.py": GOOD, "top/predictions.csv": ""})
    with pytest.raises(KitError, match=r"(?s)bad.zip breaks 2 rules:\nnested-folder.*fix: .*leftovers.*fix: "):
        main([str(bad)])
    with pytest.raises(KitError, match=r"expected a zip at .*none.zip\. Received: no such file\.$"):
        main([str(tmp_path / "none.zip")])


def test_the_packaged_zip_is_the_default(tmp_path, capsys):
    mend = f"python -m submission.package --artifacts {tmp_path}"
    with pytest.raises(KitError, match=f"latest.json is missing: run `{mend}`"):
        main(["--artifacts", str(tmp_path)])
    path = make_zip(tmp_path / "s.zip", {"model.py": GOOD})
    write_latest(tmp_path, path, sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert main(["--artifacts", str(tmp_path)]) == 0
    assert f"`python -m local_eval.run {path} --artifacts {tmp_path}` runs it" in capsys.readouterr().out
