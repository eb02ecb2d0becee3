"""Errors by corruption and severity: by hand, and from the files of a judged zip."""

import json

import numpy as np
import pytest
from report_artifacts import make_contest
from sklearn.metrics import balanced_accuracy_score

from local_eval.corruption_error import (
    ALEXNET_BLOODMNIST_C,
    Baseline,
    balanced_error,
    corruption_error,
    main,
    read_baseline,
)
from local_eval.operations_file import write_operations
from local_eval.score import score
from submission.kit.errors import KitError

CELLS = [("fog", 1), ("fog", 1), ("fog", 5), ("fog", 5), ("snow", 1), ("snow", 1), ("snow", 5), ("snow", 5)]
LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 1])
PREDICTIONS = np.array([0, 1, 0, 0, 0, 0, 1, 0])  # fog: 0 of 2, 1 of 2 wrong; snow: 1 of 2, 2 of 2


def test_mean_corruption_error_by_hand():
    baseline = Baseline(0.1, {"fog": 0.5, "snow": 0.6, "frost": 0.9})
    result = corruption_error(LABELS, PREDICTIONS, CELLS, 0.05, False, True, baseline)
    assert result.errors == {"fog": 0.25, "snow": 0.75}
    assert result.by_severity == {1: 0.25, 5: 0.75}
    assert result.images == {"fog": 4, "snow": 4}
    assert result.mean == 0.5
    assert result.normalised == pytest.approx((0.25 / 0.5 + 0.75 / 0.6) / 2)
    assert result.relative == pytest.approx((0.2 / 0.4 + 0.7 / 0.5) / 2)


def test_of_one_cell_an_image_severities_are_pooled():
    """Three images at severity 1, one at 5: each image counts once; in full each severity does."""
    cells = [("fog", 1)] * 3 + [("fog", 5)]
    labels, predictions = np.zeros(4, int), np.array([0, 0, 0, 1])
    assert corruption_error(labels, predictions, cells, 0, False, full=False).errors == {"fog": 0.25}
    assert corruption_error(labels, predictions, cells, 0, False, full=True).errors == {"fog": 0.5}


def test_balanced_error_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 5, 200), rng.integers(0, 6, 200)
    labels[labels == 3] = 2
    keep = np.isin(predictions, np.unique(labels))  # it warns of predicted classes that no label has
    expected = 1 - balanced_accuracy_score(labels[keep], predictions[keep])
    assert balanced_error(labels[keep], predictions[keep]) == pytest.approx(expected)


def test_the_published_baseline_is_one_by_its_own_measure():
    names = list(ALEXNET_BLOODMNIST_C.errors)
    assert np.mean(list(ALEXNET_BLOODMNIST_C.errors.values())) == pytest.approx(0.1125, abs=5e-5)
    assert len(names) == 11
    wrong = np.concatenate([np.arange(10_000) < round(1e4 * ALEXNET_BLOODMNIST_C.errors[name]) for name in names])
    cells = [(name, 1) for name in names for _ in range(10_000)]
    result = corruption_error(
        np.zeros(110_000, int), wrong.astype(int), cells, 0.0184, True, True, ALEXNET_BLOODMNIST_C
    )
    assert (result.normalised, result.relative) == (pytest.approx(1), pytest.approx(1))


def test_baselines_that_do_not_fit():
    with pytest.raises(KitError, match=r"an error above 0 for each corruption\. Received: none for \['snow'\]"):
        corruption_error(LABELS, PREDICTIONS, CELLS, 0, False, True, Baseline(0, {"fog": 0.1, "snow": 0}))
    unhurt = corruption_error(LABELS, PREDICTIONS, CELLS, 0, False, True, Baseline(0.2, {"fog": 0.1, "snow": 0.5}))
    assert unhurt.normalised is not None and unhurt.relative is None


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"clean": 2, "errors": {}}', '{"clean": 0, "errors": {"a": "x"}}', '{"clean": NaN, "errors": {}}'],
)
def test_baseline_files_that_are_none(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(KitError, match=r"b\.json: expected .*errors in \[0, 1\]"):
        read_baseline(tmp_path / "b.json")


@pytest.fixture
def contest(tmp_path):
    """A judged zip; its an2dl suite is given out as imagenet-c."""
    contest = make_contest(tmp_path / "A", n=40, size=8)
    suites = contest.artifacts / "suites"
    (suites / "an2dl").rename(suites / "imagenet-c")
    run = contest.judge(contest.artifacts, contest.zip, "an2dl", "judge", "an2dl")
    run.rename(run.with_name("imagenet-c-judge"))
    ids = np.load(suites / "imagenet-c" / "judge" / "ids.npy")
    names = [("fog",) if n % 2 else ("snow",) for n in range(40)]
    write_operations(suites / "imagenet-c" / "judge" / "operations.csv", ids, names, [n % 5 + 1 for n in range(40)])
    score(contest.artifacts, suites=["clean", "imagenet-c"], judge=contest.judge)
    return contest


def test_of_a_judged_zip_and_against_its_own_baseline(contest, capsys, tmp_path):
    where = ["--artifacts", str(contest.artifacts), "--zip", str(contest.zip), "--suite", "imagenet-c"]
    baseline = tmp_path / "baseline.json"
    assert main([*where, "--write-baseline", str(baseline)]) == 0
    assert "no mCE: no net is published for these images, give one with --baseline" in capsys.readouterr().out
    (found,) = contest.artifacts.glob("judge/*/imagenet-c-judge/corruption_error.json")
    value = json.loads(found.read_text())
    assert value["images"] == {"snow": 20, "fog": 20} and value["normalised"] is None
    assert main([*where, "--baseline", str(baseline)]) == 0
    assert "; mCE 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "clean"], "as of a table of corruptions|operations.csv is missing"),
        (["--suite", "bloodmnist-c"], r"meta\.json is missing: run `python -m local_eval\.suites"),
        (["--zip", "no.zip"], r"expected a zip at no\.zip\. Received: no such file"),
        (
            ["--baseline", "no.json"],
            r"no\.json is missing: run `python -m local_eval\.corruption_error --write-baseline",
        ),
    ],
)
def test_what_is_not_there(contest, arguments, message):
    options = ["--artifacts", str(contest.artifacts), "--zip", str(contest.zip), "--suite", "imagenet-c", *arguments]
    with pytest.raises(KitError, match=message):
        main(options)
