"""Which views a net votes with, and the command that says so."""

import json

import numpy as np
import pytest
from ensemble_tables import make_rows, member, softmax, write_cost, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.calibrate import fit_temperature, log_losses
from ensembles.tta_policy import main, tta_policy
from ensembles.views import calibrated_losses, choose_views
from submission.kit.blend import temper


def choose(probs_vnk, labels, first=0, shifted=None, groups=None):
    n = len(labels)
    shifted = np.ones(n, bool) if shifted is None else shifted
    groups = np.arange(n) if groups is None else groups
    return choose_views(probs_vnk, labels, np.full(n, 1 / n), groups, shifted, first)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 6.0), st.integers(0, 1000))
def test_calibrated_losses_are_those_at_the_best_temperature(temperature, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 80)
    probs = temper(member(labels, 1.0, rng, views=2), temperature)
    shares = rng.dirichlet(np.ones(80))
    losses, betas = calibrated_losses(probs, labels, shares, np.ones(2), 8)
    for one, beta, found in zip(probs, betas, losses, strict=True):
        best = fit_temperature(one, labels, shares)
        reference = shares @ log_losses(temper(one, best), labels)
        assert shares @ found <= reference + 1e-4
        np.testing.assert_allclose(found, log_losses(temper(one, 1 / beta), labels), atol=1e-6)


def test_views_of_independent_errors_are_taken_and_harmful_ones_are_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    good = member(labels, 1.5, rng, views=3)
    bad = member((labels + 1) % 3, 2.0, rng, views=1)  # sure of the wrong class
    votes = choose(np.concatenate([good[:1], bad, good[1:]]), labels)
    assert votes[0].view == 0
    assert {vote.view for vote in votes} == {0, 2, 3}
    assert all(vote.gain > vote.standard_error > 0 for vote in votes[1:])
    assert votes[-1].accuracy > votes[0].accuracy
    assert votes[-1].accuracy == pytest.approx(votes[-1].accuracy_shifted)


def test_a_view_that_only_softens_is_not_taken():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    sure = temper(member(labels, 1.5, rng, views=1), 0.3)
    softer = temper(sure, 20.0)
    assert [vote.view for vote in choose(np.concatenate([sure, softer]), labels)] == [0]


def test_a_view_that_helps_clean_images_and_harms_shifted_ones_is_not_taken():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    shifted = np.arange(600) < 200
    own = member(labels, 1.0, rng, views=1)
    other = member(labels, 3.0, rng, views=1)
    other[:, shifted] = own[:, shifted] * 0.7 + 0.3 * member((labels + 1) % 3, 1.0, rng, views=1)[:, shifted]
    probs = np.concatenate([own, other])
    assert [vote.view for vote in choose(probs, labels, shifted=shifted)] == [0]
    assert len(choose(probs, labels, shifted=np.zeros(600, bool))) >= 1
    assert choose(probs, labels, shifted=np.zeros(600, bool))[0].view == 1  # alone much better, and nothing is shifted


def test_the_start_is_another_view_only_where_it_is_surely_better():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 400)
    poor, good = member(labels, 0.2, rng, views=1), member(labels, 3.0, rng, views=1)
    assert choose(np.concatenate([poor, good]), labels)[0].view == 1
    same = softmax(np.log(good) + rng.normal(0, 1e-4, good.shape))
    assert choose(np.concatenate([good, same]), labels)[0].view == 0


def test_copies_of_a_picture_are_one_observation():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 40)
    probs = member(labels, 1.0, rng, views=2)
    once = choose(probs, labels)
    many = choose(np.tile(probs, (1, 25, 1)), np.tile(labels, 25), groups=np.tile(np.arange(40), 25))
    assert [vote.view for vote in once] == [vote.view for vote in many]
    np.testing.assert_allclose([v.standard_error for v in once], [v.standard_error for v in many], rtol=1e-6)


def test_one_view_is_chosen_of_one():
    rows = make_rows([1.0], views=1)
    (vote,) = choose(rows.probs_mvnk[0], rows.labels)
    assert (vote.view, vote.gain) == (0, 0.0)


@pytest.fixture
def artifacts(tmp_path):
    for n, name in enumerate(("a", "b")):
        write_run(tmp_path, name, 1.5, seed=n)
    write_cost(tmp_path / "runs" / "a", 1.25)
    return tmp_path


def test_the_command(artifacts, capsys):
    assert main(["--artifacts", str(artifacts)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("a, 1.25 ms a view and image\n")
    assert "  identity   1 views: shifted 0." in printed
    assert "  greedy: identity, flip +0." in printed
    assert printed.splitlines()[-1].endswith("tta_policy.json: 2 members, 4 views kept in all.")
    told = json.loads((artifacts / "ensemble" / "tta_policy.json").read_text())
    assert [member["run"] for member in told] == ["a", "b"]
    assert told[1]["ms_per_view"] is None
    assert sum(told[0]["learned"].values()) == pytest.approx(1)
    assert [policy["policy"] for policy in told[0]["policies"]] == ["identity", "plain", "greedy", "learned"]
    assert told[0]["policies"][0]["gain"] == 0 < told[0]["policies"][2]["gain"]
    assert len((artifacts / "ensemble" / "tta_policy.csv").read_text().splitlines()) == 5


def test_what_is_not_kept_is_told(artifacts, capsys):
    path = artifacts / "runs" / "a" / "probs_an2dl_select.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["probs"] = np.stack([arrays["probs"][0], np.roll(arrays["probs"][1], 1, axis=-1)])
    np.savez(path, **arrays)
    told = tta_policy(artifacts, ["a"], ["clean", "an2dl"], 0)
    assert told[0]["not_kept"] == ["flip"]
    assert main(["--artifacts", str(artifacts), "--runs", "a"]) == 0
    assert "  not kept, no sure gain: flip\n" in capsys.readouterr().out
