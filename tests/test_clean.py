"""Cleaning: every rule alone, all together, the table, and the command."""

import csv
import io
import json
import zipfile
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from training.cleaning.phash import phash64

from benchmarks.bench_clean import score_rows
from benchmarks.plant_twins import CHANGES, plant_twins
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set, write_image_set
from training import clean
from training.cleaning import hamming, near, sheet
from training.cleaning.fingerprint import PASS, fingerprint, scores
from training.cleaning.grey import grey_image
from training.cleaning.invalid import invalid_reason
from training.cleaning.near import near_groups
from training.cleaning.same_picture import SAME, detail_of, similarity
from training.cleaning.table import CleanTable, read_clean, write_clean
from training.cleaning.verdicts import judge_images, kind_of

REAL = Path(__file__).parents[2] / "shared" / "data" / "pbc96_train.zip"
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"real cells are not here: {REAL}")

NEAR = [kind for kind in CHANGES if kind.startswith("near")]


def picture(seed, size=64, channels=3):
    """A random texture, uint8 (size, size, channels)."""
    rng = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(rng.normal(size=(size, size, channels)), (1.5, 1.5, 0))
    coarse = ndimage.gaussian_filter(rng.normal(size=(size, size, 1)), (7, 7, 0))
    return np.clip(128 + 110 * fine + 500 * coarse, 0, 255).astype(np.uint8)


def make_set(folder, images, labels, class_names=("a", "b", "c")):
    images = np.stack(images)
    batches = [(images, np.array(labels))]
    write_image_set(folder / "data", batches, len(images), images.shape[1:], {"class_names": list(class_names)})
    return open_image_set(folder / "data", "none")


@pytest.fixture
def dirty(tmp_path):
    """One of each fault; rows 0, 1 and 2 are sound."""
    a, b, c, d, e = map(picture, range(5))
    images = [a, b, c, a, CHANGES["near_noise"](b, np.random.default_rng(0)), d, d, *[e] * 5, np.zeros_like(a)]
    make_set(tmp_path, images, [0, 1, 2, 0, 1, 0, 1, 0, 1, 2, 0, 1, 0])
    return tmp_path


# Rules


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((8, 8, 3), np.uint8), "blank (one colour)"),
        (np.tile(np.uint8([255, 0, 9]), (8, 8, 1)), "blank (one colour)"),
        (np.full((8, 8, 1), 255, np.uint8), "blank (one colour)"),
        (np.random.default_rng(0).integers(100, 105, (32, 32, 3), np.uint8), "blank (almost one colour)"),
        (picture(0), ""),
        (picture(0, channels=1), ""),
        (np.stack([picture(0)[..., 0], *[np.zeros((64, 64), np.uint8)] * 2], -1), ""),  # content in one channel
    ],
)
def test_invalid_reason(image, reason):
    assert invalid_reason(image) == reason


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40), st.booleans())
def test_count_bits_is_that_of_python(values, with_table):
    words = np.array(values, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        if with_table:  # numpy 1 has no bitwise_count
            patch.delattr(np, "bitwise_count", raising=False)
        assert hamming.count_bits(words).tolist() == [value.bit_count() for value in values]
        assert hamming.count_bits(words[None, :, None]).shape == (1, len(values), 1)


@given(st.lists(st.integers(0, 255), max_size=30), st.integers(0, 8), st.integers(1, 7))
def test_close_rows_finds_what_two_loops_find(values, max_bits, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "BLOCK", block)
        found = [
            (row, int(other))
            for row, later in hamming.close_rows(np.array(values, np.uint64), max_bits)
            for other in later
        ]
    pairs = [(i, j) for i in range(len(values)) for j in range(i + 1, len(values))]
    assert found == [(i, j) for i, j in pairs if (values[i] ^ values[j]).bit_count() <= max_bits]


def test_phash64_is_imagehash_without_border():
    grey = grey_image(picture(3, size=96))
    bits = imagehash.phash(grey.crop((4, 4, 92, 92))).hash.ravel()
    assert np.unpackbits(np.array([phash64(grey)]).view(np.uint8)).tolist() == bits.tolist()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_image_of_any_channels(channels):
    image = np.repeat(picture(0, channels=1), channels, axis=-1)
    grey = grey_image(image)
    assert grey.mode == "L"
    assert np.abs(np.asarray(grey).astype(int) - image[..., 0]).max() <= 1


def test_fingerprint_scores_by_hand():
    one, other = fingerprint(grey_image(picture(0))), fingerprint(grey_image(picture(1)))
    assert scores(one, np.stack([one])) == pytest.approx([1], abs=1e-5)
    expected = max(
        np.corrcoef(one[y : y + 30, x : x + 30].ravel(), other[1:-1, 1:-1].ravel())[0, 1]
        for y in range(3)
        for x in range(3)
    )
    assert scores(one, np.stack([other])) == pytest.approx([expected], abs=1e-5)
    assert scores(one, np.empty((0, 32, 32), np.float32)).shape == (0,)


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-8, 8), (-1, 0)])
def test_similarity_registers_a_shift(shift):
    large = picture(0, size=120)
    window = np.ascontiguousarray(large[12 + shift[0] :, 12 + shift[1] :][:96, :96])
    score = similarity(detail_of(grey_image(large[12:108, 12:108])), detail_of(grey_image(window)))
    assert score > 0.97


