"""`python -m local_eval.run`: what is kept, what the ledger says, and how a failure ends."""

import json
from pathlib import Path

import numpy as np
import pytest
from submission_zips import CLASSES, GOOD, SHAPE, make_zip, model, tiny_images, tiny_set

from local_eval.case import make_case, spread_rows, unique_ids
from local_eval.images_fingerprint import images_fingerprint
from local_eval.ledger import read_records
from local_eval.run import judge_zip, main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json
from submission.kit.image_set import open_image_set, write_image_set


@pytest.fixture
def artifacts(tmp_path):
    for suite, seed in (("clean", 0), ("an2dl", 1)):
        tiny_set(tmp_path / "A/suites" / suite / "judge", seed=seed)
    return tmp_path / "A"


def outcome_of(folder: Path) -> dict:
    return json.loads((folder / "outcome.json").read_text())


def test_both_suites_are_judged_kept_and_recorded(artifacts, capsys):
    zip_path = make_zip(artifacts / "good.zip", {"model.py": GOOD})
    assert main([str(zip_path), "--artifacts", str(artifacts)]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "(1.25 on 12 images, 1.27 on 12 images with the predictions of 1.25; start-up " in out
    home = artifacts / "judge" / sha256_file(zip_path)[:8]
    assert sorted(path.name for path in home.iterdir()) == ["an2dl-judge", "clean-judge"]
    kept = {str(path.relative_to(home / "clean-judge")) for path in (home / "clean-judge").rglob("*") if path.is_file()}
    logs = ("prediction_ingestion_stdout", "prediction_ingestion_stderr", "scoring_stdout", "scoring_stderr")
    files = (
        "outcome.json",
        "scores.json",
        "detailed_results.html",
        "predictions.npz",
        "predictions.csv",
        "timing.json",
    )
    assert kept == {*files, *(f"logs/{name}.txt" for name in logs)}
    outcome = outcome_of(home / "clean-judge")
    assert outcome["platforms"] == {"1.25": 12, "1.27": 12}
    assert outcome["predicted_by"] == {"1.25": "1.25", "1.27": "1.25"}
    assert (outcome["status"], outcome["scores"]["accuracy"], outcome["limit_s"]) == ("Finished", 1.0, 6000)
    with np.load(home / "an2dl-judge/predictions.npz") as file:
        assert file["ids"].tolist() == open_image_set(artifacts / "suites/an2dl/judge", "").ids.tolist()
        assert file["labels"].tolist() == tiny_images()[1].tolist()
    records, damaged = read_records(artifacts / "ledger.jsonl")
    assert damaged == 0 and [record["suite"] for record in records] == ["clean", "an2dl"]
    assert records[0]["sha256"] == sha256_file(zip_path) and records[0]["scores"]["accuracy"] == 1
    assert {"time", "zip", "part", "status", "seconds", "versions", "strengths"} <= set(records[0])
    for record in records:
        assert record["fingerprint"] == images_fingerprint(artifacts / "suites" / record["suite"] / "judge")


def test_a_failed_run_replaces_an_old_score_and_names_the_cause(artifacts):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": model("return 1 / 0")})
    folder = artifacts / "judge" / sha256_file(zip_path)[:8] / "clean-judge"
    folder.mkdir(parents=True)
    write_json(folder / "scores.json", {"accuracy": 1})
    with pytest.raises(KitError, match=r"(?s)clean-judge Failed in prediction: .*ZeroDivisionError.*model\.py"):
        main([str(zip_path), "--artifacts", str(artifacts), "--suite", "clean"])
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "outcome.json"]
    assert (outcome_of(folder)["status"], outcome_of(folder)["scores"]) == ("Failed", None)
    [record] = read_records(artifacts / "ledger.jsonl")[0]
    assert (record["status"], record["scores"]) == ("Failed", None)


def test_an_interrupted_run_is_a_failed_one(artifacts, monkeypatch):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD})
    folder = judge_zip(artifacts, zip_path, "clean")
    assert outcome_of(folder)["status"] == "Finished"

    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("local_eval.judge.run_on_platforms", interrupt)
    with pytest.raises(KeyboardInterrupt):
        judge_zip(artifacts, zip_path, "clean")
    assert (outcome_of(folder)["status"], outcome_of(folder)["scores"]) == ("Failed", None)
    assert not (folder / "scores.json").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["clean-judge"]


