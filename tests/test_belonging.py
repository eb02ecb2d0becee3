"""Which forecasts leaderboard scores move: those of their own scenario."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from local_eval.forecasting.belonging import BEFORE, Belief, believe
from local_eval.forecasting.evidence import Evidence
from local_eval.forecasting.forecast import forecast
from local_eval.forecasting.logit import expit, logit
from local_eval.forecasting.posterior import HIDDEN_IMAGES, PHASE_SD, Entry, Predicted, predict
from local_eval.forecasting.scenarios import get_scenario

SUITES = {"clean": 0.97, "an2dl": 0.85, "imagenet-c": 0.7, "stain": 0.9}


def suites(shift=0.0, n=900):
    return {name: Evidence(name, expit(logit(value) + shift), n) for name, value in SUITES.items()}


def entries(scores, phase="final"):
    return [Entry(score, phase, suites(shift)) for score, shift in zip(scores, (-0.2, 0.1, 0.3), strict=False)]


def test_scores_of_shifted_images_leave_the_clean_forecast_alone():
    without = forecast(suites(), "clean")
    made = forecast(suites(), "clean", entries([0.75, 0.8, 0.82]))
    assert made.belongs < 0.01
    assert made.accuracy == pytest.approx(without.accuracy, abs=0.002)
    assert made.high - made.low == pytest.approx(without.high - without.low, rel=0.05)
    assert "hardly of images like clean" in made.warnings[0] and "hardly correct" in made.warnings[0]
    lone = {"clean": suites()["clean"]}  # no other suite that could explain them
    made = forecast(lone, "clean", [Entry(0.75, "final", lone)])
    assert made.belongs < 0.01 and made.accuracy == pytest.approx(0.97, abs=0.002)


def test_scores_correct_the_scenario_that_they_are_of():
    made = forecast(suites(), "an2dl-typical", entries([0.75, 0.8, 0.82]))
    assert made.belongs > 0.8 and not made.warnings
    assert made.accuracy < forecast(suites(), "an2dl-typical").accuracy - 0.01


def test_clean_scores_correct_the_clean_forecast():
    made = forecast(suites(), "clean", entries([0.955, 0.965, 0.97]))
    assert made.belongs > 0.8
    assert made.accuracy < 0.97 and made.high - made.low < forecast(suites(), "clean").high - 0.97 + 0.03


def test_of_a_phase_that_has_scores_the_forecast_follows_them_where_the_name_is_wrong():
    scores = entries([0.55, 0.62, 0.65])
    named = forecast(suites(), "clean", scores, phase="final")
    unknown = forecast(suites(), "unknown", scores, phase="final")
    assert named.belongs < 0.01
    assert named.accuracy == pytest.approx(unknown.accuracy, abs=0.002)
    assert "follows the scores" in named.warnings[0]


def test_the_probability_is_bayes_rule_by_hand():
    one = {"clean": Evidence("clean", 0.9, 400), "stain": Evidence("stain", 0.8, 400)}
    (entry,) = [Entry(0.85, "p", one)]
    made = believe(one, get_scenario("stain", one), [entry])
    likelihoods = []
    for name in ("stain", "unknown"):
        scenario = get_scenario(name, one)
        x = np.array([one[suite].logit for suite in scenario.weights])
        w, f = (np.array(list(part.values())) for part in (scenario.weights, scenario.families))
        errors = np.array([one[suite].standard_error for suite in scenario.weights])
        spread = scenario.spread**2 * float((f * (x - x @ w) ** 2).sum())
        own = (errors @ w) ** 2 + 1 / (HIDDEN_IMAGES * 0.85 * 0.15)
        sd = math.sqrt(spread + scenario.offset**2 + scenario.noise**2 + PHASE_SD**2 + own)
        likelihoods.append(NormalDist(float(x @ w), sd).pdf(logit(0.85)))
    wanted = BEFORE * likelihoods[0] / (BEFORE * likelihoods[0] + (1 - BEFORE) * likelihoods[1])
    assert made.belongs == pytest.approx(wanted)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_quantiles_of_the_mixture_agree_with_draws(weight):
    rng = np.random.default_rng(0)
    one, other = Predicted(0.0, 0.5, {}), Predicted(2.0, 0.3, {})
    first = rng.random(200_000) < weight
    drawn = np.where(first, rng.normal(0, 0.5, 200_000), rng.normal(2, 0.3, 200_000))
    belief = Belief(weight, one, other, True)
    for share in (0.05, 0.5, 0.9):
        assert logit(belief.quantile(share)) == pytest.approx(np.quantile(drawn, share), abs=0.03)


def test_without_scores_and_for_unknown_nothing_is_mixed():
    for name, given in (("an2dl-typical", []), ("unknown", entries([0.7]))):
        scenario = get_scenario(name, SUITES)
        made = believe(suites(), scenario, given)
        assert made.belongs == 1 and made.corrected == predict(suites(), scenario, given)


def test_covers_where_the_scenario_that_is_named_is_wrong_half_of_the_time():
    """The hidden images are like the named suite or like another one; three submissions have scores of them."""
    rng = np.random.default_rng(0)
    hits, trials, errors = 0, 200, []
    for trial in range(trials):
        like = ("stain", "imagenet-c")[trial % 2]
        offset, made = rng.normal(0, 0.25), []
        for _ in range(4):
            skill = rng.normal(0, 0.6)
            true = {name: expit(logit(value) + skill + rng.normal(0, 0.1)) for name, value in SUITES.items()}
            seen = {name: Evidence(name, rng.binomial(800, p) / 800, 800) for name, p in true.items()}
            made.append((seen, expit(logit(true[like]) + offset + rng.normal(0, 0.15))))
        scores = [Entry(rng.binomial(1000, truth) / 1000, "p", seen) for seen, truth in made[1:]]
        one = forecast(made[0][0], "stain", scores, phase="p")
        hits += one.low <= made[0][1] <= one.high
        errors.append(abs(one.accuracy - made[0][1]))
    assert hits / trials >= 0.86
    assert np.mean(errors) < 0.05
