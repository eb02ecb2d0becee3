"""The bundle that is made: the platform takes it, and no label is where a submission could find it."""

import io
import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import yaml
from codabench_unpacker import unpack_bundle
from PIL import Image
from small_bundle import START, tiny_bundle

from local_eval.bundle.__main__ import main
from local_eval.bundle.build import build_bundle
from local_eval.bundle.check import check_bundle
from local_eval.bundle.settings import Settings, parse_start
from local_eval.limits import Limits
from local_eval.worker import PLATFORMS, run_submission
from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set

SETS = [(phase, part, suite) for phase, part in (("development", "select"), ("final", "judge")) for suite in
        ("an2dl", "clean")]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("bundle")


@pytest.fixture(scope="module")
def bundle(home):
    return tiny_bundle(home)


@pytest.fixture(scope="module")
def contents(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def array(contents, name):
    return np.load(io.BytesIO(contents[name]), allow_pickle=False)


def test_the_platform_takes_it(bundle, tmp_path):
    assert check_bundle(bundle) == []
    created = unpack_bundle(bundle, tmp_path)
    assert [phase["name"] for phase in created.phases] == ["Development", "Final"]
    assert [phase["tasks"] for phase in created.phases] == [[0], [1]]
    for task in created.tasks.values():
        assert tmp_path in task["scoring_program"].parents  # not in a place that all uploads share
        with zipfile.ZipFile(task["scoring_program"]) as archive:
            assert "metadata.yaml" in archive.namelist()


def test_competition_yaml(contents):
    text = contents["competition.yaml"].decode()
    value = yaml.safe_load(text)
    dates = [value["phases"][n][key] for n in (0, 1) for key in ("start", "end")]
    assert dates == ["2030-01-01 00:00:00", "2030-03-01 23:59:59", "2030-03-02 00:00:00", "2030-03-08 23:59:59"]
    assert all(f"'{date}'" in text for date in dates)  # quoted: unquoted they would lose their time of day
    columns = value["leaderboards"][0]["columns"]
    assert [column["key"] for column in columns] == [
        "accuracy_an2dl",
        "accuracy_clean",
        "balanced_accuracy_an2dl",
        "balanced_accuracy_clean",
        "prediction_seconds",
    ]
    assert all(len(column[key]) <= 36 for column in columns for key in ("key", "title"))
    assert [column["sorting"] for column in columns] == ["desc"] * 4 + ["asc"]


@pytest.mark.parametrize(("phase", "part", "suite"), SETS)
def test_hidden_images_are_those_of_the_suite_in_another_order(home, contents, phase, part, suite):
    original = open_image_set(home / "contest/suites" / suite / part, "")
    images, labels = (
        array(contents, f"{phase}/{folder}/{suite}/{name}.npy")
        for folder, name in (("input_data", "images"), ("reference_data", "labels"))
    )
    pairs = sorted(zip((one.tobytes() for one in images), labels.tolist(), strict=True))
    assert pairs == sorted(zip((one.tobytes() for one in original.images), original.labels.tolist(), strict=True))
    assert not np.array_equal(images, original.images)


def test_ids_tell_nothing_and_are_of_one_phase_and_suite_only(home, contents):
    ids = {one: array(contents, f"{one[0]}/input_data/{one[2]}/ids.npy").tolist() for one in SETS}
    for (phase, part, suite), own in ids.items():
        assert own == array(contents, f"{phase}/reference_data/{suite}/ids.npy").tolist()
        assert not set(own) & set(open_image_set(home / "contest/suites" / suite / part, "").ids.tolist())
    assert len({one for own in ids.values() for one in own}) == sum(map(len, ids.values()))


def test_the_two_suites_of_a_phase_are_not_in_the_same_order(contents):
    clean, shifted = (array(contents, f"final/reference_data/{suite}/labels.npy") for suite in ("clean", "an2dl"))
    assert sorted(clean) == sorted(shifted) and not np.array_equal(clean, shifted)


def test_labels_of_hidden_images_are_in_reference_data_only(contents):
    with_labels = {name for name in contents if re.search("label|truth|operations|folds|meta.json", name)}
    references = {f"{phase}/reference_data/{suite}/labels.npy" for phase, _, suite in SETS}
    assert with_labels == references | {"public_data/labels.npy"}
    shown = {image.tobytes() for image in array(contents, "public_data/images.npy")}
    for phase, _, suite in SETS:
        assert not shown & {image.tobytes() for image in array(contents, f"{phase}/input_data/{suite}/images.npy")}


def test_programs_are_the_very_files_that_the_judge_uses(contents):
    from local_eval.judge import PROGRAMS

    for program in ("ingestion_program", "scoring_program"):
        files = {path.name: path.read_bytes() for path in (PROGRAMS / program).iterdir() if path.is_file()}
        for folder in ("", "starting_kit/"):
            start = f"{folder}{program}/"
            assert {name[len(start) :]: data for name, data in contents.items() if name.startswith(start)} == files


def test_pages_are_made_from_the_data(contents):
    pages = {name: contents[f"pages/{name}.md"].decode() for name in ("overview", "evaluation", "data", "terms")}
    assert "(n, 32, 32, 3)" in pages["overview"] and "0 to 7" in pages["overview"]
    assert "2030-03-01 23:59:59" in pages["overview"]
    assert "| 3 | Immature granulocytes |" in pages["data"] and "33 images" in pages["data"]
    assert "accuracy_an2dl" in pages["evaluation"] and "600 seconds" in pages["evaluation"]
    assert all("{{" not in page and "{%" not in page for page in pages.values())
    assert "7. Platelet" in contents["starting_kit/README.md"].decode()
    assert Image.open(io.BytesIO(contents["logo.png"])).size == (256, 256)


def test_same_bytes_again_and_never_overwritten(home, bundle, tmp_path, capsys):
    again = build_bundle(home / "contest", Settings(START), tmp_path / "again.zip")
    assert again.read_bytes() == bundle.read_bytes()
    before = again.stat().st_mtime_ns
    assert build_bundle(home / "contest", Settings(START), again) == again
    assert again.stat().st_mtime_ns == before
    with pytest.raises(KitError, match="new name for the bundle. Received: .*again.zip, which exists and differs"):
        build_bundle(home / "contest", Settings(START, title="Another"), again)
    assert again.read_bytes() == bundle.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.zip"]


def test_the_starting_kit_runs_a_submission(contents, tmp_path):
    for name, data in contents.items():
        if name.startswith(("starting_kit/", "public_data/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    command = [sys.executable, str(tmp_path / "starting_kit/try_it.py")]
    done = subprocess.run([*command, "--data", str(tmp_path / "public_data")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout[done.stdout.index("{") :])
    assert scores["accuracy_an2dl"] > 0.2  # eight classes; the sample is above chance
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.py").write_text("class Model:\n    def predict(self, X):\n        return None\n")
    done = subprocess.run([*command, str(tmp_path / "mine"), "--images", "8"], capture_output=True, text=True)
    assert done.returncode == 1 and "Is a `return` missing?" in done.stderr
    done = subprocess.run([*command, str(tmp_path / "nowhere")], capture_output=True, text=True)
    assert done.returncode == 2 and "expected model.py in" in done.stderr


def test_command(home, tmp_path, capsys):
    out = tmp_path / "my.zip"
    where = ["--artifacts", str(home / "contest"), "--start", "2031-05-01 12:00:00", "--out", str(out)]
    more = ["--suite", "an2dl", "--no-training-data", "--title", "Zellen: groß & klein", "--limit-s", "1200"]
    assert main([*where, *more]) == 0
    assert "open 2031-05-01 12:00:00 to 2031-07-07 11:59:59 UTC" in capsys.readouterr().out
    with zipfile.ZipFile(out) as archive:
        value = yaml.safe_load(archive.read("competition.yaml"))
        assert not [name for name in archive.namelist() if "clean" in name or "public_data" in name]
        assert "told by the organisers" in archive.read("pages/data.md").decode()
    assert value["title"] == "Zellen: groß & klein" and len(value["leaderboards"][0]["columns"]) == 3
    unpack_bundle(out, tmp_path / "platform")
    assert main(["--check", str(out)]) == 0
    told = capsys.readouterr().out
    assert "the public queue stops at 600 s" in told and told.endswith("my.zip: Codabench would accept it\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--artifacts", "nowhere"], "nowhere/data/meta.json is missing: run `make data ARTIFACTS=nowhere` first"),
        (["--start", "tomorrow"], "expected a start in UTC.*Received: 'tomorrow'"),
        (["--start", "2030-02-30"], "expected a start in UTC"),
        (["--start", "9999-12-01"], "before the year 10000"),
        (["--final-days", "0"], "expected final_days to be at least 1. Received: final_days=0"),
        (["--limit-s", "0"], "expected limit_s to be at least 1"),
        (["--suite", "snow"], "snow/select/meta.json is missing: run `python -m local_eval.suites"),
        (["--suite", "../an2dl"], "letters, digits.*Received: '../an2dl'"),
        (["--suite", "an2dl", "--suite", "an2dl"], "expected different suites"),
        (["--title", " "], "would not work:\ntitle: expected a text of 1 to 256 characters. Received: ' '"),
        (["--title", "x" * 257], "title: expected a text of 1 to 256 characters.*\\(257 characters\\)"),
        (["--check", "nowhere.zip"], "expected a bundle at nowhere.zip, which does not exist"),
    ],
)
def test_wrong_arguments(home, bundle, tmp_path, arguments, message):
    where = [] if "--artifacts" in arguments else ["--artifacts", str(home / "contest")]
    with pytest.raises(KitError, match=message):
        main([*where, "--out", str(tmp_path / "new.zip"), *arguments])
    assert not (tmp_path / "new.zip").exists()


def test_start_of_a_day_is_midnight():
    assert parse_start("2030-01-02") == parse_start("2030-01-02 00:00:00")


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("phase", ["development", "final"])
def test_from_bundle_to_scores(bundle, contents, tmp_path, phase, platform):
    """An organiser uploads the bundle; a participant uploads the sample of the starting kit, as it is."""
    created = unpack_bundle(bundle, tmp_path)
    task = next(one for n, one in created.tasks.items() if created.phases[n]["name"].lower() == phase)
    folders = {part: tmp_path / "task" / part for part in task}
    for part, packed in task.items():
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(folders[part])
    (tmp_path / "submission.zip").write_bytes(contents["starting_kit/sample_submission.zip"])
    outcome = run_submission(
        tmp_path / "submission.zip",
        folders["input_data"],
        folders["reference_data"],
        tmp_path / "work",
        Limits(60),
        ingestion_program=folders["ingestion_program"],
        scoring_program=folders["scoring_program"],
        platform=platform,
    )
    assert (outcome.status, outcome.message) == ("Finished", "")
    keys = [column["key"] for column in created.yaml["leaderboards"][0]["columns"]]
    assert all(0 <= outcome.scores[key] <= 1 for key in keys if key != "prediction_seconds")
    assert "prediction_seconds" in outcome.scores  # no column is left with n/a
    with np.load(io.BytesIO(contents["starting_kit/sample_submission/weights.npz"])) as file:
        means, scale = file["means"], file["scale"]
    for suite in ("an2dl", "clean"):
        images = np.load(folders["input_data"] / suite / "images.npy").astype(float)
        cells = images.reshape(-1, 4, 8, 4, 8, 3).mean((2, 4)).reshape(len(images), -1)  # 4 x 4 cells of 8 x 8 pixels
        nearest = (((cells / scale)[:, None] - means) ** 2).sum(-1).argmin(1)
        right = nearest == np.load(folders["reference_data"] / suite / "labels.npy")
        assert outcome.scores[f"accuracy_{suite}"] == pytest.approx(right.mean(), abs=1.5 / len(right))
    assert "Accuracy on an2dl" in (outcome.results_dir / "detailed_results.html").read_text()
