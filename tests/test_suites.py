"""The suites' files: reproducible, disjoint, up to date or made anew."""

import json
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from suites_contest import flip_a_pixel, make_contest, run, write_folds

from local_eval.bundle.contest import read_contest
from local_eval.bundle.settings import Settings
from local_eval.operations_file import read_cells, read_operations
from local_eval.sheet import main as sheet_main
from local_eval.shifts.suite import get_suite, suite_names
from local_eval.suite_folder import check_suite
from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.image_set import open_image_set


@pytest.fixture
def contest(tmp_path):
    make_contest(tmp_path)
    return tmp_path


def test_files_hold_the_altered_holdout_and_say_how(contest, capsys):
    run(contest)
    assert capsys.readouterr().out.count("\n") == 1
    data = open_image_set(contest / "data", "")
    seen = []
    for suite in ("clean", "an2dl"):
        for part, rows in (("select", slice(10, None, 2)), ("judge", slice(11, None, 2))):
            folder = contest / "suites" / suite / part
            made = open_image_set(folder, "")
            np.testing.assert_array_equal(made.ids, data.ids[rows])
            np.testing.assert_array_equal(made.labels, data.labels[rows])
            expected, operations = get_suite(suite).apply(data.images[rows], data.ids[rows], part, 0)
            np.testing.assert_array_equal(made.images, expected)
            assert read_operations(folder / "operations.csv") == dict(zip(data.ids[rows], operations, strict=True))
            assert made.meta["class_names"] == ["a", "b", "c"]
            assert (made.meta["suite"], made.meta["part"], made.meta["seed"]) == (suite, part, 0)
            assert made.meta["version"] == get_suite(suite).version
            assert made.meta["sha256"] == sha256_file(folder / "images.npy")
            assert made.meta["folds_sha256"] == sha256_file(contest / "split" / "folds.csv")
            assert sum(made.meta["images_by_operation_count"].values()) == len(made) == 70
            assert made.meta["images_by_operation"].get("border", 0) == sum("border" in names for names in operations)
            if suite == "clean":
                np.testing.assert_array_equal(made.images, data.images[rows])
            seen.append(set(made.ids))
    assert not seen[0] & seen[1]


def test_the_same_pixels_again_whatever_else_is_in_the_data(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    lines = make_contest(first)
    make_contest(second)
    write_folds(second, lines[::-1][:100])  # fewer lines, other order
    for folder in (first, second):
        run(folder, "--suite", "an2dl")
    one, two = (open_image_set(folder / "suites" / "an2dl" / "judge", "") for folder in (first, second))
    assert 0 < len(two) < len(one)
    rows = [one.ids.tolist().index(image_id) for image_id in two.ids]
    np.testing.assert_array_equal(two.images, one.images[rows])


def test_up_to_date_does_nothing_and_says_so(contest, capsys):
    run(contest)
    before = {path: path.stat().st_mtime_ns for path in (contest / "suites").rglob("*")}
    capsys.readouterr()
    run(contest)
    assert capsys.readouterr().out.startswith("Up to date: clean, an2dl")
    assert {path: path.stat().st_mtime_ns for path in (contest / "suites").rglob("*")} == before


def edit_meta(folder, key, value):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {key: value}))


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_pixel,
        lambda folder: (folder / "images.npy").write_bytes(b""),
        lambda folder: (folder / "labels.npy").unlink(),
        lambda folder: np.save(folder / "labels.npy", np.zeros(70, np.int64)),
        lambda folder: (folder / "operations.csv").unlink(),
        lambda folder: (folder / "operations.csv").write_text("id,operations\n"),
        lambda folder: (folder / "meta.json").write_text("{"),
        lambda folder: edit_meta(folder, "version", 0),
        lambda folder: edit_meta(folder, "seed", 5),
    ],
)
def test_what_is_damaged_or_of_another_version_is_made_anew(contest, damage, capsys):
    run(contest, "--suite", "an2dl")
    folder = contest / "suites" / "an2dl" / "judge"
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    capsys.readouterr()
    run(contest, "--suite", "an2dl")
    assert capsys.readouterr().out.startswith("Wrote an2dl/judge (70 images) under")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == good


def test_another_seed_or_another_split_is_made_anew(tmp_path):
    contest, lines = tmp_path, make_contest(tmp_path)
    run(contest, "--suite", "an2dl")
    folder = contest / "suites" / "an2dl" / "select"
    first = np.load(folder / "images.npy")
    run(contest, "--suite", "an2dl", "--seed", "1")
    assert (np.load(folder / "images.npy") != first).any()
    write_folds(contest, lines[:-2])
    run(contest, "--suite", "an2dl", "--seed", "1")
    assert len(np.load(folder / "images.npy")) == 69


@pytest.mark.parametrize("shape", [(24, 24, 1), (40, 28, 3), (96, 96, 1)])
def test_other_sizes_and_grey_images(tmp_path, shape):
    make_contest(tmp_path, shape, num_images=30)
    run(tmp_path, "--suite", "an2dl", "--suite", "an2dl-harsh", "--suite", "an2dl-mild")
    for suite in ("an2dl", "an2dl-harsh", "an2dl-mild"):
        assert np.load(tmp_path / "suites" / suite / "judge" / "images.npy").shape == (10, *shape)
    assert sheet_main(["--artifacts", str(tmp_path), "--images", "2", "--out", str(tmp_path / "sheet.png")]) == 0


