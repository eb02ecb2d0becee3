"""How strongly images were altered, and what the accuracy would be at another strength."""

import numpy as np
import pytest
from test_suites import make_contest

from local_eval.forecasting.evidence import Evidence
from local_eval.forecasting.forecast import forecast
from local_eval.forecasting.logit import expit, logit
from local_eval.forecasting.posterior import Entry
from local_eval.forecasting.severity import Shift, load_shifts
from local_eval.loads import read_loads
from local_eval.operations_file import read_operations
from local_eval.run import run_strengths
from local_eval.shifts.suite import get_suite
from local_eval.suites import main as write_suites
from submission.kit.image_set import open_image_set

LEVELS = {str(n): np.array([float(n)]) for n in range(1, 6)}


def drawn(base, slope, n=20_000):
    rng = np.random.default_rng(0)
    loads = rng.integers(1, 6, n).astype(float)
    return rng.random(n) < 1 / (1 + np.exp(-(base + slope * loads))), loads


def test_finds_the_curve_that_answers_were_drawn_from():
    right, loads = drawn(3, -0.8)
    shifts = load_shifts(right, loads, LEVELS)
    for n in range(1, 6):
        assert shifts[str(n)].value + logit(right.mean()) == pytest.approx(3 - 0.8 * n, abs=0.1)
    assert shifts["3"].sd < shifts["1"].sd < 0.1


def test_a_strength_is_the_mean_accuracy_over_its_loads():
    right, loads = drawn(2, -0.5)
    shift = load_shifts(right, loads, {"all": loads, "own": np.array([1.0, 5.0])})
    assert shift["all"].value == pytest.approx(0, abs=1e-9) and shift["all"].sd == pytest.approx(0, abs=1e-6)
    by_hand = logit((expit(2 - 0.5) + expit(2 - 2.5)) / 2) - logit(right.mean())
    assert shift["own"].value == pytest.approx(by_hand, abs=0.06)


def test_the_error_of_a_shift_is_what_it_says():
    rng, missed, told = np.random.default_rng(1), [], []
    for _ in range(200):
        loads = rng.integers(1, 6, 300).astype(float)
        right = rng.random(300) < expit_of(3 - 0.7 * loads)
        one = load_shifts(right, loads, {"5": np.array([5.0])})["5"]
        missed.append(one.value + logit(right.mean()) - (3 - 0.7 * 5))
        told.append(np.hypot(one.sd, Evidence("s", float(right.mean()), 300).standard_error))
    assert np.std(missed) == pytest.approx(np.mean(told), rel=0.25)


def expit_of(values):
    return 1 / (1 + np.exp(-values))


def test_all_right_all_alike_or_few_images_give_finite_shifts_or_none():
    loads = np.tile([1.0, 2, 3, 4, 5], 20)
    for right in (np.ones(100, bool), np.zeros(100, bool)):
        assert all(np.isfinite([one.value, one.sd]).all() for one in load_shifts(right, loads, LEVELS).values())
    assert load_shifts(np.ones(100, bool), np.ones(100), LEVELS) == {}
    assert load_shifts(np.ones(10, bool), loads[:10], LEVELS) == {}


def test_a_strength_moves_the_forecast_and_names_it_and_a_word_says_less_than_a_number():
    right, loads = drawn(1.5, -0.5, 900)
    shifts = load_shifts(right, loads, LEVELS)
    accuracy, shift = float(right.mean()), shifts["5"]
    evidence = {"clean": Evidence("clean", 0.97, 900), "stain": Evidence("stain", accuracy, 900, shifts)}
    made, said = (forecast(evidence, "stain", strength=strength) for strength in ("5", "harsh"))
    assert (made.scenario, said.scenario) == ("stain:5", "stain:harsh")
    assert made.accuracy == pytest.approx(expit(logit(right.mean()) + shift.value), abs=0.002)
    assert logit(made.high) - logit(made.low) < logit(said.high) - logit(said.low)
    assert "as strongly as makers call harsh" in said.assumes


