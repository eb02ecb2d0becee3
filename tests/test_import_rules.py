"""Imports and weight files that are missing, found by reading the zip's Python; no false alarms on what would run."""

import time
from pathlib import Path

import pytest
from submission_zips import GOOD, make_zip

from submission.import_rules import Platform
from submission.kit.errors import KitError
from submission.rules import check_zip, find_platform, main
from submission.runtime import find_runtime, list_runtimes, read_runtime
from submission.runtime_modules import runtime_modules
from submission.runtime_venv import CACHE, read_modules

ROOT = Path(__file__).parents[1]
PLATFORM = Platform("old", {"os", "sys", "typing", "pathlib", "numpy", "tensorflow"})


def found(tmp_path, files) -> list[tuple[str, str]]:
    return [(one.rule, one.message) for one in check_zip(make_zip(tmp_path / "s.zip", files), PLATFORM)]


RUNS = {
    "what is there": {"model.py": "import os.path, tensorflow.keras.applications as a\n" + GOOD},
    "its own": {"model.py": GOOD + "import net\nfrom kit import a, b\nimport kit.a", "net.py": "", "kit/a.py": "b = 1"},
    "its own, without __init__": {"model.py": GOOD + "from kit.deep.x import y", "kit/deep/x.py": "y = 1"},
    "its own, compiled": {"model.py": GOOD + "import fast", "fast.cpython-311-x86_64-linux-gnu.so": b""},
    "relative in a package": {"model.py": GOOD + "import kit.a", "kit/a.py": "from .b import c", "kit/b.py": "c = 1"},
    "two dots": {"model.py": GOOD + "import k.l.a", "k/l/a.py": "from ..b import c\nfrom .. import b", "k/b.py": ""},
    "sys.path": {"model.py": "import sys\nsys.path.append('x')\nimport net\n" + GOOD, "src/net.py": "import numpy"},
    "optional": {"model.py": GOOD + "try:\n  import cv2\nexcept ImportError:\n  cv2 = None"},
    "optional, a tuple": {"model.py": GOOD + "try:\n  import cv2\nexcept (OSError, ImportError):\n  import PIL"},
    "for types": {"model.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import torch\n" + GOOD},
    "as a script": {"model.py": GOOD + "if __name__ == '__main__':\n  import matplotlib"},
    "never imported": {"model.py": GOOD, "train.py": "import torch, sklearn"},
    "a folder named like a library": {"model.py": GOOD + "import tensorflow.keras", "tensorflow/w.h5": b""},
}  # fmt: skip


@pytest.mark.parametrize("files", RUNS.values(), ids=RUNS)
def test_imports_that_work_are_left_alone(tmp_path, files):
    assert found(tmp_path, files) == []


BREAKS = {
    "a library": ("import sklearn.svm", {}, "imports", "model.py, line 1: sklearn is neither in the zip nor in .* old"),
    "from a library": ("from PIL import Image", {}, "imports", "PIL"),
    "in a method": ("def f():\n  import torch", {}, "imports", "line 2: torch"),
    "in an else": ("try:\n  pass\nexcept OSError:\n  import cv2", {}, "imports", "line 4: cv2"),
    "after the check": ("if __name__ == '__main__':\n  pass\nelse:\n  import cv2", {}, "imports", "line 4: cv2"),
    "in what is imported": ("import net", {"net.py": "import timm"}, "imports", "net.py, line 1: timm"),
    "below another folder": ("import net", {"src/net.py": ""}, "imports", "net"),
    "a module of its own": ("import kit.b", {"kit/a.py": ""}, "missing-module", "line 1: kit.b is not in the zip"),
    "from its own": ("from kit.b import c", {"kit/a.py": ""}, "missing-module", "kit.b"),
    "a relative one": ("import kit.a", {"kit/a.py": "from .b import c"}, "missing-module", "kit/a.py, line 1: kit.b"),
    "relative in model.py": ("from .net import x", {"net.py": "x = 1"}, "relative-import", r"`from \.net import`"),
    "a dot alone": ("from . import net", {"net.py": ""}, "relative-import", "the zip's root is none"),
    "too many dots": ("import k.a", {"k/a.py": "from ..b import c", "b.py": ""}, "relative-import", "k/a.py"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "files", "rule", "message"), BREAKS.values(), ids=BREAKS)
def test_imports_that_fail_are_found(tmp_path, code, files, rule, message):
    ((one, text),) = found(tmp_path, {"model.py": f"{code}\n{GOOD}", **files})
    assert one == rule
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(text)


