"""Runtimes are read, built once, resumed and compared; the slow test builds real environments without a download."""

import json
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from submission_zips import GOOD, make_zip, tiny_set

from submission import check_runtimes as check_runtimes_module
from submission.agreement import different_labels, largest_difference
from submission.check_runtimes import Outcome, find_failures, main, table
from submission.interpreter import find_interpreter
from submission.kit.errors import KitError
from submission.runtime import Runtime, find_runtime, list_runtimes, read_runtime
from submission.runtime_venv import read_modules, venv_folder
from submission.zip_run import ZipRun, run_zip

THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"

KIT_LIKE = """
import numpy as np
class Predictor:
    def predict_probs(self, X):
        try:
            import marker
            tilt = marker.TILT
        except ImportError:
            tilt = 0.0
        probs = np.full((len(X), 2), 0.5, np.float32)
        probs[:, 0] += 0.25 + tilt
        return probs
class Model:
    def __init__(self):
        self.predictor = Predictor()
    def predict(self, X):
        return self.predictor.predict_probs(X).argmax(-1)
"""


def runtime_file(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.txt"
    path.write_text("\n".join((f"# python: {THIS}", *lines)) + "\n")
    return path


def test_the_runtimes_of_this_repository():
    runtimes = {runtime.name: runtime for runtime in list_runtimes()}
    assert {"latest", "tf215", "tf217"} <= set(runtimes)
    assert runtimes["tf215"].requirements[-1] == "tensorflow-addons==0.23.0"
    assert runtimes["tf217"].distributions == ("tensorflow", "keras", "numpy")


def test_comments_do_not_decide_an_environment(tmp_path):
    one = read_runtime(runtime_file(tmp_path, "a", "x==1  # why", "# y==2", "", "z @ https://h/z.whl#sha256=0"))
    assert one.requirements == ("x==1", "z @ https://h/z.whl#sha256=0")
    assert one.digest == read_runtime(runtime_file(tmp_path, "a", "x==1", one.requirements[1])).digest
    assert one.digest != read_runtime(runtime_file(tmp_path, "a", "x==2", one.requirements[1])).digest
    assert venv_folder(one, Path("c")) == Path(f"c/a-{one.digest}")


@pytest.mark.parametrize("text", ["x==1\n", "# python: 3\n", "# python: 3.11\n# python: 3.12\n"])
def test_a_runtime_names_one_python(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(KitError, match=r"one line such as `# python: 3.11`\. Received: "):
        read_runtime(tmp_path / "a.txt")


def test_missing_runtimes_are_told(tmp_path):
    with pytest.raises(KitError, match="requirements files"):
        list_runtimes(tmp_path)
    with pytest.raises(KitError, match=r"out of none\. Received: 'a'"):
        find_runtime("a", tmp_path)
    with pytest.raises(KitError, match="expected a requirements file at"):
        read_runtime(tmp_path / "a.txt")


def test_interpreters(tmp_path, monkeypatch):
    assert find_interpreter(THIS).is_file()
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\necho 3.98\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(KitError, match=rf"(?s)Python 3\.99 .*none that works, of {shim}.*pyenv install 3\.99"):
        find_interpreter("3.99")
    shim.write_text("#!/bin/sh\necho 3.99\n")
    assert find_interpreter("3.99") == shim


def a_run(labels, probs=None, **changes) -> ZipRun:
    probs = None if probs is None else np.array(probs, np.float32)
    return ZipRun(np.array(labels), probs, **{"load_s": 1.0, "predict_s": 0.5, "versions": {}, **changes})


@pytest.mark.parametrize(
    ("runs", "difference", "labels"),
    [
        ([a_run([0, 1], [[1, 0], [0, 1]]), a_run([0, 1], [[1, 0], [0.25, 0.75]])], 0.25, 0),
        ([a_run([0, 1], [[1, 0], [0, 1]]), a_run([0, 0]), a_run([[0], [1]])], None, 1),
        ([a_run([0]), a_run([0, 1])], None, 2),
        ([a_run([0], [[1, 0]]), a_run([0], [[1, 0, 0]])], float("inf"), 0),
        ([a_run([0], [[1, 0]]), a_run([0], [[np.nan, 0]])], float("inf"), 0),
        ([a_run([0], [[1, 0]])], None, 0),
    ],
)
def test_agreement(runs, difference, labels):
    assert largest_difference(runs, 0) == difference
    assert different_labels(runs, 0) == labels


def outcomes() -> list[Outcome]:
    runtimes = [Runtime(name, Path(name), "3.11", ()) for name in ("new", "old", "broken")]
    versions = {"python": "3.11.7", "tensorflow": "2.21.0", "keras": "-"}
    return [
        Outcome(runtimes[0], a_run([0, 1], [[1, 0], [0, 1]], versions=versions, engines=["tflite"] * 2)),
        Outcome(runtimes[1], a_run([0, 0], [[1, 0], [0.6, 0.4]])),
        Outcome(runtimes[2], error="pip failed:\nthe end"),
    ]


def test_table_and_failures():
    lines = table(outcomes()).splitlines()
    assert [line.split()[0] for line in lines] == ["runtime", "new", "old", "broken"]
    assert lines[1].split() == ["new", "3.11.7", "2.21.0", "-", "2", "tflite", "1.0", "4", "6.0e-01", "no:", "1"]
    assert lines[3].split()[-1] == "FAILED"
    failures = find_failures(outcomes(), 0.1)
    assert failures[0] == "broken: pip failed:\nthe end"
    assert failures[1] == "new: expected probabilities within 0.1 of the others'. Received: 0.6"
    assert failures[2] == "new: expected the others' labels. Received: 1 of 2 differ"
    assert len(failures) == 5 and find_failures(outcomes()[:1], 0) == []


def test_images_come_from_the_suite_or_are_noise(tmp_path):
    choose = check_runtimes_module.choose_images
    plain = make_zip(tmp_path / "plain.zip", {"model.py": GOOD})
    shaped = make_zip(tmp_path / "kit.zip", {"manifest.json": '{"image_shape": [5, 4, 1]}'})
    with pytest.raises(KitError, match=r"plain.zip has no manifest.*local_eval.suites"):
        choose(plain, tmp_path, 3)
    images, told = choose(shaped, tmp_path, 3)
    assert images.shape == (3, 5, 4, 1) and images.dtype == np.uint8 and told == "3 images of noise"
    tiny_set(tmp_path / "suites" / "an2dl" / "select")
    images, told = choose(plain, tmp_path, 4)
    assert images.shape == (4, 6, 6, 3) and told.startswith("4 images of ")
    assert choose(plain, tmp_path, 400)[0].shape == (12, 6, 6, 3)
    assert choose(shaped, tmp_path, 2)[0].shape == (2, 5, 4, 1)  # the suite is another contest's
    (tmp_path / "bad.zip").write_bytes(b"PK")
    with pytest.raises(KitError, match=r"bad.zip cannot be read .*submission.rules"):
        choose(tmp_path / "bad.zip", tmp_path, 3)


def test_a_run_without_an_answer_or_end(tmp_path):
    images = np.zeros((2, 6, 6, 3), np.uint8)
    plain = run_zip(make_zip(tmp_path / "s.zip", {"model.py": GOOD}), images)
    assert plain.labels.tolist() == [0, 0] and plain.probs is None and plain.versions["numpy"] == np.__version__
    ended = make_zip(tmp_path / "ended.zip", {"model.py": "import sys\nsys.exit(0)"})
    with pytest.raises(KitError, match="left no readable answer"):
        run_zip(ended, images)
    endless = make_zip(tmp_path / "endless.zip", {"model.py": "while True: pass"})
    with pytest.raises(KitError, match="its model took more than 0.5 s"):
        run_zip(endless, images, limit_s=0.5)


def wheel(path: Path, files: dict[str, str]) -> Path:
    """A wheel made by hand, so that pip installs it without a download."""
    name, version = path.name.split("-")[:2]
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in files.items():
            archive.writestr(one, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{one},,\n" for one in files) + f"{info}/RECORD,,\n")
    return path


@pytest.mark.slow
def test_real_environments_are_built_once_resumed_and_compared(tmp_path, capsys):
    numpy_folder = Path(np.__file__).parents[1]
    numpy_here = wheel(tmp_path / "numpyhere-1.0-py3-none-any.whl", {"numpyhere.pth": f"{numpy_folder}\n"})
    marker = wheel(tmp_path / "marker-1.0-py3-none-any.whl", {"marker.py": "TILT = -0.5\n"})
    runtimes, cache = tmp_path / "runtimes", tmp_path / "cache"
    runtime_file(runtimes, "one", str(numpy_here))
    runtime_file(runtimes, "two", str(numpy_here), "# the same libraries")
    manifest = json.dumps({"image_shape": [6, 6, 3]})
    path = make_zip(tmp_path / "s.zip", {"model.py": KIT_LIKE, "manifest.json": manifest})
    command = [str(path), "--artifacts", str(tmp_path), "--runtimes", str(runtimes), "--cache", str(cache)]

    assert main([*command, "--images", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["runtime", "one", "two", "s.zip:"]
    assert lines[1].split()[-2:] == ["0.0e+00", "yes"] and lines[3].endswith(
        "alike under 2 runtimes on 5 images of noise"
    )

    one = read_runtime(runtimes / "one.txt")
    assert {"numpyhere", "json"} - set(read_modules(one, cache)) == {"numpyhere"}  # a .pth is no module
    start = time.perf_counter()
    assert main([*command, "--runtime", "one"]) == 0
    again_s = time.perf_counter() - start
    (venv_folder(one, cache) / "modules.json").unlink()  # as after a kill: pip goes on in the same environment
    kept = (venv_folder(one, cache) / "pyvenv.cfg").stat().st_mtime_ns
    assert main([*command, "--runtime", "one"]) == 0
    assert read_modules(one, cache) is not None
    assert (venv_folder(one, cache) / "pyvenv.cfg").stat().st_mtime_ns == kept
    assert "1 runtime, so that nothing was compared" in capsys.readouterr().out and again_s < 20

    runtime_file(runtimes, "two", str(numpy_here), str(marker))
    runtime_file(runtimes, "without", str(marker))
    runtime_file(runtimes, "wrong", str(tmp_path / "none-1.0-py3-none-any.whl"))
    with pytest.raises(KitError) as failed:
        main(command)
    told = str(failed.value)
    assert "does not run alike under 4 runtimes" in told
    assert "two: expected the others' labels. Received: 256 of 256 differ" in told
    assert "one: expected probabilities within 0.0001 of the others'. Received: 0.5" in told
    assert "without: s.zip: its model failed with exit status 1" in told and "No module named 'numpy'" in told
    assert "wrong.txt cannot be installed" in told and "none-1.0" in told
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-2:]] == ["FAILED", "FAILED"]
