"""The score, from the files that a platform run leaves; the run itself is tested with local_eval.run."""

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from report_artifacts import MEMBERS, make_contest

from local_eval.isolation import choose_isolation
from local_eval.judged import open_judged
from local_eval.operations_file import write_operations
from local_eval.score import describe, main, score, written_suites
from local_eval.score_table import accuracy_cell, score_table
from local_eval.shifts.suite import get_suite
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json


@pytest.fixture
def contest(tmp_path):
    return make_contest(tmp_path / "A", n=40, size=8)


def run_folder(contest, suite="an2dl"):
    return contest.judge(contest.artifacts, contest.zip, suite, "judge", "an2dl")


def edit_npz(path, **changes):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files} | changes
    np.savez(path, **arrays)


def test_rows_agree_with_numpy(contest):
    value = score(contest.artifacts, judge=contest.judge)
    kinds = [(row["kind"], row["name"]) for row in value["rows"]]
    assert kinds == [
        *(("member", name) for name in MEMBERS),
        ("ensemble", "ensemble, one view"),
        ("submission", "ensemble with TTA, 4 views"),
    ]
    for suite in ("clean", "an2dl"):
        labels = np.load(contest.artifacts / "suites" / suite / "judge" / "labels.npy")
        ids = np.load(contest.artifacts / "suites" / suite / "judge" / "ids.npy")
        with np.load(run_folder(contest, suite) / "table.npz") as table:
            order = [int(np.flatnonzero(table["ids"] == wanted)[0]) for wanted in ids]
            probs = table["probs"][:, :, order].astype(np.float64)
            tempered = probs ** (1 / table["temperatures_m"][:, None, None, None])
            tempered /= tempered.sum(-1, keepdims=True)
            one_view = np.einsum("m,mnk->nk", table["weights_mv"].sum(1), tempered[:, 0])
            full = np.einsum("mv,mvnk->nk", table["weights_mv"], tempered)
        expected = [*(probs[m, 0] for m in range(3)), one_view, full]
        for row, probs_nk in zip(value["rows"], expected, strict=True):
            assert row["suites"][suite]["accuracy"] == pytest.approx((probs_nk.argmax(-1) == labels).mean())
            assert row["suites"][suite]["n"] == 40
    assert value["zip"] == f"submissions/{contest.zip.name}"
    assert value["forecast"]["accuracy"] == value["rows"][-1]["suites"]["an2dl"]["accuracy"]
    assert read_json(contest.artifacts / "judge" / "score.json", "") == json.loads(json.dumps(value))