def test_each_missing_module_is_told_once_a_line(tmp_path):
    files = {"model.py": "import a, b\nimport a\n" + GOOD}
    assert [text.split(": ")[1].split()[0] for _, text in found(tmp_path, files)] == ["a", "b", "a"]


HERE = "import os, glob\nfrom pathlib import Path\nfrom tensorflow import load_model, open_it\nfrom numpy import *\n"
THERE = [
    "load(Path(__file__).parent / 'w.h5')",
    "load(Path(__file__).resolve().parent.joinpath('w.h5'))",
    "load(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'deep', 'x.npz'))",
    "D = os.path.dirname(__file__)\nload(D + '/w.h5')\nload(f'{D}/deep/x.npz')",
    "D = Path(__file__).parent\nE = D / 'deep'\nF = 'x.npz'\nload(E / F)\nload_model(E)",
    "D = str(Path(__file__).parent)\nload(os.path.join(D, './deep/../w.h5'))",
    "load(Path(__file__).with_name('w.h5'))",
    "load_model(str(Path(__file__).parent))\nload_model(os.path.dirname(__file__) + '/')",
    "D = os.path.dirname(__file__) + '/'\nload(D + 'w.h5')\nload(D + 'deep/' + 'x.npz')",
    "load(Path(__file__).parents[0] / 'ckpt/best')",  # the beginning of best.index
    "D = Path(__file__).parent\nsorted(D.glob('*.h5'))\nsorted(D.rglob('*.npz'))\nglob.glob(str(D / 'deep' / '*.npz'))",
]
UNKNOWN = [
    "D = Path(__file__).parent\nfor name in range(3):\n  load(D / name / 'w2.h5')",
    "def f(D):\n  load(D / 'w2.h5')\nD = Path(__file__).parent",
    "P = Path(__file__).parent / 'log.txt'\nP.write_text('x')",
    "P = Path(__file__).parent / 'w2.h5'\nif P.exists():\n  load(P)",
    "P = os.path.join(os.path.dirname(__file__), 'w2.h5')\nif os.path.isfile(P):\n  load(P)",
    "open(Path(__file__).parent / 'out.csv', 'w')",
    "(Path(__file__).parent / 'cache').mkdir()",
    "load(Path(__file__).parent.parent / 'w2.h5')",  # above the zip
    "load(__file__.replace('model.py', 'w2.h5'))",
    "load(f'{__file__!r}/w2.h5')",
    "Path(__file__).parents[10**9]",
]
MISSING = {
    "join": ("load(os.path.join(os.path.dirname(__file__), 'w2.h5'))", "line 5: 'w2.h5' is not in the zip$"),
    "slash": ("load(Path(__file__).parent / 'deep' / 'y.npz')", "'deep/y.npz'"),
    "names": ("D = Path(__file__).parent\nW = 'W.h5'\nload(D / W)", r"'W.h5' is not in the zip, only 'w.h5'"),
    "attribute": ("class A:\n def f(self):\n  self.d = Path(__file__).parent\n  load(self.d / 'a.keras')", "'a.keras'"),
    "in another folder": ("load(Path(__file__).parent / 'x.npz')", "'x.npz' is not in the zip, only 'deep/x.npz'"),
    "text": ("D = os.path.dirname(os.path.realpath(__file__))\nload(D + '/' + 'a.pt')", "'a.pt'"),
    "f-string": ("D = Path(__file__).parent\nload(f'{D}/a.pt')", "'a.pt'"),
    "a SavedModel": ("load_model(Path(__file__).parent / 'members/b')", "'members/b'"),
    "no match": ("list(Path(__file__).parent.glob('*.keras'))", r"'\*.keras'"),
    "default": ("def f(path=Path(__file__).parent / 'a.tflite'): ...", "'a.tflite'"),
}


def with_here(code: str) -> dict[str, str | bytes]:
    files = {"w.h5": b"", "deep/x.npz": b"", "ckpt/best.index": b""}
    return {"model.py": f"{HERE}{code}\n{GOOD}", **files}


@pytest.mark.parametrize("code", THERE + UNKNOWN)
def test_files_that_are_there_or_unknown_are_left_alone(tmp_path, code):
    assert found_files(tmp_path, code) == []