def test_a_zip_that_fails_on_the_second_platform_has_no_score(artifacts):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD, "predictions.npz": b"old"})
    folder = judge_zip(artifacts, zip_path, "clean")
    outcome = outcome_of(folder)
    assert (outcome["status"], outcome["scores"], outcome["platform"]) == ("Failed", None, "1.27")
    assert outcome["message"].startswith("1.27, 12 images: the scoring program exited with 1: predictions.npz is not")
    assert not (folder / "scores.json").exists()
    assert outcome_of(judge_zip(artifacts, zip_path, "clean", platform="1.25"))["status"] == "Finished"


def test_a_zip_that_might_differ_runs_twice(artifacts):
    tiny_set(artifacts / "suites/large/judge", count=100)
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD, "metadata": "description: mine"})
    outcome = outcome_of(judge_zip(artifacts, zip_path, "large"))
    assert (outcome["status"], outcome["platforms"]) == ("Finished", {"1.25": 100, "1.27": 64})
    assert outcome["predicted_by"] == {"1.25": "1.25", "1.27": "1.27"}


def test_a_zip_on_which_the_platform_sticks(artifacts):
    raw = bytearray(make_zip(artifacts / "s.zip", {"model.py": GOOD}).read_bytes())
    for at in (6, raw.index(b"PK\x01\x02") + 8):
        raw[at] |= 1  # "encrypted"
    (artifacts / "s.zip").write_bytes(raw)
    with pytest.raises(KitError, match="clean-judge Preparing in unpack: .*stay in Preparing for ever: pack it again"):
        main([str(artifacts / "s.zip"), "--artifacts", str(artifacts), "--suite", "clean"])


def test_what_is_not_guaranteed_is_told_and_kept(artifacts, capsys):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD})
    words = ["--suite", "clean", "--platform", "1.25", "--isolation", "none"]
    assert main([str(zip_path), "--artifacts", str(artifacts), *words]) == 0
    assert "not isolated (switched off); not guaranteed: no network, a private /app" in capsys.readouterr().out
    [folder] = (artifacts / "judge").glob("*/clean-judge")
    assert len(outcome_of(folder)["isolation"]["missing"]) == 6
    assert set(outcome_of(folder)["timing"]) == {"startup", "predict"}


def test_a_quick_try_is_kept_apart(artifacts, capsys):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD})
    assert main([str(zip_path), "--artifacts", str(artifacts), "--suite", "clean", "--limit", "5"]) == 0
    [folder] = (artifacts / "judge" / sha256_file(zip_path)[:8]).iterdir()
    assert folder.name == "clean-judge-limit5" and outcome_of(folder)["images"] == 5
    assert "1.25 on 5 images" in capsys.readouterr().out


def test_any_image_set_even_with_equal_images(artifacts, tmp_path, capsys):
    images, labels = tiny_images()
    doubled = (np.concatenate([images, images[:3]]), np.concatenate([labels, labels[:3]]))
    write_image_set(tmp_path / "mine", [doubled], 15, SHAPE, {"class_names": CLASSES})
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD})
    assert main([str(zip_path), "--artifacts", str(artifacts), "--images", str(tmp_path / "mine")]) == 0
    folder = artifacts / "judge" / sha256_file(zip_path)[:8] / "images-mine"
    with np.load(folder / "predictions.npz") as file:
        assert file["ids"].tolist() == open_image_set(tmp_path / "mine", "").ids.tolist()


KIT = {
    "kit/__init__.py": "",
    "kit/blend.py": "def blend(probs, weights, _):\n    return (weights[:, :, None, None] * probs).sum((0, 1))\n",
    "kit/predictor.py": """
import numpy as np


class Predictor:
    def __init__(self, folder, batch_size=32):
        assert (folder / "manifest.json").exists()

    def predict_table(self, images):
        assert len(images) <= 256 and images.dtype == np.uint8
        labels = np.round(images.mean((1, 2, 3)) / 80).astype(int)
        return np.stack([np.stack([np.eye(3, dtype=np.float32)[labels]] * 2)] * 3)
""",
    "manifest.json": json.dumps(
        {
            "members": [{"name": f"m{n}", "path": f"members/m{n}", "temperature": 1.0 + n} for n in range(3)],
            "views": ["identity", "flip"],
            "weights_mv": [[0.25, 0.25], [0.25, 0.25], [0, 0]],
        }
    ),
}


