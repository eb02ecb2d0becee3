"""Splits, data and arguments that the suites cannot be made of; each error names the place and what mends it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from submission_zips import make_zip, model
from suites_contest import LONG_FIELD, make_contest, run, write_folds

from local_eval.holdout import read_holdout
from local_eval.isolation import choose_isolation
from local_eval.score import score
from local_eval.sheet import main as sheet_main
from local_eval.shifts.suite import suite_names
from local_eval.suites import main as suites_main
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set, write_image_set

ROOT = Path(__file__).parents[1]


@pytest.fixture
def contest(tmp_path):
    make_contest(tmp_path)
    return tmp_path


def changed(column, value, row=0):
    def change(lines):
        lines[row][column] = value
        return lines

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            changed(1, "0" * 40),
            r"folds.csv, line 2: expected id .* for index 0\. .*\(1 of 150 lines differ from the images\)",
        ),
        (changed(2, 2), r"folds.csv, line 2: expected id .* for index 0"),
        (changed(0, 150), r"folds.csv, line 2: expected an index from 0 to 149\. Received: index 150"),
        (changed(0, -150), r"folds.csv, line 2: expected index,id,label,group,part .*Received: '-150,"),
        (changed(0, "x", 3), r"folds.csv, line 5: expected index,id,label,group,part .*Received: 'x,"),
        (lambda lines: [*lines, [1, 2]], r"folds.csv, line 152: expected index,id,label,group,part .*Received: '1,2'"),
        (lambda lines: lines + lines[-1:], r"expected each index once\. Received: 151 lines"),
        (
            changed(3, 10, 11),
            r"expected each group of near-duplicates in one part\. Received: 1 in several.*group \[10\]",
        ),
        (lambda lines: lines[:10], r"expected images in select and in judge\. Received: none in select and judge"),
        (lambda lines: lines[:11], r"Received: none in judge\. Run `python -m training\.split"),
        (lambda lines: [], r"Received: 'index,id,label,group,part' and 0 rows"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, change, message):
    write_folds(tmp_path, change(make_contest(tmp_path)))
    with pytest.raises(KitError, match=message):
        run(tmp_path)
    assert not (tmp_path / "suites").exists()


def test_folds_of_other_data(contest):
    table = (contest / "split" / "folds.csv").read_text()
    make_contest(contest, pixel_seed=1)
    (contest / "split" / "folds.csv").write_text(table)
    with pytest.raises(KitError, match=r"150 of 150 lines differ from the images"):
        read_holdout(contest)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("split/folds.csv", None, r"folds.csv is missing: run `python -m training\.split --artifacts .*` first"),
        ("split/folds.csv", b"id,part\n", r"expected the columns index,id,label,group,part .*Received: 'id,part'"),
        ("split/folds.csv", b"", r"expected the columns index,id,label,group,part .*Received: '' and 0"),
        ("split/folds.csv", b"\xff\xfe\x00", r"folds.csv: expected UTF-8 text"),
        ("split/folds.csv", LONG_FIELD, r"folds.csv: expected lines of cells \(field larger .*training\.split --artif"),
        ("split/folds.csv", b"index,id,label,group,part\n" + LONG_FIELD, r"folds.csv: expected lines of cells"),
        ("data/meta.json", None, r"meta.json is missing: run `"),
        ("data/images.npy", None, r"images.npy is missing: run `"),
    ],
)
def test_files_missing_or_damaged(contest, name, content, message):
    if content is None:
        (contest / name).unlink()
    else:
        (contest / name).write_bytes(content)
    with pytest.raises(KitError, match=message):
        run(contest)


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (suites_main, ["--suite", "clean", "--suite", "typo"], r"expected a suite out of an2dl, .*Received: 'typo'"),
        (sheet_main, ["--suite", "typo"], r"expected a suite out of an2dl, .*Received: 'typo'"),
        (sheet_main, ["--images", "0"], r"expected at least 1\. Received: --images 0"),
        (sheet_main, ["--out", "sheet.txt"], r"expected a name that ends in .*Received: --out sheet\.txt"),
    ],
)
def test_arguments_that_do_not_fit(contest, command, arguments, message):
    with pytest.raises(KitError, match=message):
        command(["--artifacts", str(contest), *arguments])
    assert not (contest / "suites").exists()


def make_ten(folder, shape):
    """Ten images of a single class, two of them in select and in judge."""
    images = np.random.default_rng(0).integers(0, 256, (10, *shape), dtype=np.uint8)
    write_image_set(folder / "data", [(images, np.zeros(10, int))], 10, shape, {"class_names": ["only"]})
    ids = np.load(folder / "data/ids.npy")
    write_folds(folder, [[n, ids[n], 0, n, ("fold0", "fold1", "select", "judge")[n % 4]] for n in range(10)])


@pytest.mark.parametrize("shape", [(28, 28, 3), (17, 40, 1), (130, 96, 3)])
def test_ten_images_of_a_single_class_and_of_any_size_are_enough(tmp_path, shape):
    make_ten(tmp_path, shape)
    run(tmp_path, "--suites", "all")
    for name in suite_names():
        for part in ("select", "judge"):
            made = open_image_set(tmp_path / "suites" / name / part, "")
            assert made.image_shape == shape
            assert len(made) == 2 or name == "prior"


def test_ten_images_of_a_single_class_have_a_sheet_and_a_score(tmp_path):
    make_ten(tmp_path, (20, 20, 3))
    run(tmp_path, "--suites", "stain,clean")
    assert sheet_main(["--artifacts", str(tmp_path), "--suite", "stain", "--images", "2", "--examples", "1"]) == 0
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": model("return np.zeros(len(X), int)")})
    value = score(tmp_path, zip_path, ["stain"], isolation=choose_isolation("none"))
    assert value["rows"][0]["suites"]["stain"]["accuracy"] == 1


MINE = """
import numpy as np
from .operation import Operation, register_operation
from .suite import make_step, register_suite

@register_operation("half")
class Half(Operation):
    def sample(self, rng, severity):
        return {"left": bool(rng.random() < 0.5)}

    def apply(self, image, params):
        result = image.copy()
        middle = image.shape[1] // 2
        result[:, slice(middle) if params["left"] else slice(middle, None)] = 0
        return result

@register_suite("mine", version=1)
def plan(rng, channels):
    return [make_step(rng, "half", 3)]
"""


def test_a_suite_of_ones_own_is_one_more_file(contest, tmp_path):
    """A file beside the others is enough."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "local_eval", copy / "local_eval", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "submission").symlink_to(ROOT / "submission")
    (copy / "local_eval/shifts/mine.py").write_text(MINE)
    words = [sys.executable, "-m", "local_eval.suites", "--artifacts", str(contest), "--suite", "mine"]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("Wrote mine/select (70 images), mine/judge (70 images)"), done.stderr
    made = open_image_set(contest / "suites/mine/judge", "")
    dark = (made.images.reshape(70, 24, 2, 15, 3) == 0).all(axis=(1, 3, 4))
    assert (dark.sum(axis=1) == 1).all() and 10 < dark[:, 0].sum() < 60