@pytest.mark.parametrize(("code", "message"), MISSING.values(), ids=MISSING)
def test_missing_files_are_named(tmp_path, code, message):
    ((rule, text),) = found_files(tmp_path, code)
    assert rule == "missing-file"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(text)


def found_files(tmp_path, code) -> list[tuple[str, str]]:
    path = make_zip(tmp_path / "s.zip", with_here(code))
    return [(one.rule, one.message) for one in check_zip(path)]


def test_hostile_sources_take_no_time(tmp_path):
    doubling = "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(200))
    code = f"a0 = 'x'\n{doubling}b0 = __file__\n" + doubling.replace("a", "b")
    deep = f"import {'.'.join(['a'] * 2000)}\nload({' / '.join(['__file__'] * 500)})\n"
    start = time.perf_counter()
    assert {rule for rule, _ in found_files(tmp_path, code + deep)} <= {"syntax"}
    assert time.perf_counter() - start < 5


def test_files_are_looked_for_from_the_folder_of_the_source(tmp_path):
    files = {"model.py": GOOD + "import kit.a", "kit/w.npy": b""}
    source = "from pathlib import Path\nP = Path(__file__).parent / 'w.npy'\nQ = Path(__file__).parents[1] / 'w.npy'"
    assert [text for _, text in found(tmp_path, {**files, "kit/a.py": source})] == [
        "kit/a.py, line 3: 'w.npy' is not in the zip, only 'kit/w.npy'"
    ]


def test_the_quota_counts_the_zip_twice(tmp_path):
    path = make_zip(tmp_path / "s.zip", {"model.py": GOOD, "w": bytes(100_000)})
    size = path.stat().st_size
    assert check_zip(path, quota_bytes=200_000) == []
    (finding,) = check_zip(path, quota_bytes=50_000)
    assert finding.rule == "size" and "unpacks to 0.0001 GB; its files were not looked at" in finding.message
    stored = make_zip(tmp_path / "t.zip", {"model.py": GOOD, "w": sha_noise(20_000)})
    (finding,) = check_zip(stored, quota_bytes=30_000)
    assert finding.rule == "size" and "stored twice" in finding.message and size < 1_500


def sha_noise(count: int) -> bytes:
    from hashlib import shake_128

    return shake_128(b"noise").digest(count)


def test_command_line_checks_imports_of_the_runtime(tmp_path):
    path = make_zip(tmp_path / "s.zip", {"model.py": GOOD + "import tensorflow_addons, distutils"})
    none = ["--cache", str(tmp_path / "none")]
    assert main([str(path), "--runtime", "tf215", *none]) == main([str(path), "--runtime", "any"]) == 0
    with pytest.raises(KitError, match="tensorflow_addons is neither in the zip nor in the runtime tf217"):
        main([str(path), *none])
    with pytest.raises(KitError, match="breaks 1 rule:\nsize: "):
        main([str(path), "--quota-gb", "0.0000001", "--runtime", "any"])
    with pytest.raises(KitError, match="a runtime out of .*tf215.*Received: 'tf3'"):
        main([str(path), "--runtime", "tf3"])
    with pytest.raises(KitError, match=r"latest.json is missing: run `python -m submission.package"):
        main(["--artifacts", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main([str(path), "--quota-gb", "0"])
    assert ended.value.code == 2


@pytest.mark.parametrize("runtime", list_runtimes(), ids=lambda runtime: runtime.name)
def test_the_table_of_modules_knows_what_the_environments_have(runtime, tmp_path):
    table = runtime_modules(runtime, tmp_path / "none")
    assert {"tensorflow", "keras", "numpy", "h5py", "os", "xml"} <= table
    exact = read_modules(runtime, ROOT / CACHE)
    if exact is None:
        pytest.skip(f"the runtime {runtime.name} is not built: make check-runtimes")
    assert {name for name in set(exact) - table if not name.startswith("_")} == set()


def test_modules_of_an_unknown_distribution_go_by_its_name(tmp_path):
    (tmp_path / "mine.txt").write_text(
        "# python: 3.12\nMy_Lib[extra] >= 2 ; python_version > '3' # why\nopencv-python\n"
    )
    runtime = read_runtime(tmp_path / "mine.txt")
    assert runtime.distributions == ("my-lib", "opencv-python")
    modules = runtime_modules(runtime, tmp_path)
    assert {"my_lib", "cv2", "cgi"} <= modules and "distutils" not in modules
    assert find_platform("any") is None
    assert find_runtime("tf217").python == "3.11"