def test_a_failure_leaves_the_old_folder(contest, monkeypatch):
    run(contest, "--suite", "an2dl")
    folder = contest / "suites" / "an2dl" / "select"
    good = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("local_eval.suite_folder.write_operations", fail)
    with pytest.raises(OSError, match="No space left"):
        run(contest, "--suite", "an2dl", "--seed", "3")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == good
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_all_suites_and_names_with_commas(contest, capsys):
    run(contest, "--suites", "all", "--suite", "clean")
    assert {path.name for path in (contest / "suites").iterdir()} == set(suite_names())
    prior = open_image_set(contest / "suites" / "prior" / "judge", "")
    clean = open_image_set(contest / "suites" / "clean" / "judge", "")
    assert len(set(prior.ids.tolist())) == len(prior) < len(clean)
    where = [clean.ids.tolist().index(one) for one in prior.ids]
    np.testing.assert_array_equal(prior.images, clean.images[where])
    np.testing.assert_array_equal(prior.labels, clean.labels[where])
    cells = read_cells(contest / "suites" / "bloodmnist-c" / "judge" / "operations.csv")
    suite = get_suite("bloodmnist-c")
    assert cells == {one: suite.cell(one, 3, "judge", 0) for one in clean.ids.tolist()}
    capsys.readouterr()
    run(contest, "--suites", "stain,clean,stain")
    assert capsys.readouterr().out.startswith("Up to date: stain, clean under")
    assert not list((contest / "suites").glob("**/.*"))


def test_a_table_in_full_has_every_cell_of_every_judge_image(tmp_path, capsys):
    make_contest(contest := tmp_path, num_images=40)
    run(contest, "--suites", "bloodmnist-c")
    run(contest, "--suites", "bloodmnist-c", "--full")
    assert "Wrote bloodmnist-c-full/judge (825 images)" in capsys.readouterr().out
    stored = open_image_set(contest / "suites" / "bloodmnist-c" / "judge", "")
    folder = contest / "suites" / "bloodmnist-c-full" / "judge"
    full = open_image_set(folder, "")
    assert len(full) == len(set(full.ids.tolist())) == 15 * 55
    row = {one: n for n, one in enumerate(full.ids.tolist())}
    cells = read_cells(contest / "suites" / "bloodmnist-c" / "judge" / "operations.csv")
    for image, label, one in zip(stored.images, stored.labels, stored.ids.tolist(), strict=True):
        n = row[f"{one}:{cells[one][0]}:{cells[one][1]}"]
        np.testing.assert_array_equal(full.images[n], image)
        assert full.labels[n] == label
    assert set(read_cells(folder / "operations.csv").values()) == set(get_suite("bloodmnist-c").cells(3))
    assert not (contest / "suites" / "bloodmnist-c-full" / "select").exists()
    run(contest, "--suites", "bloodmnist-c", "--full")
    assert capsys.readouterr().out.startswith("Up to date: bloodmnist-c-full under")
    check_suite(folder, contest)
    flip_a_pixel(folder)
    with pytest.raises(KitError, match=r"was changed since .*Run `.* --suites bloodmnist-c --full`"):
        check_suite(folder, contest)


def test_a_split_that_changed_makes_a_suite_stale(contest):
    run(contest, "--suites", "clean")
    folder = contest / "suites" / "clean" / "judge"
    check_suite(folder, contest)
    with open(contest / "split" / "folds.csv", "a") as file:
        file.write("\n")
    with pytest.raises(KitError, match=r"was written for another split than .*folds.csv: run `.* --suites clean`"):
        check_suite(folder, contest)


def test_what_is_no_table_cannot_be_full_and_a_full_disk_is_told_before(contest, monkeypatch):
    with pytest.raises(KitError, match=r"expected a table of corruptions to write in full.*the suite 'an2dl'"):
        run(contest, "--suites", "an2dl", "--full")
    monkeypatch.setattr("local_eval.suite_folder.shutil.disk_usage", lambda path: SimpleNamespace(free=300 << 20))
    run(contest, "--suites", "clean")
    monkeypatch.setattr("local_eval.suite_folder.shutil.disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    with pytest.raises(KitError, match=r"an2dl/select needs 0 MB and some to spare\. Received: 1 MB free"):
        run(contest, "--suites", "an2dl")


def test_select_and_judge_are_disjoint_halves_with_seeds_of_their_own(contest):
    run(contest, "--suites", "imagenet-c")
    ids = [set(np.load(contest / "suites" / "imagenet-c" / part / "ids.npy").tolist()) for part in ("select", "judge")]
    assert not ids[0] & ids[1] and len(ids[0]) == len(ids[1]) == 70
    suite = get_suite("imagenet-c")
    for name, severity in suite.cells(3):
        one, other = (suite.cell_step((name, severity), "the same", part, 0) for part in ("select", "judge"))
        assert "seed" not in one.params or one.params["seed"] != other.params["seed"]
    cells = [[suite.cell(f"id{n}", 3, part, 0) for n in range(200)] for part in ("select", "judge")]
    assert sum(one == other for one, other in zip(*cells, strict=True)) < 20


def test_a_bundle_leaves_out_tables_in_full(tmp_path):
    make_contest(contest := tmp_path, num_images=16)
    run(contest, "--suites", "clean,imagenet-c-bar")
    run(contest, "--suites", "imagenet-c-bar", "--full")
    assert read_contest(contest, Settings(datetime(2027, 1, 1))).suites == ("imagenet-c-bar", "clean")
