"""Forecasts that nothing changed are not made again; what they depend on is told apart."""

import numpy as np
import pytest
from report_artifacts import make_contest

import local_eval.forecast_images as images_module
import local_eval.score as score_module
from local_eval.entries import add_score
from local_eval.forecast import main_forecast, own_name
from local_eval.forecasting.answer_images import ImageAnswers
from local_eval.images_fingerprint import images_fingerprint
from local_eval.ledger import append_record
from local_eval.score import score
from submission.kit.files import sha256_file


@pytest.fixture
def contest(tmp_path, monkeypatch):
    made = make_contest(tmp_path / "A", n=60, size=8)
    calls = []

    def make(*arguments):
        calls.append("scenarios")
        return real(*arguments)

    def answer(zip_path, images, class_names, limits):
        calls.append("images")
        rng = np.random.default_rng(0)
        return ImageAnswers(np.zeros(len(images), int), rng.dirichlet(np.ones(len(class_names)), len(images)))

    real = score_module.make_forecasts
    monkeypatch.setattr(score_module, "make_forecasts", make)
    monkeypatch.setattr(images_module, "answer_images", answer)
    monkeypatch.setattr("local_eval.forecasting.unlabelled.SETS", 24)
    file = tmp_path / "hidden.npy"
    np.save(file, np.zeros((70, 8, 8, 3), np.uint8))
    return made, calls, file


def line(contest, accuracy=0.5, **changes):
    folder = contest.artifacts / "suites" / "an2dl" / "judge"
    return {
        "sha256": "ab" * 32, "zip": "other.zip", "suite": "an2dl", "part": "judge", "limit_images": None, "images": 60,
        "status": "Finished", "scores": {"accuracy": accuracy}, "fingerprint": images_fingerprint(folder), **changes,
    }  # fmt: skip


def test_made_once_until_the_ledger_has_another_line_that_matters(contest):
    made, calls, _ = contest
    first = score(made.artifacts, judge=made.judge)
    assert score(made.artifacts, judge=made.judge)["forecasts"] == first["forecasts"] and calls == ["scenarios"]
    append_record(made.artifacts / "ledger.jsonl", {"kind": "note"})  # of no zip
    score(made.artifacts, judge=made.judge)
    assert calls == ["scenarios"]
    append_record(made.artifacts / "ledger.jsonl", line(made))
    score(made.artifacts, judge=made.judge)
    add_score(made.artifacts, "ab" * 32, 0.4, "p")
    last = score(made.artifacts, judge=made.judge)
    assert len(calls) == 3 and last["forecasts"]["an2dl-typical"]["entries"] == 1
    assert last["forecasts_of"] != first["forecasts_of"]


def test_a_score_of_a_zip_judged_on_other_images_is_left_out_and_told(contest):
    made, _, _ = contest
    append_record(made.artifacts / "ledger.jsonl", line(made, fingerprint="of another suite"))
    add_score(made.artifacts, "ab" * 32, 0.4, "p")
    one = score(made.artifacts, judge=made.judge)["forecasts"]["an2dl-typical"]
    assert one["entries"] == 0
    assert "1 leaderboard scores are left out: other.zip (abababab) not judged on the suites" in one["warnings"][-1]


def test_a_zip_answers_the_same_images_once(contest):
    made, calls, file = contest
    first = score(made.artifacts, judge=made.judge, unlabelled=file)["unlabelled"]
    again = score(made.artifacts, judge=made.judge, unlabelled=file)["unlabelled"]
    assert calls.count("images") == 1 and again["accuracy"] == first["accuracy"]
    np.save(file, np.ones((70, 8, 8, 3), np.uint8))
    score(made.artifacts, judge=made.judge, unlabelled=file)
    assert calls.count("images") == 2


def test_a_zip_of_labels_alone_follows_the_ledger_without_another_run(tmp_path, monkeypatch):
    made = make_contest(tmp_path / "A", n=60, size=8, table=False)
    calls = []

    def answer(zip_path, images, class_names, limits):
        calls.append(1)
        return ImageAnswers(np.zeros(len(images), int), None)

    monkeypatch.setattr(images_module, "answer_images", answer)
    np.save(tmp_path / "h.npy", np.zeros((70, 8, 8, 3), np.uint8))
    first = score(made.artifacts, made.zip, judge=made.judge, unlabelled=tmp_path / "h.npy")["unlabelled"]
    append_record(made.artifacts / "ledger.jsonl", {"sha256": sha256_file(made.zip), "zip": "s.zip"})
    add_score(made.artifacts, sha256_file(made.zip), 0.2, "p")
    last = score(made.artifacts, made.zip, judge=made.judge, unlabelled=tmp_path / "h.npy")["unlabelled"]
    assert len(calls) == 1 and last["method"] == "labels" and last["accuracy"] < first["accuracy"]


def test_the_first_forecast_is_the_contests_unless_the_scores_speak_against_it():
    typical, unknown = {"belongs": 1.0}, {"belongs": 1.0}
    assert main_forecast({"an2dl-typical": typical, "unknown": unknown}) is typical
    assert main_forecast({"an2dl-typical": {"belongs": 0.1}, "unknown": unknown}) is unknown
    assert main_forecast({"unknown": unknown}) is unknown
    assert main_forecast({"clean": typical}) is None


@pytest.mark.parametrize(
    ("said", "name"),
    [("stain:mild", "stain:mild"), ("an2dl:4", "an2dl:4"), ("an2dl:harsh", "an2dl-harsh"), ("a:b", "a:b")],
)
def test_words_for_the_contest_are_suites(said, name):
    assert own_name(said) == name