def test_accuracy_cell_by_hand():
    cell = accuracy_cell(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    assert (cell["accuracy"], cell["n"]) == (0.75, 4)
    assert cell["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert (cell["low"], cell["high"]) == (pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4))


def test_a_zip_of_another_kit_has_one_row(tmp_path):
    contest = make_contest(tmp_path / "A", n=12, size=8, table=False)
    value = score(contest.artifacts, judge=contest.judge)
    assert [(row["kind"], row["name"]) for row in value["rows"]] == [("submission", "submission")]


def test_where_the_programs_run_reaches_the_judge(contest, monkeypatch):
    asked = []

    def judge_zip(artifacts, zip_path, suite, part, profile, *, isolation):
        asked.append(isolation)
        return contest.judge(artifacts, zip_path, suite, part, profile)

    monkeypatch.setattr("local_eval.run.judge_zip", judge_zip)
    assert main(["--artifacts", str(contest.artifacts), "--isolation", "none", "--network"]) == 0
    assert asked == [choose_isolation("none", network=True)] * 2


def test_isolation_that_cannot_be_had_is_refused(contest, monkeypatch):
    monkeypatch.setattr("local_eval.isolation.why_not", lambda: "darwin has no namespaces")
    with pytest.raises(KitError, match="Received: darwin has no namespaces"):
        main(["--artifacts", str(contest.artifacts), "--isolation", "require"])


def test_a_failed_run_leaves_no_score(contest):
    score(contest.artifacts, judge=contest.judge)
    path = contest.artifacts / "judge" / "score.json"
    assert path.exists()
    outcome = {"status": "Failed", "message": "out of memory", "tail": "Killed", "seconds": {}}
    write_json(run_folder(contest) / "outcome.json", outcome)
    with pytest.raises(KitError, match=r"on an2dl-judge ended as Failed: out of memory\.\nKilled\nThere is no score"):
        score(contest.artifacts, profile="codabench-default", judge=contest.judge)
    assert not path.exists()


def test_the_failure_names_logs_only_where_there_are_any(contest):
    folder = run_folder(contest)
    write_json(
        folder / "outcome.json", {"status": "Failed", "message": "Bad or empty zip file: it is not.", "tail": ""}
    )
    with pytest.raises(KitError, match=r"it is not\. There is no score\. Its logs are in .*an2dl-judge/logs\. Mend"):
        score(contest.artifacts, judge=contest.judge)
    for path in (folder / "logs").iterdir():
        path.unlink()
    with pytest.raises(KitError, match=r"it is not\. There is no score\. Mend the submission"):
        score(contest.artifacts, judge=contest.judge)


def test_another_zip_has_a_score_of_its_own(contest, tmp_path, capsys):
    score(contest.artifacts, judge=contest.judge)
    kept = (contest.artifacts / "judge" / "score.json").read_bytes()
    other = tmp_path / "other.zip"
    shutil.copyfile(contest.zip, other)
    with zipfile.ZipFile(other, "a") as file:
        file.writestr("more.txt", "")
    folder = contest.artifacts / "judge" / sha256_file(other)[:8]

    def judge(artifacts, zip_path, suite, part, profile):
        assert zip_path == other
        source = run_folder(contest, suite)
        return shutil.copytree(source, folder / source.name, dirs_exist_ok=True)

    value = score(contest.artifacts, other, judge=judge)
    assert value["zip"] == str(other)
    assert read_json(folder / "score.json", "") == json.loads(json.dumps(value))
    assert (contest.artifacts / "judge" / "score.json").read_bytes() == kept
    assert main(["--artifacts", str(contest.artifacts), "--zip", str(other)]) == 0
    assert f"zip: {other}, " in capsys.readouterr().out

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(contest.artifacts, other, profile="codabench-default", judge=interrupted)
    assert not (folder / "score.json").exists()
    assert (contest.artifacts / "judge" / "score.json").read_bytes() == kept


def test_a_zip_that_is_not_there_deletes_nothing(contest, tmp_path):
    score(contest.artifacts, judge=contest.judge)
    with pytest.raises(KitError, match=r"expected a zip at .*none\.zip\. Received: no such file\.$"):
        score(contest.artifacts, tmp_path / "none.zip", judge=contest.judge)
    assert (contest.artifacts / "judge" / "score.json").exists()


def test_the_packaged_zip_by_another_name_is_the_packaged_one(contest, tmp_path):
    score(contest.artifacts, judge=contest.judge)
    copy = shutil.copyfile(contest.zip, tmp_path / "copy.zip")
    assert score(contest.artifacts, copy, judge=None)["zip"] == str(copy)  # the runs are not repeated
    assert read_json(contest.artifacts / "judge" / "score.json", "")["zip"] == str(copy)


def test_text_has_all_that_a_reader_needs(contest):
    text = describe(score(contest.artifacts, judge=contest.judge), contest.artifacts)
    for wanted in (
        *MEMBERS, "shifted (an2dl)", "n=40", "forecast of the hidden accuracy", "90% interval", "only 40 images",
        str(contest.zip), "sha256", "prediction 41.3 s", "limit 6000 s a step",
    ):  # fmt: skip
        assert wanted in text


def shuffled_labels(contest):
    with np.load(run_folder(contest) / "predictions.npz") as file:
        labels = file["labels"]
    edit_npz(run_folder(contest) / "predictions.npz", labels=(labels + 1) % 8)


def other_ids(contest):
    edit_npz(run_folder(contest) / "predictions.npz", ids=np.array([f"x{n}" for n in range(40)]))


def label_outside(contest):
    edit_npz(run_folder(contest) / "predictions.npz", labels=np.full(40, 8))


def cut_table(contest):
    edit_npz(run_folder(contest) / "table.npz", members=np.array(MEMBERS[:2]))


def damaged(contest):
    path = run_folder(contest) / "predictions.npz"
    path.write_bytes(path.read_bytes()[:100])


def missing(contest):
    (run_folder(contest) / "predictions.npz").unlink()


def no_suite(contest):
    shutil.rmtree(contest.artifacts / "suites" / "an2dl")


def no_zip(contest):
    contest.zip.unlink()


def changed_zip(contest):
    contest.zip.write_bytes(b"other")


def not_packaged(contest):
    (contest.artifacts / "submissions" / "latest.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shuffled_labels, "answer differently for 40 of 40 images"),
        (other_ids, "expected the 40 ids of the suite. Received: 40 ids, 40 missing and 40 unexpected"),
        (label_outside, "expected labels 0 to 7. Received: 8 for image 0000"),
        (cut_table, r"expected probabilities \(2, 4, 40, 8\). Received: \(3, 4, 40, 8\)"),
        (damaged, "predictions.npz cannot be read .*: delete .* and run `python -m local_eval.score"),
        (missing, "predictions.npz is missing: run `python -m local_eval.score"),
        (
            no_suite,
            "no images.npy, labels.npy, ids.npy. Run `python -m local_eval.suites .*A --suites an2dl` first",
        ),
        (no_zip, "does not exist: run `python -m submission.package --artifacts .*A` first"),
        (changed_zip, "was changed since it was packaged: expected sha256 .*submission.package --artifacts .*A`"),
        (not_packaged, "latest.json is missing: run `python -m submission.package --artifacts .*A` first"),
    ],
)
def test_what_is_wrong_is_named(contest, spoil, message):
    spoil(contest)
    with pytest.raises(KitError, match=message):
        score(contest.artifacts, judge=contest.judge)


def test_unknown_profile(contest):
    with pytest.raises(KitError, match=r"one of an2dl, codabench-default. Received: profile='x'"):
        score(contest.artifacts, profile="x", judge=contest.judge)


def test_a_tie_may_fall_either_way(contest):
    run = open_judged(run_folder(contest), contest.artifacts / "suites" / "an2dl" / "judge", "")
    tied = np.zeros((1, 1, 40, 8), np.float32)
    tied[..., :2] = [0.50001, 0.49999]
    table = replace(
        run.table,
        probs_mvnk=tied,
        members=["a"],
        views=["flip"],
        weights_mv=np.ones((1, 1)),
        temperatures_m=np.ones(1),
    )
    rows = score_table({"an2dl": replace(run, predictions=np.ones(40, np.int64), table=table)})
    assert [row["name"] for row in rows] == ["a (flip)", "ensemble, one view (flip)", "ensemble as submitted"]
    assert rows[-1]["suites"]["an2dl"]["accuracy"] == (run.images.labels == 1).mean()


def test_the_command_prints_the_table_again(contest, capsys):
    score(contest.artifacts, judge=contest.judge)
    assert main(["--artifacts", str(contest.artifacts)]) == 0
    assert "ensemble with TTA, 4 views" in capsys.readouterr().out


def test_many_suites_are_a_line_each(contest):
    suites = contest.artifacts / "suites"
    for name in ("stain", "occlusion", "imagenet-c-full"):
        shutil.copytree(suites / "an2dl", suites / name)
        shutil.copytree(run_folder(contest), run_folder(contest).with_name(f"{name}-judge"))
    assert written_suites(contest.artifacts) == ["clean", "an2dl", "occlusion", "stain"]
    value = score(contest.artifacts, suites=written_suites(contest.artifacts), judge=contest.judge)
    table = describe(value, contest.artifacts).splitlines()[:5]
    assert table[0].split("  ")[-1] == "ensemble, one view"
    for line, suite in zip(table[1:], ["clean", "an2dl", "occlusion", "stain"], strict=True):
        cells = value["rows"][-1]["suites"][suite], value["rows"][-2]["suites"][suite]
        assert line.startswith(suite if suite == "clean" else f"shifted ({suite})")
        assert f"{cells[0]['accuracy']:.4f} [" in line and line.endswith(f"{cells[1]['accuracy']:.4f}")


def test_a_suite_that_is_not_as_it_was_written_is_refused(contest):
    folder = contest.artifacts / "suites" / "clean" / "judge"
    write_operations(folder / "operations.csv", ["a"], [()])
    names = {"sha256": "images.npy", "labels_sha256": "labels.npy", "ids_sha256": "ids.npy"}
    names["operations_sha256"] = "operations.csv"
    meta = read_json(folder / "meta.json", "") | {key: sha256_file(folder / name) for key, name in names.items()}
    meta["version"] = get_suite("clean").version

    def refused(message, **changes):
        write_json(folder / "meta.json", meta | changes)
        with pytest.raises(KitError, match=message):
            score(contest.artifacts, judge=contest.judge)

    write_json(folder / "meta.json", meta)
    score(contest.artifacts, judge=contest.judge)  # no split here: nothing to compare with
    for key, name in names.items():
        refused(rf"{name} was changed since .*expected sha256 0+\. .*--suites clean`", **{key: "0" * 64})
    refused(r"by another version of the suite clean: expected 1\. Received: 99\. .*--suites clean`", version=99)
    refused(r"by another version of the suite clean: expected 1\. Received: None", version=None)
    (folder / "operations.csv").unlink()
    refused(r"operations.csv was changed since .*Received: none\.")
    write_operations(folder / "operations.csv", ["a"], [()])
    (contest.artifacts / "split").mkdir(exist_ok=True)
    (contest.artifacts / "split" / "folds.csv").write_text("other")
    refused(r"was written for another split than .*folds\.csv: run `python -m", folds_sha256="old")