def test_leaderboard_scores_are_set_against_their_own_submissions_at_that_strength():
    """Two submissions as good on the whole suite, of which one falls more steeply: its score at 5 is no surprise."""
    clean = Evidence("clean", 0.97, 900)
    steep, flat = {"5": Shift(-2.0, 0.0)}, {"5": Shift(-0.5, 0.0)}
    here = {"clean": clean, "stain": Evidence("stain", 0.9, 900, flat)}
    score = expit(logit(0.9) - 2.0)
    of_steep = Entry(score, "p", {"clean": clean, "stain": Evidence("stain", 0.9, 900, steep)})
    of_one_not_known = Entry(score, "p", {"clean": clean, "stain": Evidence("stain", 0.9, 900)})
    wanted = expit(logit(0.9) - 0.5)
    assert forecast(here, "stain", [of_steep], phase="p", strength="5").accuracy == pytest.approx(wanted, abs=0.005)
    assert forecast(here, "stain", [of_one_not_known], phase="p", strength="5").accuracy < wanted - 0.03


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    artifacts = tmp_path_factory.mktemp("contest")
    make_contest(artifacts)
    write_suites(["--artifacts", str(artifacts), "--suites", "clean,an2dl,imagenet-c,stain,prior"])
    return artifacts / "suites"


def ids_of(folder):
    return np.load(folder / "ids.npy")


def test_loads_of_a_table_are_its_severities(written):
    folder = written / "imagenet-c" / "judge"
    loads = read_loads(folder, ids_of(folder))
    lines = (folder / "operations.csv").read_text().splitlines()[1:]
    assert loads.own.tolist() == [float(line.split(",")[2]) for line in lines]
    assert loads.others["4"].tolist() == [4.0] * len(lines)


def test_a_run_on_a_suite_keeps_its_strengths_for_the_ledger(written, tmp_path):
    folder = written / "imagenet-c" / "judge"
    images = open_image_set(folder, "")
    answers = np.where(read_loads(folder, images.ids).own > 3, (images.labels + 1) % 3, images.labels)
    np.savez(tmp_path / "predictions.npz", ids=images.ids[::-1], labels=answers[::-1])
    found = run_strengths(tmp_path, folder, images)
    assert found["1"][0] > 1 > 0 > found["5"][0]
    np.savez(tmp_path / "predictions.npz", ids=images.ids[:5], labels=answers[:5])
    assert run_strengths(tmp_path, folder, images) == {}  # a quick try
    assert run_strengths(tmp_path / "failed", folder, images) == {}


def test_loads_of_mixtures_count_what_was_drawn_but_not_the_border(written):
    for suite in ("an2dl", "stain"):
        folder = written / suite / "judge"
        ids = ids_of(folder)
        loads = read_loads(folder, ids)
        counts = np.array([len([name for name in names if name != "border"])
                           for names in read_operations(folder / "operations.csv").values()])  # fmt: skip
        assert (loads.own >= counts).all() and (loads.own <= 5 * counts).all() and loads.own.any()
        np.testing.assert_array_equal(loads.others["3"], 3 * counts)
    assert loads.others.keys() == set("12345")
    contest = read_loads(written / "an2dl" / "judge", ids)
    mild, harsh = (contest.others[f"an2dl-{one}"] for one in ("mild", "harsh"))
    assert mild.mean() < contest.own.mean() < harsh.mean()


def test_no_loads_where_there_are_none(written, tmp_path):
    for suite in ("clean", "prior"):
        assert read_loads(written / suite / "judge", ids_of(written / suite / "judge")) is None
    assert read_loads(tmp_path, np.array(["a"])) is None
    (tmp_path / "meta.json").write_text('{"suite": "mine", "part": "judge", "seed": 0, "version": 1}')
    assert read_loads(tmp_path, np.array(["a"])) is None


def test_another_version_of_the_suite_has_none(written, monkeypatch):
    folder = written / "stain" / "judge"
    monkeypatch.setattr("local_eval.loads.get_suite", lambda name: _other(get_suite(name)))
    assert read_loads(folder, ids_of(folder)) is None


def _other(suite):
    import dataclasses

    return dataclasses.replace(suite, version=suite.version + 1)
