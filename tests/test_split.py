"""The split: who is where, in whatever order, and the file that says so."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from submission.kit.folds import Folds, format_folds, load_folds
from submission.kit.image_set import ImageSet, open_image_set, write_image_set
from training import split
from training.assign import assign_parts
from training.cleaning.table import CleanTable, write_clean

NAMES = ["one", "two", "three"]


def name_of(number):
    return hashlib.sha1(str(number).encode()).hexdigest()


def make(labels, groups=None, keep=None, ids=None):
    """An image set without images, and its verdicts."""
    n = len(labels)
    ids = np.array([name_of(number) for number in range(n)] if ids is None else ids, np.str_)
    meta = {"class_names": NAMES[: max(labels) + 1]}
    image_set = ImageSet(np.empty((n, 0)), np.array(labels, np.int64), ids, meta)
    groups = np.arange(n) if groups is None else np.array(groups, np.int64)
    return image_set, CleanTable(ids, np.ones(n, bool) if keep is None else np.array(keep, bool), [""] * n, groups)


def part_by_id(folds):
    return dict(zip(folds.id.tolist(), folds.part.tolist(), strict=True))


# Assignment

crowds = st.builds(
    lambda counts, sizes: [(label, sizes[n % len(sizes)]) for label, count in enumerate(counts) for n in range(count)],
    st.lists(st.integers(7, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
)
"""Groups of 1-4 images of one label each: at least 7 of every class."""


@settings(max_examples=60, deadline=None)
@given(crowds, st.integers(2, 5), st.floats(0.05, 0.6), st.integers(0, 3), st.randoms(use_true_random=False))
def test_split_is_a_stratified_partition_by_group_in_any_order(crowd, num_folds, holdout, seed, random):
    labels = [label for label, size in crowd for _ in range(size)]
    groups = [group for group, (_, size) in enumerate(crowd) for _ in range(size)]
    keep = [number % 11 != 10 or crowd[group][1] == 1 for number, group in enumerate(groups)]
    image_set, clean = make(labels, groups, keep)
    folds = split.split_images(image_set, clean, num_folds, holdout, seed)

    assert folds.index.tolist() == np.flatnonzero(keep).tolist()  # each kept image once
    assert folds.id.tolist() == image_set.ids[folds.index].tolist()
    assert folds.label.tolist() == image_set.labels[folds.index].tolist()
    assert len(set(zip(folds.group.tolist(), folds.part.tolist(), strict=True))) == len(set(folds.group.tolist()))

    parts = [f"fold{fold}" for fold in range(num_folds)] + ["select", "judge"]
    shares = dict.fromkeys(parts, (1 - holdout) / num_folds) | dict.fromkeys(["select", "judge"], holdout / 2)
    largest = max(size for _, size in crowd)
    for label in set(labels):
        total = (folds.label == label).sum()
        for part in parts:
            count = ((folds.label == label) & (folds.part == part)).sum()
            assert count >= 1
            # a part that had to have one at least takes it from the others: never more than a group each
            assert abs(count - total * shares[part]) <= 2 * largest

    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = make(
        [labels[n] for n in order], [groups[n] for n in order], [keep[n] for n in order], image_set.ids[order]
    )
    assert part_by_id(split.split_images(*shuffled, num_folds, holdout, seed)) == part_by_id(folds)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(30, 120), min_size=1, max_size=3), st.integers(2, 6), st.floats(0.1, 0.5), st.integers(0, 9)
)
def test_single_images_get_their_share_to_the_image(counts, num_folds, holdout, seed):
    shares = np.array([(1 - holdout) / num_folds] * num_folds + [holdout / 2] * 2)
    labels = np.repeat(np.arange(len(counts)), counts)
    ids = np.array([name_of(number) for number in range(len(labels))])
    part = assign_parts(ids, labels, np.arange(len(labels)), shares, len(counts), seed)
    for label, count in enumerate(counts):
        held = np.bincount(part[labels == label], minlength=len(shares))
        assert (np.abs(held - count * shares) < 1 + 1e-6).all()


def test_odd_images_do_not_all_go_to_one_part():
    image_set, clean = make([0] * 13 + [1] * 13 + [2] * 13)
    folds = split.split_images(image_set, clean, 10, 0.15, 0)
    assert max(np.unique(folds.part, return_counts=True)[1]) < 6  # 3 each, and 3 odd ones


def test_seeds_give_different_splits_and_zero_is_a_seed():
    data = make([0] * 40 + [1] * 40)
    splits = [part_by_id(split.split_images(*data, 3, 0.2, seed)) for seed in (0, 1, 0)]
    assert splits[0] == splits[2] != splits[1]


def test_twins_kept_by_hand_stay_together():
    """Both copies kept: equal ids join groups that the table has apart, and groups join further."""
    ids = [name_of(number) for number in range(30)]
    ids[7] = ids[3]
    groups = list(range(30))
    groups[12] = 7
    folds = split.split_images(*make([0] * 30, groups, ids=ids), 2, 0.2, 0)
    assert len({folds.part[row] for row in (3, 7, 12)}) == 1
    assert folds.group[[3, 7, 12]].tolist() == [3, 3, 3]
    assert len(folds) == 30


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (
            [0] * 12 + [1] * 5 + [2] * 3,
            (2, 0.2),
            r"at least 4 different pictures.*Received: three 3\. Keep more images",
        ),
        ([0] * 12 + [1] * 11 + [2] * 9, (10, 0.2), r"Received: two 11, three 9\. Run it with --folds 7\."),
        ([0] * 12 + [2] * 12, (3, 0.2), r"Received: two 0\."),
        ([0] * 12, (1, 0.2), "--folds must be at least 2. Received: 1"),
        ([0] * 12, (2, 0.0), "--holdout must lie between 0 and 1. Received: 0.0"),
        ([0] * 12, (2, float("nan")), "--holdout must lie between 0 and 1. Received: nan"),
        ([0] * 12, (2, 15.0), "Received: 15.0"),
    ],
)
def test_bad_splits(labels, options, message):
    with pytest.raises(KitError, match=message):
        split.split_images(*make(labels), *options, seed=0)


def test_groups_count_as_one_picture():
    with pytest.raises(KitError, match="Received: one 3"):
        split.split_images(*make([0] * 12, [0, 1, 2] * 4), 2, 0.2, 0)


def test_nothing_kept():
    with pytest.raises(KitError, match="Received: one 0"):
        split.split_images(*make([0] * 12, keep=[0] * 12), 2, 0.2, 0)


# The file


@pytest.fixture
def folds_file(tmp_path):
    text = "index,id,label,group,part\n0,a,0,0,fold0\n2,b,1,2,fold1\n3,c,0,2,fold1\n5,d,1,5,select\n9,e,0,9,judge\n"
    (tmp_path / "folds.csv").write_text(text)
    return tmp_path / "folds.csv"


def test_load_folds_by_hand(folds_file):
    folds = load_folds(folds_file)
    assert folds.index.dtype == folds.label.dtype == folds.group.dtype == np.int64
    assert folds.index.tolist() == [0, 2, 3, 5, 9] and folds.id.tolist() == list("abcde")
    assert folds.label.tolist() == [0, 1, 0, 1, 0] and folds.group.tolist() == [0, 2, 2, 5, 9]
    assert folds.num_folds == 2
    assert folds.rows("fold1").tolist() == [2, 3]
    with pytest.raises(KitError, match="may not see the part judge"):
        folds.rows("judge")
    assert folds.training_rows(0).tolist() == [2, 3] and folds.training_rows(1).tolist() == [0]
    assert format_folds(folds) == folds_file.read_text()


def test_unknown_parts_name_the_known(folds_file):
    folds = load_folds(folds_file)
    with pytest.raises(KitError, match=r"fold0, fold1, select, judge. Received: 'test'"):
        folds.rows("test")
    with pytest.raises(KitError, match="Received: 'fold2'"):
        folds.training_rows(2)


def test_training_rows_tell_fold_1_from_fold_10():
    n = 11
    part = np.array([f"fold{fold}" for fold in range(n)])
    folds = Folds(np.arange(n), part, np.zeros(n, np.int64), np.arange(n), part)
    assert folds.num_folds == 11
    assert folds.training_rows(1).tolist() == [0, *range(2, 11)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns index,id,label,group,part"),
        ("index,id,label,part\n0,a,0,fold0\n", "Received: 'index,id,label,part' and 1 rows"),
        ("index,id,label,group,part\n", "and 0 rows"),
        ("index,id,label,group,part\n0,a,0,0,fold0\n1,b,0,0,train\n", "line 3: .*Received: '1,b,0,0,train'"),
        ("index,id,label,group,part\n0,a,0,0,fold01\n", "line 2"),
        (
            'index,id,label,group,part\n0,"a,0,0,fold0\n' + "1,b,0,0,fold1\n" * 10_000,
            "expected lines of cells",
        ),
        ("index,id,label,group,part\n0,a,x,0,fold0\n", "whole numbers"),
        ("index,id,label,group,part\n0,a,0\n", "Received: '0,a,0'"),
        ("index,id,label,group,part\n0,a,0,99999999999999999999,fold0\n", "whole numbers"),
    ],
)
def test_bad_folds(folds_file, text, message):
    folds_file.write_text(text)
    with pytest.raises(KitError, match=message) as error:
        load_folds(folds_file)
    assert f"run `python -m training.split --artifacts {folds_file.parent.parent}`" in str(error.value)


def test_folds_missing_or_not_text(folds_file):
    folds_file.write_bytes(b"\xff\xfe")
    with pytest.raises(KitError, match="expected UTF-8 text"):
        load_folds(folds_file)
    folds_file.unlink()
    with pytest.raises(KitError, match=r"is missing: run `python -m training.split --artifacts \S+` first"):
        load_folds(folds_file)


def test_check_of_the_images_it_was_made_of():
    image_set, clean = make([0, 1] * 20, keep=[number % 7 != 3 for number in range(40)])
    split.split_images(image_set, clean, 2, 0.2, 0).check_of(image_set, "none")


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("id", 2, "other", r"line 4: expected id 'c' and label 0 for index 2\. Received: index 2, id 'other', label 0"),
        ("label", 1, 0, r"line 3: expected id 'b' and label 1 for index 1\. Received: index 1, id 'b', label 0 \(1 of"),
        ("index", 3, 2, r"line 5: expected id 'c' and label 0 for index 2\. Received: index 2, id 'd', label 1"),
        ("index", 3, 4, r"line 5: expected an index from 0 to 3\. Received: index 4, id 'd', label 1"),
        ("index", 0, -4, r"line 2: expected an index from 0 to 3\. Received: index -4"),
    ],
)
def test_check_of_other_images(column, row, value, message):
    image_set, _ = make([0, 1, 0, 1], ids=list("abcd"))
    columns = {
        "index": np.arange(4),
        "id": np.array(list("abcd"), dtype="<U9"),
        "label": image_set.labels.copy(),
        "group": np.arange(4),
        "part": np.array(["fold0", "fold1", "select", "judge"]),
    }
    columns[column][row] = value
    with pytest.raises(KitError, match=f"^folds.csv, {message}.*Run `mend it`"):
        Folds(**columns).check_of(image_set, "mend it")


def test_check_of_names_the_first_of_many_lines():
    image_set, _ = make([0, 1, 0, 1], ids=list("abcd"))
    part = np.array(["fold0", "fold1", "select", "judge"])
    folds = Folds(np.arange(4), np.array(list("axyz")), image_set.labels, np.arange(4), part)
    with pytest.raises(KitError, match=r"line 3: expected id 'b'.*\(3 of 4 lines differ from the images\)"):
        folds.check_of(image_set, "none")


# Command


@pytest.fixture
def cleaned(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 2
    write_image_set(tmp_path / "data", [(images, labels)], 40, (8, 8, 3), {"class_names": ["a", "b"]})
    ids = open_image_set(tmp_path / "data", "none").ids
    keep = np.arange(40) != 3
    write_clean(tmp_path / "clean" / "clean.csv", CleanTable(ids, keep, [""] * 40, np.arange(40)))
    return tmp_path


def run(folder, *arguments):
    return split.main(["--artifacts", str(folder), "--folds", "3", *arguments])


def test_command_writes_what_load_folds_reads(cleaned, capsys):
    assert run(cleaned, "--seed", "5") == 0
    out = capsys.readouterr().out
    assert "folds.csv (new): 39 images, 3 folds of about 11, select" in out and out.count("\n") == 1
    path = cleaned / "split" / "folds.csv"
    folds = load_folds(path)
    assert len(folds) == 39 and 3 not in folds.index
    facts = json.loads((cleaned / "split" / "folds.json").read_text())
    assert (facts["folds"], facts["holdout"], facts["seed"]) == (3, 0.15, 5)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sum(facts["images"].values()) == 39


def test_command_rewrites_only_what_changed(cleaned, capsys):
    run(cleaned)
    path = cleaned / "split" / "folds.csv"
    before = path.stat().st_mtime_ns, path.read_text()
    run(cleaned)
    assert "(up to date)" in capsys.readouterr().out
    assert (path.stat().st_mtime_ns, path.read_text()) == before
    run(cleaned, "--seed", "1")
    assert "(replaced)" in capsys.readouterr().out
    assert path.read_text() != before[1]
    (cleaned / "split" / "folds.json").write_text("{")
    run(cleaned)
    assert path.read_text() == before[1]
    assert json.loads((cleaned / "split" / "folds.json").read_text())["seed"] == 0


def test_command_follows_edits_of_clean_csv(cleaned, capsys):
    run(cleaned)
    clean_csv = cleaned / "clean" / "clean.csv"
    lines = clean_csv.read_text().splitlines()
    lines[4] = lines[4].replace(",0,,", ",1,,")  # row 3 is kept after all
    clean_csv.write_text("\n".join(lines))
    run(cleaned)
    assert "(replaced): 40 images" in capsys.readouterr().out


def test_command_before_its_inputs(tmp_path, cleaned):
    with pytest.raises(KitError, match=r"run `make data ARTIFACTS=\S+nowhere` first"):
        run(tmp_path / "nowhere")
    (cleaned / "clean" / "clean.csv").unlink()
    with pytest.raises(KitError, match=r"run `python -m training.clean --artifacts .*` first"):
        run(cleaned)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], r"line 41 \(index 39\): expected id '\w{40}'\. Received: the end of the table"),
        (lambda lines: [*lines, "40,more,1,,40"], r"line 42 \(index 40\): expected the end of .* Received: id 'more'"),
        (lambda lines: [*lines[:3], "2,typo,1,,2", *lines[4:]], r"line 4 \(index 2\): .*Received: id 'typo'"),
    ],
)
def test_command_names_the_line_where_clean_csv_is_of_other_images(cleaned, change, message):
    path = cleaned / "clean" / "clean.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(KitError, match=rf"clean\.csv, {message}.*Mend that line") as error:
        run(cleaned)
    assert f"run `python -m training.clean --artifacts {cleaned}`" in str(error.value)
    assert "--force" not in str(error.value)  # it would lose the edits
    assert not (cleaned / "split").exists()
