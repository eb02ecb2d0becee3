"""The strength that no one knows: each submission's line along it, and what leaderboard scores say of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_eval.forecast import describe_forecasts
from local_eval.forecasting.evidence import Evidence
from local_eval.forecasting.forecast import forecast
from local_eval.forecasting.logit import expit, logit
from local_eval.forecasting.posterior import Entry, predict
from local_eval.forecasting.scenarios import get_scenario
from local_eval.forecasting.severity import Shift
from local_eval.forecasting.strength_axis import (
    GRID,
    MEANT,
    NOISE,
    OFFSET,
    UNEVEN,
    WORD_SD,
    line,
    prior,
    said_strengths,
)

SUITES = ("clean", "stain", "occlusion")


def submission(clean, fall, n=4000, wobble=(0.0, 0.0)):
    """Logit accuracies: `clean` untouched, lower by `fall` at each severity of stain and a little on occlusion."""
    middle = clean - 3 * fall
    shifts = {str(k): Shift((3 - k) * fall, 0.0) for k in range(1, 6)}
    return {
        "clean": Evidence("clean", expit(clean), n),
        "stain": Evidence("stain", expit(middle), n, shifts),
        "occlusion": Evidence("occlusion", expit(middle + 0.2), n),
    }


def said(strength):
    return replace(get_scenario("stain", SUITES), strength=strength)


def test_the_line_runs_through_what_is_known_and_goes_on():
    one = submission(3.0, 0.5)
    made = line(one, said("4"))
    for t in (0, 1, 2.5, 5, 7):
        assert np.interp(t, GRID, made.logits) == pytest.approx(3.0 - 0.5 * t, abs=1e-6)
    assert made.slope == pytest.approx(-0.5)
    del one["clean"]  # flat below the least severity that is known
    assert np.interp(0.5, GRID, line(one, said("4")).logits) == pytest.approx(2.5)
    rising = submission(3.0, -0.2)
    assert np.ptp(line(rising, said("4")).logits) == pytest.approx(0)  # better at higher severities is chance
    assert line({"stain": Evidence("stain", 0.8, 90)}, said("")) is None


def test_of_a_suite_as_a_whole_the_line_passes_through_its_accuracy_in_the_middle():
    one = submission(3.0, 0.5)
    one["stain"] = Evidence("stain", 0.7, 4000, one["stain"].strengths)
    assert np.interp(3, GRID, line(one, said("")).logits) == pytest.approx(logit(0.7))


def test_the_contests_suites_are_points_of_one_line():
    one = {"an2dl": Evidence("an2dl", 0.8, 900, {"an2dl-mild": Shift(0.5, 0.1), "3": Shift(0.0, 0.0)})}
    one["an2dl-harsh"] = Evidence("an2dl-harsh", 0.6, 900)
    scenario = get_scenario("an2dl-typical", one)
    found = line(one, scenario).logits
    assert np.interp([2, 3, 4], GRID, found) == pytest.approx([logit(0.8) + 0.5, logit(0.8), logit(0.6)])
    assert prior(scenario) @ GRID == pytest.approx(3, abs=0.01)
    assert said_strengths(one["an2dl"]) == ["an2dl-mild", "3"]


@pytest.mark.parametrize("word", MEANT)
def test_what_words_mean(word):
    weights = prior(said(word))
    assert weights.sum() == pytest.approx(1)
    assert weights @ GRID == pytest.approx(MEANT[word], abs=0.1)
    assert weights @ (GRID - weights @ GRID) ** 2 == pytest.approx(WORD_SD**2, rel=0.2)
    assert said_strengths(submission(3.0, 0.5)["stain"]) == [*"12345", *MEANT]
    assert said_strengths(submission(3.0, 0.5)["clean"]) == []


def test_without_scores_it_is_the_mixture_over_the_strength():
    one = submission(3.0, 0.6)
    made = predict(one, said("harsh"))
    weights = prior(said("harsh"))
    logits = 3.0 - 0.6 * GRID
    assert made.mean == pytest.approx(weights @ logits)
    assert sum(weight for weight, _ in made.components) == pytest.approx(1)
    spread = sum(weight * beyond**2 for weight, beyond in made.components)
    assert spread == pytest.approx(weights @ (logits - made.mean) ** 2, rel=1e-2)
    assert sum(made.parts.values()) == pytest.approx(made.sd**2 + spread, rel=1e-2)


def test_one_score_says_how_strong_it_is_and_so_how_far_each_falls():
    steep, flat = submission(3.0, 0.8), submission(3.0, 0.2)
    for t in (2.5, 5.5):
        score = Entry(expit(3.0 - 0.8 * t), "p", steep)
        made = forecast(flat, "stain", [score], phase="p", strength="harsh")
        assert made.accuracy == pytest.approx(expit(3.0 - 0.2 * t), abs=0.02)
        before = forecast(flat, "stain", strength="harsh")
        assert made.high - made.low < before.high - before.low
    back = forecast(steep, "stain", [Entry(expit(3.0 - 0.2 * 5), "p", flat)], phase="p", strength="harsh")
    assert back.high - back.low > 0.1  # a robust one's score says little of it


def test_a_submission_without_severities_falls_as_the_one_that_is_forecast():
    known, bare = submission(3.0, 0.6), submission(3.0, 0.6)
    bare["stain"] = Evidence("stain", bare["stain"].accuracy, 4000)
    made = [forecast(known, "stain", [Entry(0.5, "p", one)], phase="p", strength="harsh") for one in (known, bare)]
    assert made[0].accuracy == pytest.approx(made[1].accuracy, abs=1e-6)
    assert predict(bare, said("")).components == ((1.0, 0.0),)


@pytest.mark.parametrize("k", [0, 1, 5])
def test_covers_what_it_claims_where_makers_mean_other_strengths(k):
    """A maker's strength is uniform, not normal; submissions fall at rates of their own, each off its line by something
    that all share and something of its own."""
    rng = np.random.default_rng(k)
    hits, trials = 0, 150
    for _ in range(trials):
        t = MEANT["harsh"] + rng.uniform(-1, 1) * WORD_SD * 3**0.5
        offset, common = rng.normal(0, OFFSET), rng.normal(0, 0.5**0.5, 2)
        made = []
        for _ in range(k + 1):
            clean, fall = rng.uniform(1, 4), rng.uniform(0.1, 0.7)
            true = submission(clean, fall)
            uneven, noise = common + rng.normal(0, 0.5**0.5, 2)
            own = UNEVEN * fall * uneven + NOISE * noise
            seen = {
                name: Evidence(name, rng.binomial(900, one.accuracy) / 900, 900, one.strengths)
                for name, one in true.items()
            }
            made.append((seen, rng.binomial(900, expit(clean - fall * t + offset + own)) / 900))
        entries = [Entry(score, "p", seen) for seen, score in made[1:]]
        one = forecast(made[0][0], "stain", entries, phase="p" if k else None, strength="harsh")
        hits += one.low <= made[0][1] <= one.high
    assert 0.85 <= hits / trials <= 0.99


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-2, 5),
    st.floats(-1, 3),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 3)), max_size=3),
    st.sampled_from(["", "1", "5", *MEANT]),
)
def test_any_line_gives_an_ordered_interval(clean, fall, scores, strength):
    entries = [Entry(score, "p", submission(2.0, own)) for score, own in scores]
    made = forecast(submission(clean, fall), "stain", entries, phase="p", strength=strength)
    assert 0 <= made.low <= made.accuracy <= made.high <= 1


def test_the_table_shows_severities_and_then_words_in_their_order():
    one = submission(3.0, 0.5)
    names = ("harsh", "3", "mild", "1")  # as a file may hold them
    made = {"stain": forecast(one, "stain").as_dict()}
    made |= {f"stain:{name}": forecast(one, "stain", strength=name).as_dict() for name in names}
    head, row = describe_forecasts(made).splitlines()[:2]
    assert head.split()[-7:] == ["severity", "1", "to", "5", "mild,", "typical,", "harsh"]
    shown = [float(value) for value in row.split("]")[1].split()]
    assert shown == [pytest.approx(made[f"stain:{name}"]["accuracy"], abs=5e-4) for name in ("1", "3", "mild", "harsh")]


def test_the_table_has_no_heading_without_figures_and_no_luck_of_nothing():
    one = submission(3.0, 0.5)
    made = {"stain": forecast(one, "stain").as_dict(), "stain:3": forecast(one, "stain", strength="3").as_dict()}
    told = describe_forecasts(made)
    assert told.splitlines()[0].endswith("at severity 1 to 5")
    assert "; nothing taken off for the luck of the best of 1 judged zips" in told
    made["stain"]["optimism"], made["stain"]["candidates"] = 0.0123, 4
    assert "; 0.0123 taken off for the luck of the best of 4 judged zips" in describe_forecasts(made)
