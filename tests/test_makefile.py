"""The Makefile as a user meets it: help, bad input, and (slow) the whole way twice, on a file of one's own."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import write_classes

from submission.kit.image_set import open_image_set
from training.data.__main__ import main as data

ROOT = Path(__file__).parents[1]


def make(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess:
    """`make` with the environment that runs the tests, taken as ready."""
    command = ["make", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.ready", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=timeout_s, check=False)


def targets() -> set[str]:
    return set(re.findall(r"^make ([a-z-]+)", make("help").stdout, re.MULTILINE))


def test_help_lists_every_step_with_a_line():
    listed = targets()
    steps = "data clean split train predict ensemble package score report submission test setup"
    assert set(steps.split()) <= listed
    assert all(len(line.split(maxsplit=2)) == 3 for line in make("help").stdout.splitlines())


@pytest.mark.parametrize(
    ("settings", "scored"),
    [
        ([], ""),
        (["SUITES=stain,occlusion"], "--suite 'clean,an2dl,stain,occlusion'"),
        (["SUITES=all", "RUNS=one two", "LIMIT_S=an2dl", "LIMIT_MB=300"], "--suite 'clean,an2dl,all'"),
    ],
)
def test_every_step_is_what_a_shell_can_read(tmp_path, settings, scored):
    steps = make("-n", f"ARTIFACTS={tmp_path}", *settings, "submission", "tune", "cost", "check-leaks", "clean-labels")
    assert steps.returncode == 0, steps.stderr
    read = subprocess.run(["sh", "-n"], input=steps.stdout, capture_output=True, text=True, timeout=60, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    lines = [line for line in steps.stdout.splitlines() if "-m local_eval.score" in line]
    assert len(lines) == 2 and all((scored or "--suite") in line for line in lines) == bool(scored)


def test_the_readme_names_only_targets_and_modules_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|[^a-z])make ([a-z][a-z-]*)", readme))
    assert "submission" in named
    assert "RESULTS" not in readme
    assert named <= targets()
    for module in set(re.findall(r"python -m ([a-z0-9_.]+)", readme)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_readme_pictures_and_links_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    "module",
    [
        "training.data",
        "training.clean",
        "training.split",
        "training.train",
        "training.predict",
        "training.augment.sheet",
        "ensembles.fit",
        "submission.export",
        "submission.package",
        "submission.rules",
        "local_eval.suites",
        "local_eval.run",
        "local_eval.score",
        "local_eval.report",
        "local_eval.sheet",
        "local_eval.submit",
    ],
)
def test_every_step_explains_itself(module):
    child = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert child.returncode == 0
    assert child.stdout.startswith(f"usage: python -m {module} ")
    assert len(child.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^error: expected a training file \(npz\)\. Received: \S+/nowhere\.npz, which does not exist\. "),
        (
            b"hello",
            r"^error: expected an npz\. Received: \S+/nowhere\.npz, which is not one \(it begins with b'hel",
        ),
    ],
)
def test_a_bad_file_ends_with_a_clear_error_and_nothing_written(tmp_path, content, message):
    path = tmp_path / "nowhere.npz"
    if content is not None:
        path.write_bytes(content)
    result = make("data", f"DATA={path}", f"ARTIFACTS={tmp_path / 'made'}")
    assert result.returncode == 2  # make's own; the command inside ends with 1
    assert re.search(message, result.stderr, re.MULTILINE)
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "made" / "data").exists()


def test_rules_without_a_zip_takes_the_packaged_one(tmp_path):
    result = make("rules", f"ARTIFACTS={tmp_path}")
    assert result.returncode == 2
    assert f"latest.json is missing: run `python -m submission.package --artifacts {tmp_path}` first" in result.stderr


def test_the_tolerance_reaches_both_steps(tmp_path):
    dry = make("-n", "package", f"ARTIFACTS={tmp_path}", "TOLERANCE=0.01").stdout
    for step in ("export", "package"):
        assert re.search(rf"submission\.{step} .*--tolerance 0\.01$", dry, re.MULTILINE)


def test_a_time_budget_reaches_the_training_and_makes_it_anew(tmp_path):
    dry = make("-n", "train", f"ARTIFACTS={tmp_path}", "BUDGET=1h", "MEMBERS=default:0:0").stdout
    assert re.search(r"training\.train .*--recipe default .*--budget '1h'", dry.replace("\\\n", " "))


@pytest.mark.parametrize(
    ("settings", "folder", "options"),
    [
        ([], "synthetic", "--seed 0"),
        (["DATA=some/training_set.npz", "LIMIT=50"], "training_set-limit50", "--data 'some/training_set.npz'"),
        (["SET=synthetic", "SIZE=32"], "synthetic-size32", "--seed 0 --size 32"),
        (["SET=bloodmnist", "PIXELS=224"], "bloodmnist-pixels224", "--set 'bloodmnist' --pixels 224"),
        (["SET=pbc", "CROP=240", "DATA_FLAGS=--offline"], "pbc-crop240", "--set 'pbc' --crop 240 --offline"),
        (["SET=folder=/some/cells.v2/", "STRICT=1"], "cells.v2", "--set 'folder=/some/cells.v2/' --strict"),
        (["SET=folder=cells.zip"], "cells", "--set 'folder=cells.zip'"),
        (["SET=csv=some/labels.csv"], "labels", "--set 'csv=some/labels.csv'"),
        (["SET=an2dl-npz=a=b.npz"], "a=b", "--set 'an2dl-npz=a=b.npz'"),
    ],
)
def test_each_set_has_a_folder_that_every_step_finds(settings, folder, options):
    dry = make("-n", *settings, "data", "split").stdout.replace("\\\n", " ")
    steps = re.findall(r"-m (training\.\w+) --artifacts (\S+) *(.*)", dry)
    assert [(step, where) for step, where, _ in steps] == [
        (f"training.{step}", f"artifacts/{folder}") for step in ("data", "clean", "split")
    ]
    assert steps[0][2].split() == options.split()


def test_class_folders_of_any_name_and_what_is_new_in_them(tmp_path):
    """Folders named as classes are, with spaces and worse, and a later file in one of them."""
    names = ("immature granulocytes", "100% sure: (a)'s $x")
    folder = write_classes(tmp_path / "cells", names)
    settings = [f"SET=folder={folder}", f"ARTIFACTS={tmp_path / 'A'}", "data"]
    first = make(*settings)
    assert first.returncode == 0, first.stderr
    assert open_image_set(tmp_path / "A" / "data", "").class_names == sorted(names)
    again = make(*settings)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (folder / names[1] / "new.png").write_bytes((folder / names[1] / "0.png").read_bytes())
    assert re.search("expected .* to be made from folder cells", make(*settings).stderr)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["SET=epochs=20"], r'SET to be a data set: synthetic, .* Received: SET=epochs=20\. .* FIELDS="epochs=20"'),
        (["SET=epochs=20 batch_size=8"], r'changed with FIELDS="epochs=20 batch_size=8"'),
        (["SET=cifar"], r"Received: SET=cifar\.  Stop"),
        (["SET=bloodmnist=3"], "Received: SET=bloodmnist=3"),
        (["SET=digits", "DATA=x.npz"], "expected one of SET and DATA"),
        (["SET=folder=my cells"], r"a path without spaces\. Received: SET=folder=my cells"),
        (["FIELDS=bloodmnist"], ""),
    ],
)
def test_sets_and_fields_are_not_confused(settings, message):
    result = make("-n", *settings, "train")
    assert (result.returncode != 0) == bool(message)
    assert re.search(message, result.stderr)


def test_a_field_that_is_none_is_told(tmp_path):
    wrong = [sys.executable, "-m", "training.train", "--set", "bloodmnist", "--artifacts", str(tmp_path)]
    child = subprocess.run(wrong, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 1
    assert "error: --set takes FIELD=VALUE. Received: 'bloodmnist'" in child.stderr


@pytest.mark.slow
def test_digits_go_the_whole_way(tmp_path):
    """Another contest: one channel, 32 pixels, ten classes."""
    settings = [f"ARTIFACTS={tmp_path}", "DATA_FLAGS=--images 600", "FOLDS=3", "HOLDOUT=0.3", "MEMBERS=small_cnn:0:0"]
    result = make("submission", "SET=digits", *settings, "FIELDS=epochs=3 batch_size=32", "SUITES=stain", timeout_s=900)
    assert result.returncode == 0, result.stderr[-3000:]
    score = json.loads((tmp_path / "judge" / "score.json").read_text())
    assert set(score["rows"][-1]["suites"]) == {"clean", "an2dl", "stain"}
    assert json.loads((tmp_path / "data" / "meta.json").read_text())["class_names"] == list("0123456789")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Neutrophil" not in page and "cell" not in re.sub(r"<(style|script).*?</\1>|<[^>]*>", "", page, flags=re.S)
    latest = json.loads((tmp_path / "submissions" / "latest.json").read_text())
    with zipfile.ZipFile(tmp_path / latest["zip"]) as archive:
        assert json.loads(archive.read("manifest.json"))["image_shape"] == [32, 32, 1]
    leaks = make("check-leaks", f"ARTIFACTS={tmp_path}", "SET=digits", *settings[1:], timeout_s=300)
    assert leaks.returncode == 0 and "LEAK" not in leaks.stdout


@pytest.mark.slow
def test_the_whole_way_on_a_file_of_ones_own(tmp_path):
    assert data(["--artifacts", str(tmp_path / "drawn"), "--images", "240", "--size", "32"]) == 0
    drawn = open_image_set(tmp_path / "drawn" / "data", "")
    np.savez(tmp_path / "mine.npz", images=drawn.images, labels=drawn.labels[:, None])
    artifacts = tmp_path / "made"
    settings = [
        f"DATA={tmp_path / 'mine.npz'}",
        f"ARTIFACTS={artifacts}",
        "FOLDS=3",
        "HOLDOUT=0.3",
        "FIELDS=epochs=1 batch_size=24",
    ]
    first = make("submission", *settings, timeout_s=900)
    assert first.returncode == 0, first.stderr[-3000:]
    for step in (
        "train: small_cnn-f0",
        "train: mobilenet_v3_small-f1",
        "predict: ",
        "score: ",
        "forecast of the hidden",
    ):
        assert step in first.stdout
    latest = json.loads((artifacts / "submissions" / "latest.json").read_text())
    packaged = artifacts / latest["zip"]
    assert str(packaged) in first.stdout
    with zipfile.ZipFile(packaged) as archive:
        assert {"model.py", "manifest.json", "kit/predictor.py"} <= set(archive.namelist())
    score = json.loads((artifacts / "judge" / "score.json").read_text())
    assert [row["kind"] for row in score["rows"]] == ["member", "member", "ensemble", "submission"]
    assert (artifacts / "report" / "report.html").stat().st_size > 10_000

    again = make("submission", *settings)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "train:" not in again.stdout + again.stderr  # nothing is done twice
    assert first.stdout.splitlines()[-2:] == again.stdout.splitlines()[-2:]

    other = make("package", *settings[:-1], "FIELDS=epochs=1 batch_size=32", timeout_s=900)
    assert other.returncode == 0, other.stderr[-3000:]
    assert len(list((artifacts / "runs").iterdir())) == 4  # other settings: other runs
    assert packaged.exists()
    assert json.loads((artifacts / "submissions" / "latest.json").read_text())["sha256"] != latest["sha256"]
