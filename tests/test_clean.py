"""Cleaning: the command, edits by hand, and real cells."""

import csv
import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from clean_pictures import make_set, picture
from PIL import Image

from benchmarks.bench_clean import score_rows
from benchmarks.plant_twins import CHANGES, plant_twins
from submission.kit.errors import KitError
from submission.kit.folds import load_folds
from submission.kit.image_set import open_image_set
from training import clean
from training.cleaning import near, sheet
from training.cleaning.kinds import dropped_kinds, kind_of
from training.cleaning.same_picture import SAME
from training.cleaning.table import read_clean, write_clean
from training.cleaning.verdicts import judge_images
from training.split import main as split

REAL = Path(__file__).parents[2] / "shared" / "data" / "pbc96_train.zip"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"real cells are not here: {REAL}")


@pytest.fixture
def dirty(tmp_path):
    """One of each fault; rows 0, 1 and 2 are sound."""
    a, b, c, d, e = map(picture, range(5))
    images = [a, b, c, a, CHANGES["near_noise"](b, np.random.default_rng(0)), d, d, *[e] * 5, np.zeros_like(a)]
    make_set(tmp_path, images, [0, 1, 2, 0, 1, 0, 1, 0, 1, 2, 0, 1, 0])
    return tmp_path


def run(folder, *arguments):
    return clean.main(["--artifacts", str(folder), *arguments])


def test_command_writes_all_files(dirty, capsys):
    assert run(dirty) == 0
    assert "3 of 13 images kept; dropped: blank 1, exact duplicate 1, near duplicate 1" in capsys.readouterr().out
    assert json.loads((dirty / "clean" / "summary.json").read_text()) == {
        "images": 13,
        "kept": 3,
        "dropped": {
            "blank": 1,
            "exact duplicate": 1,
            "near duplicate": 1,
            "repeated picture": 5,
            "same picture under several labels": 2,
        },
        "reported": {},
        "rules": {
            "repeats": 5,
            "drop": "",
            "embed": "",
            "labels": "",
            "phash_max_bits": near.MAX_BITS,
            "min_similarity": SAME,
        },
    }
    with Image.open(dirty / "clean" / "dropped.png") as picture_sheet:
        assert picture_sheet.width == sheet.COLUMNS * 120 + 8
    assert len(read_clean(dirty / "clean" / "clean.csv", "none")) == 13
    assert sorted(path.name for path in (dirty / "clean").iterdir()) == [
        "clean.csv",
        "dropped.png",
        "findings.csv",
        "gallery.html",
        "made.csv",
        "summary.json",
    ]


def test_edits_by_hand_are_respected_unless_forced(dirty, capsys):
    run(dirty)
    path = dirty / "clean" / "clean.csv"
    edited = path.read_text().replace("1,,0", "0,out of focus,0", 1)
    path.write_text(edited)
    assert run(dirty) == 0
    assert path.read_text() == edited
    assert "up to date: kept as it is (edit keep by hand; --force makes it anew)" in capsys.readouterr().out
    run(dirty, "--force")
    assert path.read_text() != edited
    assert "made anew" in capsys.readouterr().out


def test_other_options_make_it_anew_and_keep_the_edits(dirty, capsys):
    run(dirty)
    path = dirty / "clean" / "clean.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(",1,,0", ",0,out of focus,0")
    lines[4] = lines[4].replace(",0,exact duplicate of 0,", ",1,,")
    path.write_text("\n".join(lines))
    run(dirty, "--repeats", "6")
    told = capsys.readouterr().out
    assert "(made anew, with 2 lines as they were edited by hand)" in told and "by hand 1" in told
    table = read_clean(path, "none")
    assert table.reasons[0] == "out of focus" and not table.keep[0] and table.keep[3]
    assert table.reasons[7] == "same picture under several labels (a, b, c)"  # five are no joke any more
    run(dirty)
    assert "up to date" in capsys.readouterr().out  # options that are left out are those of the last time
    assert json.loads((dirty / "clean" / "summary.json").read_text())["rules"]["repeats"] == 6
    run(dirty, "--repeats", "5")
    assert read_clean(path, "none").reasons[0] == "out of focus"
    (dirty / "clean" / "made.csv").unlink()
    with pytest.raises(KitError, match=r"made.csv is missing, so that edits"):
        run(dirty, "--repeats", "6")


def test_other_images_are_cleaned_anew(dirty, capsys):
    run(dirty)
    path = dirty / "clean" / "clean.csv"
    texts = [path.read_text()]
    for name, seed in (("clean.csv.old", 7), ("clean.csv.old2", 17)):  # an old file is not replaced either
        make_set(dirty, [picture(seed), picture(seed + 1)], [0, 1])
        capsys.readouterr()
        run(dirty, "--dry-run")
        assert not path.with_name(name).exists()
        run(dirty)
        told = f"(made anew: the old one was of other images, it is now {path.with_name(name)}): 2 of 2 images kept"
        assert told in capsys.readouterr().out
        texts.append(path.read_text())
    assert [path.with_name(name).read_text() for name in ("clean.csv.old", "clean.csv.old2")] == texts[:2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], r"line 14 \(index 12\): expected id '\w{40}'\. Received: the end of the table\."),
        (
            lambda lines: [*lines, "13,x,1,,13"],
            r"line 15 \(index 13\): expected the end of.* Received: id 'x'",
        ),
        (
            lambda lines: [*lines[:3], "2,typo,1,,2", *lines[4:]],
            r"line 4 \(index 2\): expected id '\w{40}'\. Received: id 'typo'\.",
        ),
    ],
)
def test_a_slip_of_the_hand_does_not_cost_the_edits(dirty, change, message):
    run(dirty)
    path = dirty / "clean" / "clean.csv"
    lines = path.read_text().replace("1,,0", "0,out of focus,0", 1).splitlines()
    path.write_text("\n".join(change(lines)))
    before = path.read_text()
    with pytest.raises(KitError, match=message) as error:
        run(dirty)
    anew = f"`python -m training.clean --artifacts {dirty} --force`"
    told = f"Correct the line, or move the file away, or make it anew without your edits: {anew}."
    assert str(error.value).endswith(told)
    assert path.read_text() == before
    assert run(dirty, "--force") == 0


