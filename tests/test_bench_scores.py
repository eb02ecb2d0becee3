"""The benchmark of scores: bad input before any training, the table, what is done is not repeated."""

import argparse
import json
import re

import pytest

from benchmarks import bench_scores
from benchmarks.bench_scores import jobs, main, table
from benchmarks.shared_contest import SHARED, share_contest
from submission.kit.errors import KitError


def cell(accuracy: float) -> dict[str, float]:
    return {"accuracy": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01, "n": 100, "balanced_accuracy": 0.5}


def result(recipe: str, shifted: float, *options: str) -> dict:
    return {
        "recipe": recipe,
        "options": ["--recipe", recipe, "--fold", "0", "--seed", "0", *options],
        "run": f"{recipe}-f0-s0-00000000",
        "epochs": 4,
        "train_seconds": 90.0,
        "size_bytes": 5_300_000,
        "suites": {"an2dl": cell(shifted), "clean": cell(0.95)},
    }


@pytest.fixture
def contest(tmp_path):
    for name in SHARED:
        (tmp_path / "contest" / name).mkdir(parents=True)
    (tmp_path / "contest" / "split" / "folds.csv").write_text("index,id,label,group,part\n")
    for suite in ("an2dl", "clean"):
        (tmp_path / "contest" / "suites" / suite / "judge").mkdir(parents=True)
        (tmp_path / "contest" / "suites" / suite / "judge" / "meta.json").write_text("{}")
    return tmp_path / "contest"


def test_the_table_has_the_best_under_shift_first():
    lines = table([result("small_cnn", 0.5), result("vit_tiny", 0.7, "--weights", "/far/away/vit.weights.h5")]).split(
        "\n"
    )
    assert lines[0] == "| recipe | clean | an2dl | epochs | training | zip |"
    assert lines[1] == "|---|---|---|---|---|---|"
    assert lines[2] == (
        "| `vit_tiny` --weights vit.weights.h5 | 0.950 [0.940, 0.960] | 0.700 [0.690, 0.710] | 4 | 2 min | 5.3 MB |"
    )
    assert lines[3].startswith("| `small_cnn` | 0.950 [0.940, 0.960] | 0.500 ")


def test_a_suite_that_one_was_not_judged_on():
    only_clean = result("small_cnn", 0.5)
    del only_clean["suites"]["an2dl"]
    assert "| `small_cnn` | 0.950 [0.940, 0.960] | - |" in table([result("vit_tiny", 0.7), only_clean])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--names", "small_cnn,nobody"], "unknown recipe. Received: 'nobody'"),
        (["--names", "small_cnn", "--set", "epoch=3"], r"unknown recipe fields. Received: \['epoch'\]"),
        (["--names", "small_cnn", "--weights", "vit_tiny=none"], "a name out of --names. Received: 'vit_tiny=none'"),
        (["--names", "small_cnn", "--weights", "none"], "--weights takes NAME=FILE"),
        (["--names", "small_cnn", "--weights", "small_cnn=gone.h5"], "Received: 'small_cnn=gone.h5', which is no file"),
    ],
)
def test_bad_input_is_told_before_anything_is_trained(contest, arguments, message, monkeypatch):
    monkeypatch.setattr(bench_scores, "measure", lambda *args: pytest.fail("nothing may be trained"))
    with pytest.raises(KitError, match=message):
        main(["--artifacts", str(contest), *arguments])


def test_without_a_split_the_command_is_named(tmp_path):
    with pytest.raises(KitError, match=r"has no split or no suites: run `make suites ARTIFACTS="):
        main(["--artifacts", str(tmp_path), "--names", "small_cnn"])


def test_what_is_done_is_not_repeated_and_one_failure_stops_no_other(contest, monkeypatch, capsys):
    measured = []

    def measure(job, artifacts, folder, suites, profile):
        measured.append(job.name)
        if job.name == "vit_tiny":
            raise KitError("out of memory")
        return result(job.name, 0.6)

    monkeypatch.setattr(bench_scores, "measure", measure)
    command = ["--artifacts", str(contest), "--names", "vit_tiny,small_cnn,vit_tiny"]
    with pytest.raises(KitError, match="not all recipes came to their end:\nvit_tiny: out of memory"):
        main(command)
    assert measured == ["vit_tiny", "small_cnn"]
    assert "| `small_cnn` |" in capsys.readouterr().out
    assert main(["--artifacts", str(contest), "--names", "small_cnn"]) == 0
    assert measured == ["vit_tiny", "small_cnn"]  # from its result.json
    (path,) = contest.glob("scores/small_cnn-*/result.json")
    assert json.loads(path.read_text())["train_seconds"] == 90.0
    assert main(["--artifacts", str(contest), "--names", "small_cnn", "--budget", "10m"]) == 0
    assert len(measured) == 3  # another budget is another training


def test_another_split_is_another_folder(tmp_path):
    args = argparse.Namespace(names=["small_cnn"], weights=[], set=[], fold=0, seed=0, budget=None)
    (job,) = jobs(args)
    folders = {job.folder(tmp_path, sha256) for sha256 in ("a", "b", "a")}
    assert len(folders) == 2
    assert all(re.fullmatch(r"small_cnn-[0-9a-f]{8}", folder.name) for folder in folders)


def test_a_shared_contest_is_links_and_runs_of_its_own(contest, tmp_path):
    folder = share_contest(contest, tmp_path / "made")
    (folder / "runs").mkdir()
    assert share_contest(contest, folder) == folder  # again, when resumed
    assert all((folder / name).resolve() == contest / name for name in SHARED)
    assert not (contest / "runs").exists()


def test_a_shared_contest_needs_all_and_overwrites_nothing(contest, tmp_path):
    (tmp_path / "made" / "data").mkdir(parents=True)
    with pytest.raises(KitError, match="data to be a link. Received: a folder of its own"):
        share_contest(contest, tmp_path / "made")
    with pytest.raises(KitError, match=r"Received: no clean, split, suites. Run `make suites ARTIFACTS="):
        share_contest(tmp_path / "made", tmp_path / "other")