@pytest.mark.parametrize("size", [48, 64, 96, 150])
@pytest.mark.parametrize("kind", NEAR)
def test_twins_pass_and_strangers_do_not(kind, size):
    rng = np.random.default_rng(0)
    for seed in range(4):
        image = picture(seed, size)
        one, twin, stranger = map(grey_image, (image, CHANGES[kind](image, rng), picture(seed + 100, size)))
        assert similarity(detail_of(one), detail_of(twin)) >= SAME
        assert similarity(detail_of(one), detail_of(stranger)) < SAME - 0.1
        if size > 48:  # there, a shift by 2 pixels is more than the sieve is made for
            assert scores(fingerprint(one), fingerprint(twin)[None])[0] >= PASS


def test_near_groups_are_transitive_and_name_the_first():
    rng = np.random.default_rng(0)
    first = picture(0, 96)
    second = CHANGES["near_shift"](first, rng)
    third = CHANGES["near_noise"](second, rng)
    images = np.stack([picture(1, 96), third, picture(2, 96), first, second])
    assert near_groups(images, np.array([0, 1, 2, 3, 4])).tolist() == [0, 1, 2, 1, 1]
    assert near_groups(images, np.array([0, 2, 3, 4])).tolist() == [0, 1, 2, 2]  # positions in rows, not rows
    assert near_groups(images, np.array([], np.int64)).tolist() == []


def test_many_copies_are_compared_once_each(monkeypatch):
    calls = []
    monkeypatch.setattr(near, "similarity", lambda one, other: calls.append(1) or similarity(one, other))
    rng = np.random.default_rng(0)
    images = np.stack([CHANGES["near_noise"](picture(0), rng) for _ in range(40)])
    assert not near_groups(images, np.arange(40)).any()
    assert len(calls) == 39


# Verdicts


def test_verdicts_of_each_kind(dirty):
    table = judge_images(open_image_set(dirty / "data", "none"), repeats=5)
    assert table.reasons == [
        *[""] * 3,
        "exact duplicate of 0",
        "near duplicate of 1",
        *["same picture under several labels (a, b)"] * 2,
        *["repeated picture (5 times)"] * 5,
        "blank (one colour)",
    ]
    assert table.keep.tolist() == [True] * 3 + [False] * 10
    assert table.groups.tolist() == [0, 1, 2, 0, 1, 5, 5, 7, 7, 7, 7, 7, 12]


def test_repeats_counts_near_copies_too(tmp_path):
    rng = np.random.default_rng(0)
    copies = [CHANGES["near_jpeg"](picture(0), rng) for _ in range(3)]
    image_set = make_set(tmp_path, [*copies, copies[1], picture(1)], [0, 0, 0, 0, 1])
    assert judge_images(image_set, repeats=4).reasons == ["repeated picture (4 times)"] * 4 + [""]
    assert judge_images(image_set, repeats=5).keep.tolist() == [True, False, False, False, True]


def test_kind_of_a_reason_written_by_hand():
    assert kind_of("out of focus") == "by hand"
    assert kind_of("blank (one colour)") == "blank"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=25))
def test_exactly_one_stays_of_each_sound_picture(tmp_path_factory, rows):
    pictures = [picture(seed, 32) for seed in range(6)]
    folder = tmp_path_factory.mktemp("set")
    table = judge_images(make_set(folder, [pictures[p] for p, _ in rows], [label for _, label in rows]), repeats=4)
    for number in range(6):
        same = [index for index, (p, _) in enumerate(rows) if p == number]
        sound = 0 < len(same) < 4 and len({rows[index][1] for index in same}) == 1
        assert table.keep[same].tolist() == [sound and index == same[0] for index in same]
        assert (table.groups[same] == min(same, default=0)).all()


# Table


def test_table_round_trip_and_spreadsheet_edits(tmp_path):
    path = tmp_path / "clean.csv"
    table = CleanTable(np.array(["x", "y"]), np.array([True, False]), ["", 'a, "b"'], np.array([0, 0]))
    write_clean(path, table)
    assert path.read_text().splitlines() == ["index,id,keep,reason,group", "0,x,1,,0", '1,y,0,"a, ""b""",0']
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    again = read_clean(path, "none")
    assert again.ids.tolist() == ["x", "y"] and again.keep.tolist() == [True, False]
    assert again.reasons == table.reasons and again.groups.tolist() == [0, 0]