def test_the_table_of_a_zip_of_this_kit(artifacts):
    tiny_set(artifacts / "suites/large/judge", count=300)  # more than a chunk
    folder = judge_zip(artifacts, make_zip(artifacts / "s.zip", {"model.py": GOOD, **KIT}), "large", platform="1.25")
    labels = tiny_images(300)[1]
    with np.load(folder / "table.npz") as file:
        table = dict(file)
    assert table["probs"].shape == (3, 2, 300, 3) and table["probs"].dtype == table["blended"].dtype == np.float32
    assert (table["probs"].argmax(-1) == labels).all() and (table["blended"].argmax(-1) == labels).all()
    assert table["members"].tolist() == ["m0", "m1", "m2"] and table["views"].tolist() == ["identity", "flip"]
    assert table["weights_mv"].sum() == 1 and table["temperatures_m"].tolist() == [1, 2, 3]
    assert table["ids"].tolist() == open_image_set(artifacts / "suites/large/judge", "").ids.tolist()


def test_the_command_makes_the_table_where_it_is_asked_to(artifacts):
    zip_path = make_zip(artifacts / "s.zip", {"model.py": GOOD, **KIT})
    folder = artifacts / "judge" / sha256_file(zip_path)[:8] / "clean-judge"
    words = [str(zip_path), "--artifacts", str(artifacts), "--suite", "clean"]
    assert main([*words, "--table"]) == 0 and (folder / "table.npz").is_file()
    assert main(words) == 0 and not (folder / "table.npz").exists()


def test_a_table_that_cannot_be_made_is_a_failure(artifacts):
    kit = {**KIT, "kit/predictor.py": "raise RuntimeError('no member')"}
    outcome = outcome_of(judge_zip(artifacts, make_zip(artifacts / "s.zip", {"model.py": GOOD, **kit}), "clean"))
    assert (outcome["status"], outcome["step"], outcome["scores"]) == ("Failed", "table", None)
    assert "the members' table could not be made: RuntimeError: no member" in outcome["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.zip"], "expected a zip at .*none.zip.*submission.package"),
        (["s.zip", "--suite", "other"], "other/judge/meta.json is missing: run `python -m local_eval.suites"),
        (["s.zip", "--part", "select"], "select/meta.json is missing"),
        ([], "latest.json is missing: run `python -m submission.package --artifacts "),
    ],
)
def test_what_is_missing_is_named_with_its_command(artifacts, monkeypatch, arguments, message):
    make_zip(artifacts / "s.zip", {"model.py": GOOD})
    monkeypatch.chdir(artifacts)
    with pytest.raises(KitError, match=message):
        main([*arguments, "--artifacts", str(artifacts)])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--limit", "0"],
        ["--limit-s", "0"],
        ["--limit-mb", "-5"],
        ["--platform", "2"],
        ["--images", "x", "--suite", "y"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["s.zip", *arguments])
    assert exit_info.value.code == 2


def test_unknown_profile(artifacts):
    with pytest.raises(KitError, match="one of an2dl, codabench-default"):
        judge_zip(artifacts, make_zip(artifacts / "s.zip", {"model.py": GOOD}), "clean", profile="x")


def test_the_latest_zip_is_the_default(artifacts, capsys):
    zip_path = make_zip(artifacts / "submissions/s.zip", {"model.py": GOOD})
    write_json(artifacts / "submissions/latest.json", {"zip": "submissions/s.zip", "sha256": sha256_file(zip_path)})
    assert main(["--artifacts", str(artifacts), "--suite", "clean", "--platform", "1.25"]) == 0
    assert capsys.readouterr().out.startswith("s.zip: clean-judge 1.0000 (1.25 on 12 images")


def test_prediction_gets_no_labels(artifacts, tmp_path):
    images = open_image_set(artifacts / "suites/clean/judge", "")
    case = make_case(images, tmp_path / "case", np.array([7, 2]))
    assert sorted(path.name for path in case.input_dir.iterdir()) == ["class_names.json", "ids.npy", "images.npy"]
    assert (np.load(case.input_dir / "images.npy") == images.images[[7, 2]]).all()
    assert np.load(case.reference_dir / "labels.npy").tolist() == images.labels[[7, 2]].tolist()


def test_rows_and_ids():
    assert spread_rows(10, 4).tolist() == [0, 3, 6, 9]
    assert spread_rows(3, 9).tolist() == spread_rows(3, None).tolist() == [0, 1, 2]
    assert unique_ids(np.array(["a", "b", "a"])).tolist() == ["a#0", "b", "a#2"]
    assert unique_ids(np.array(["a", "b"])).tolist() == ["a", "b"]
