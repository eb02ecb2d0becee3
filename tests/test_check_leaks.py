"""The leak check finds what was planted, and nothing in what the commands make."""

import csv
import json
import shutil

import numpy as np
import pytest
from tiny_contest import make_contest

from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json
from submission.kit.folds import load_folds
from submission.kit.image_set import image_id, open_image_set
from submission.kit.probs_file import Probs, save_probs
from training.check_leaks import find_leaks, main
from training.runs import create_run

RECIPE = {"name": "small_cnn"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Data, split, suites, a run and an ensemble, as the commands leave them; the net is left out."""
    artifacts = make_contest(tmp_path_factory.mktemp("contest"))
    folds = load_folds(artifacts / "split" / "folds.csv")
    data = open_image_set(artifacts / "data", "none")
    config = {
        "recipe": RECIPE,
        "fold": 1,
        "seed": 0,
        "limit": None,
        "steps": None,
        "data": {"folds_sha256": sha256_file(artifacts / "split" / "folds.csv")},
    }
    run = create_run(artifacts / "runs", config)
    run.set_state("predicted")
    write_json(run.path / "metrics.json", {"num_images": len(folds.rows("fold1"))})
    predict(run.path / "probs_oof.npz", data, folds.rows("fold1"))
    predict(run.path / "probs_clean_select.npz", data, folds.rows("select"))
    write_json(artifacts / "ensemble" / "ensemble.json", {"members": [{"run": run.name, "temperature": 1.1}]})
    return artifacts


def predict(path, data, rows):
    k = data.num_classes
    probs = np.full((1, len(rows), k), 1 / k, np.float32)
    save_probs(path, Probs(data.ids[rows], data.labels[rows], probs, ["identity"]))


@pytest.fixture
def contest(sound, tmp_path):
    """A copy to spoil."""
    shutil.copytree(sound, tmp_path / "A")
    return tmp_path / "A"


def leaks_of(artifacts):
    return {check.name: check.leaks for check in find_leaks(artifacts) if check.leaks}


def rewrite_folds(artifacts, change):
    path = artifacts / "split" / "folds.csv"
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def rows_in(artifacts, part):
    folds = load_folds(artifacts / "split" / "folds.csv")
    return folds.index[folds.part == part]


def put(artifacts, source, target, change=lambda image: image, new_id=True):
    """Write image `source`, changed, over image `target`, with an id of its own pixels in data and split."""
    folder = artifacts / "data"
    images = np.load(folder / "images.npy", mmap_mode="r+")
    images[target] = change(np.array(images[source]))
    images.flush()
    ids = np.load(folder / "ids.npy")
    old, new = ids[target], image_id(images[target])
    if new_id:
        ids[target] = new
        np.save(folder / "ids.npy", ids)
        for path in (artifacts / "split" / "folds.csv", artifacts / "clean" / "clean.csv"):
            path.write_text(path.read_text().replace(old, new))


def test_what_the_commands_make_has_no_leak(sound, capsys):
    assert leaks_of(sound) == {}
    assert main(["--artifacts", str(sound)]) == 0
    told = capsys.readouterr().out
    assert "no leak, 12 checks" in told and "LEAK" not in told
    assert told.count("\nok ") == 11  # and one in the first line


def test_a_group_in_two_parts(contest, capsys):
    def change(rows):
        rows[1][3] = next(row[3] for row in rows[2:] if row[4] != rows[1][4])

    rewrite_folds(contest, change)
    found = leaks_of(contest)
    assert "a group of the split lies in one part" in found
    assert found["a group of the split lies in one part"][0].startswith("group ")
    assert main(["--artifacts", str(contest)]) == 1
    told = capsys.readouterr().out
    assert "LEAK  a group of the split" in told and " leaks in " in told


def test_an_image_listed_twice(contest):
    def change(rows):
        other = next(row for row in rows[2:] if row[4] != rows[1][4])
        rows.append([*rows[1][:4], other[4]])

    rewrite_folds(contest, change)
    found = leaks_of(contest)["a group of the split lies in one part"]
    assert any("is listed 2 times" in leak for leak in found) and any("lies in" in leak for leak in found)


def test_equal_pixels_in_fold_and_judge(contest):
    put(contest, rows_in(contest, "judge")[0], rows_in(contest, "fold0")[0])
    found = leaks_of(contest)
    assert "fold0, judge" in found["equal pixels lie in one part"][0]


def test_pixels_changed_behind_their_ids(contest):
    put(contest, rows_in(contest, "judge")[0], rows_in(contest, "fold0")[0], new_id=False)
    found = leaks_of(contest)["equal pixels lie in one part"]
    assert "ids.npy has another id than its pixels" in found[0] and len(found) == 2


@pytest.mark.parametrize(
    "change",
    [lambda image: image[:, ::-1], lambda image: np.clip(image * 1.15, 0, 255).astype(np.uint8)],
    ids=["mirrored", "brightened"],
)
def test_an_altered_copy_in_another_part(contest, change):
    images = np.load(contest / "data" / "images.npy", mmap_mode="r")
    lively = max(rows_in(contest, "select"), key=lambda row: images[row].std())
    put(contest, lively, rows_in(contest, "fold2")[0], change)
    found = leaks_of(contest)
    assert "fold2, select" in found["copies lie in one part"][0] and "equal pixels lie in one part" not in found


def test_split_of_other_images(contest):
    ids = np.load(contest / "data" / "ids.npy")
    ids[rows_in(contest, "fold0")[0]] = "0" * 40
    np.save(contest / "data" / "ids.npy", ids)
    found = leaks_of(contest)
    assert list(found) == ["ids and labels of the split are those of the images"]


def test_an_image_that_clean_csv_drops(contest):
    path = contest / "clean" / "clean.csv"
    row = rows_in(contest, "fold0")[0]
    lines = path.read_text().splitlines()
    lines[row + 1] = lines[row + 1].replace(",1,", ",0,by hand", 1)
    path.write_text("\n".join(lines))
    found = leaks_of(contest)["ids and labels of the split are those of the images"]
    assert found == ["1 images are in the split that clean.csv drops: run `make split` again"]


def run_of(artifacts):
    return next((artifacts / "runs").iterdir())


def data_of(artifacts):
    return open_image_set(artifacts / "data", "none")


HELD = "predictions are of the fold left out, or select"


@pytest.mark.parametrize(
    ("file", "part", "message"),
    [
        ("probs_oof.npz", "fold0", "probs_oof.npz has {n} images that are not of fold1"),
        ("probs_clean_select.npz", "judge", "probs_clean_select.npz has {n} images that are not of select"),
        ("probs_clean_judge.npz", "judge", "has predictions of the part judge, which no step may make"),
    ],
)
def test_predictions_of_what_a_run_may_not_see(contest, file, part, message):
    rows = rows_in(contest, part)
    predict(run_of(contest) / file, data_of(contest), rows)
    assert message.format(n=len(rows)) in leaks_of(contest)[HELD][0]


def test_other_labels_and_damaged_predictions(contest):
    data, run = data_of(contest), run_of(contest)
    data.labels[:] = (data.labels + 1) % data.num_classes
    predict(run / "probs_oof.npz", data, rows_in(contest, "fold1"))
    (run / "probs_an2dl_select.npz").write_bytes(b"no zip")
    found = leaks_of(contest)[HELD]
    assert "cannot be read" in found[0] and "has other labels than folds.csv" in found[1]


def test_a_row_filter_that_judged_the_holdout(contest):
    data, row = data_of(contest), rows_in(contest, "select")[0]
    (run_of(contest) / "dropped_rows.csv").write_text(
        f"index,id,label,reason,score\n{row},{data.ids[row]},0,outliers,0.9\n"
    )
    found = leaks_of(contest)["row filters and balance saw training rows alone"]
    assert "dropped_rows.csv names 1 images that it does not train on" in found[0]


def test_scores_on_other_images_than_the_fold_left_out(contest):
    write_json(run_of(contest) / "metrics.json", {"num_images": 7})
    assert "scored on 7 images" in leaks_of(contest)["a run trains on the folds but its own"][0]


def test_scaling_by_statistics_of_images(contest):
    import h5py

    with h5py.File(run_of(contest) / "best.weights.h5", "w") as file:
        file["layers/normalization/vars/0"] = np.zeros(3)
    found = leaks_of(contest)["scaling uses constants, not statistics of images"]
    assert "Normalization layer, whose statistics come from images" in found[0]


def test_a_member_of_another_split(contest):
    path = run_of(contest) / "config.json"
    config = json.loads(path.read_text())
    config["data"]["folds_sha256"] = "0" * 64
    path.write_text(json.dumps(config))
    checks = {check.name: check for check in find_leaks(contest)}
    found = checks["members and temperatures rest on runs of today's split"].leaks
    assert "trained under another split, it may have seen today's hold-out" in found[0]
    assert "1 of another split are not looked at" in checks["a run trains on the folds but its own"].looked_at


def test_a_member_whose_run_is_gone(contest):
    shutil.rmtree(run_of(contest))
    found = leaks_of(contest)["members and temperatures rest on runs of today's split"]
    assert "run is gone" in found[0]


def rewrite_suite(artifacts, change):
    folder = artifacts / "suites" / "an2dl" / "judge"
    arrays = {name: np.load(folder / f"{name}.npy") for name in ("images", "labels", "ids")}
    change(arrays)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def test_a_suite_with_images_of_a_fold(contest):
    data, rows = data_of(contest), rows_in(contest, "fold0")[:3]

    def change(arrays):
        arrays["images"][:3], arrays["ids"][:3], arrays["labels"][:3] = (
            data.images[rows],
            data.ids[rows],
            data.labels[rows],
        )

    rewrite_suite(contest, change)
    found = leaks_of(contest)
    assert found["suites hold images of their own part alone"] == ["an2dl/judge: 3 images are not of judge: 3 of fold0"]
    assert found["no image of a suite is one that is trained on"] == [
        "an2dl/judge: 3 images are pixel by pixel images of the folds"
    ]
    assert (
        "images.npy was changed after it was written" in found["suites are as they were written, of today's split"][0]
    )


def test_a_suite_with_select_in_judge_and_with_other_labels(contest):
    data, row = data_of(contest), rows_in(contest, "select")[0]

    def change(arrays):
        arrays["ids"][0] = data.ids[row]
        arrays["labels"][1:3] = (arrays["labels"][1:3] + 1) % 8

    rewrite_suite(contest, change)
    found = leaks_of(contest)["suites hold images of their own part alone"]
    assert found == [
        "an2dl/judge: 1 images are not of judge: 1 of select",
        "an2dl/judge: 2 labels are not those of folds.csv",
    ]


def test_a_suite_of_another_split_or_damaged(contest):
    path = contest / "suites" / "clean" / "select" / "meta.json"
    meta = json.loads(path.read_text())
    meta["folds_sha256"] = "0" * 64
    path.write_text(json.dumps(meta))
    (contest / "suites" / "an2dl" / "select" / "labels.npy").unlink()
    found = leaks_of(contest)["suites are as they were written, of today's split"]
    assert any("written for another split" in leak for leak in found) and any("is missing" in leak for leak in found)


def test_without_runs_and_suites_the_split_is_checked(contest, capsys):
    for name in ("runs", "suites", "ensemble"):
        shutil.rmtree(contest / name)
    assert main(["--artifacts", str(contest)]) == 0
    told = capsys.readouterr().out
    assert "no suites yet" in told and "no ensemble yet" in told and "0 runs" in told


def test_nothing_there(tmp_path):
    with pytest.raises(KitError, match="run `make data ARTIFACTS=.* first"):
        find_leaks(tmp_path)