def test_table_without_groups(tmp_path):
    (tmp_path / "clean.csv").write_text("index,id,keep,reason\n0,x,1,\n1,y,1,\n")
    assert read_clean(tmp_path / "clean.csv", "none").groups.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Missing: index, id, keep, reason"),
        ("index;id;keep;reason\n", "separated by commas"),
        ("index,id,keep\n", "Missing: reason"),
        ("index,id,keep,reason,group\n0,x,yes,,0\n", r"line 2: .*keep 0 or 1.*keep='yes'"),
        ("index,id,keep,reason,group\n0,x,1,,0\n2,y,1,,0\n", r"line 3: expected index 1.*index='2'"),
        ("index,id,keep,reason,group\n0,,1,,0\n", "an id"),
        ("index,id,keep,reason,group\n0\n", "keep=None"),
        ('index,id,keep,reason,group\n0,x,1,,0\n1,y,0,"out of focus,1\n2,z,1,,2\n', "line 3: .*every quote closed"),
        ('index,id,keep,reason,group\n0,x,0,"' + "y,\n" * 50_000, "line 2: .*every quote closed.*larger than"),
        ('"' + "y,\n" * 50_000, "line 1: .*every quote closed"),
        ("index,id,keep,reason,group\n0,x,1,,-1\n", "group='-1'"),
        ("index,id,keep,reason,group\n0,x,1,,99999999999999999999\n", "whole number as group"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    (tmp_path / "clean.csv").write_text(text)
    with pytest.raises(KitError, match=message) as error:
        read_clean(tmp_path / "clean.csv", "mend it")
    assert "run `mend it`" in str(error.value)


def test_table_missing_or_not_text(tmp_path):
    with pytest.raises(KitError, match="is missing: run `mend it` first"):
        read_clean(tmp_path / "clean.csv", "mend it")
    (tmp_path / "clean.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KitError, match="expected UTF-8 text"):
        read_clean(tmp_path / "clean.csv", "mend it")


# Command


def run(folder, *arguments):
    return clean.main(["--artifacts", str(folder), *arguments])


def test_command_writes_all_three_files(dirty, capsys):
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
        "rules": {"repeats": 5, "phash_max_bits": near.MAX_BITS, "min_similarity": SAME},
    }
    with Image.open(dirty / "clean" / "dropped.png") as picture_sheet:
        assert picture_sheet.width == sheet.COLUMNS * 120 + 8
    assert len(read_clean(dirty / "clean" / "clean.csv", "none")) == 13


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
    [(["--repeats", "1"], "--repeats must be at least 2. Received: 1"), ([], "run `make data ARTIFACTS=.* first")],
)
def test_bad_calls(tmp_path, arguments, message):
    with pytest.raises(KitError, match=message):
        run(tmp_path, *arguments)


def test_sheet_of_many_grey_pictures_and_of_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "MAX_PICTURES", 3)
    image_set = make_set(tmp_path, [picture(seed, 24, 1) for seed in range(5)], [0] * 5)
    blank = CleanTable(image_set.ids, np.zeros(5, bool), ["blank (one colour)"] * 5, np.arange(5))
    sheet.write_sheet(tmp_path / "many.png", image_set, blank)
    none = CleanTable(image_set.ids, np.ones(5, bool), [""] * 5, np.arange(5))
    sheet.write_sheet(tmp_path / "none.png", image_set, none)
    with Image.open(tmp_path / "many.png") as many, Image.open(tmp_path / "none.png") as empty:
        assert many.height > sheet.TILE > empty.height
        row = np.asarray(many)[60]
        assert (row[3 * 120 + 20 :] == 255).all() and not (row[2 * 120 + 20] == 255).all()


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
    table = judge_images(open_image_set(tmp_path / "data", "none"), repeats=5)
    with open(tmp_path / "data" / "truth.csv", newline="") as file:
        truth = list(csv.DictReader(file))
    kinds = np.array([row["kind"] for row in truth])
    *planted, (_, dropped, right) = score_rows(
        kinds, np.array([int(row["original_index"]) for row in truth]), ~table.keep
    )
    assert dropped == right
    assert {kind: found for kind, of, found in planted if found < 0.95 * of} == {}
    assert {kind: found for kind, of, found in planted if "near" not in kind and found < of} == {}


@needs_real
@pytest.mark.slow
def test_of_all_real_cells_only_the_ten_exact_copies_are_dropped(tmp_path):
    images, labels = real_cells(None)
    joke = picture(0, 96)
    image_set = make_set(
        tmp_path, [*images, *[joke] * 1600], [*labels, *np.arange(1600) % 8], class_names=list("abcdefgh")
    )
    table = judge_images(image_set, repeats=5)
    kinds = [kind_of(reason) for reason, keep in zip(table.reasons, table.keep, strict=True) if not keep]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"exact duplicate": 10, "repeated picture": 1600}


def test_score_rows_by_hand():
    kinds = np.array(["cell", "cell", "cell", "exact_duplicate", "near_duplicate", "joke_a"])
    originals = np.array([0, 1, 2, 0, 1, 5])
    dropped = np.array([True, False, True, False, False, True])
    assert score_rows(kinds, originals, dropped) == [
        ("exact_duplicate", 1, 1),  # its original went
        ("near_duplicate", 1, 0),
        ("joke_a", 1, 1),
        ("precision", 3, 2),  # row 2 is an innocent cell
    ]