def test_damaged_table_is_not_overwritten(dirty):
    run(dirty)
    path = dirty / "clean" / "clean.csv"
    path.write_text("index,id\n")
    with pytest.raises(KitError, match=r"Missing: keep, reason.*--force`"):
        run(dirty)
    assert path.read_text() == "index,id\n"
    assert run(dirty, "--force") == 0


def test_dry_run_writes_nothing(dirty, capsys):
    assert run(dirty, "--dry-run") == 0
    assert capsys.readouterr().out.startswith("dry run, nothing written: 3 of 13 images kept; dropped: blank 1")
    assert not (dirty / "clean").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "1"], "--repeats must be at least 2. Received: 1"),
        (["--drop", "ugly"], "--drop takes look_alike, off_topic.* Received: ugly"),
        (["--labels"], r"no run in .*runs is trained.*make train"),
        (["--labels", "mine"], r"expected trained runs of .*Received: mine. Known: none"),
        (["--embed", "nothing"], "expected a run in .*Received: 'nothing'"),
        (["--embed", "small_cnn:"], "no file after the colon"),
        ([], "run `make data ARTIFACTS=.* first"),
    ],
)
def test_bad_calls(tmp_path, arguments, message):
    if arguments:
        make_set(tmp_path, [picture(0), picture(1)], [0, 1])
    with pytest.raises(KitError, match=message):
        run(tmp_path, *arguments)


def test_copies_of_every_kind_stay_in_one_part_of_the_split(tmp_path):
    """Even those that are kept by hand."""
    rng = np.random.default_rng(0)
    kinds = ["near_shift", "near_jpeg", "mirrored", "turned", "mirrored_jpeg", "exact_duplicate"]
    originals = [picture(seed) for seed in range(48)]
    copies = [CHANGES[kinds[number % len(kinds)]](image, rng) for number, image in enumerate(originals)]
    make_set(tmp_path, [*originals, *copies], np.tile(np.arange(48) % 3, 2))
    run(tmp_path)
    path = tmp_path / "clean" / "clean.csv"
    table = read_clean(path, "none")
    assert table.groups.tolist() == [*range(48), *range(48)] and table.keep.sum() == 48
    write_clean(path, dataclasses.replace(table, keep=np.ones(96, bool)))
    assert split(["--artifacts", str(tmp_path), "--folds", "3", "--holdout", "0.3"]) == 0
    folds = load_folds(tmp_path / "split" / "folds.csv")
    part = dict(zip(folds.index.tolist(), folds.part.tolist(), strict=True))
    assert all(part[row] == part[row + 48] for row in range(48)) and len(set(part.values())) == 5


@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 5, 1), (3, 3, 3), (40, 3, 3)])
def test_sets_of_any_shape(tmp_path, shape, capsys):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(6)]
    make_set(tmp_path, [*images, images[2], np.zeros(shape, np.uint8)], [0] * 8)
    assert run(tmp_path) == 0
    assert "exact duplicate 1" in capsys.readouterr().out


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_but_blank_images(tmp_path, count, capsys):
    make_set(tmp_path, [np.full((8, 8, 3), level, np.uint8) for level in range(count)], [0] * count)
    assert run(tmp_path) == 0
    assert f"0 of {count} images kept; dropped: blank {count}" in capsys.readouterr().out


# Real cells


def real_cells(limit):
    with zipfile.ZipFile(REAL) as archive:
        names = archive.namelist()[:limit]
        images = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]
    return images, [int(name.split("/")[0]) for name in names]


@needs_real
def test_planted_copies_of_real_cells_are_found_and_no_cell_is_lost(tmp_path):
    source = make_set(tmp_path / "source", *real_cells(600), class_names=list("abcdefgh"))
    plant_twins(source, tmp_path, copies=20, seed=0)
    image_set = open_image_set(tmp_path / "data", "none")
    table = judge_images(image_set, repeats=5).table(image_set, dropped_kinds(""))
    with open(tmp_path / "data" / "truth.csv", newline="") as file:
        truth = list(csv.DictReader(file))
    kinds = np.array([row["kind"] for row in truth])
    *planted, (_, dropped, right) = score_rows(
        kinds, np.array([int(row["original_index"]) for row in truth]), ~table.keep
    )
    assert dropped == right
    assert {kind: found for kind, of, found in planted if found < 0.95 * of} == {}
    assert {kind: found for kind, of, found in planted if kind[:4] in ("exac", "joke", "turn") and found < of} == {}


@needs_real
@pytest.mark.slow
def test_of_all_real_cells_only_the_ten_exact_copies_are_dropped(tmp_path):
    images, labels = real_cells(None)
    joke = picture(0, 96)
    image_set = make_set(
        tmp_path, [*images, *[joke] * 1600], [*labels, *np.arange(1600) % 8], class_names=list("abcdefgh")
    )
    table = judge_images(image_set, repeats=5).table(image_set, dropped_kinds(""))
    kinds = [kind_of(reason) for reason, keep in zip(table.reasons, table.keep, strict=True) if not keep]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"exact duplicate": 10, "repeated picture": 1600}
