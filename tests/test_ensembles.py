import csv
import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ensembles.calibrate import fit_temperature, log_loss
from ensembles.fit import choose, fit, main
from ensembles.greedy import greedy_weights
from ensembles.methods import METHODS
from ensembles.nested import mean_and_error, nested_score
from ensembles.rows import Rows, build_rows
from ensembles.simplex import simplex_weights
from ensembles.table import Table, load_select, predicted_runs
from submission.kit.blend import temper
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json, write_text
from submission.kit.probs_file import Probs, save_probs

VIEWS = ["identity", "flip"]


def softmax(logits):
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return exps / exps.sum(-1, keepdims=True)


def member(labels, skill, rng, num_classes=3, views=2):
    """(V, N, K) probabilities; the higher `skill`, the better."""
    logits = rng.normal(0, 1, (views, len(labels), num_classes))
    logits[:, np.arange(len(labels)), labels] += skill
    return softmax(logits)


def make_rows(skills, num_images=60, seed=0, views=2):
    """Rows with as many shifted as clean images; clean ones are easier."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num_images)
    shifted = np.stack([member(labels, skill, rng, views=views) for skill in skills])
    clean = np.stack([member(labels, skill + 1, rng, views=views) for skill in skills])
    ids = np.array([f"id{i}" for i in range(num_images)])
    names = [f"m{m}" for m in range(len(skills))]
    tables = [Table(names, VIEWS[:views], ids, labels, probs.astype(np.float32)) for probs in (shifted, clean)]
    return build_rows(*tables, [1.0] * len(skills), clean_share=0.2)


# --- temperatures


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_distorted_calibrated_probabilities_is_found(true_temperature):
    rng = np.random.default_rng(0)
    probs = softmax(rng.normal(0, 2, (20000, 4)))
    labels = (rng.random((20000, 1)) > probs.cumsum(1)).sum(1).clip(0, 3)  # drawn from the probabilities
    assert fit_temperature(temper(probs, 1 / true_temperature), labels) == pytest.approx(true_temperature, rel=0.03)


def test_no_other_temperature_is_better():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    probs = member(labels, 1.5, rng)[0]
    best = log_loss(temper(probs, fit_temperature(probs, labels)), labels)
    assert best <= min(log_loss(temper(probs, t), labels) for t in np.geomspace(0.06, 18, 200)) + 1e-8


def test_log_loss_by_hand():
    assert log_loss(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 0])) == pytest.approx(
        (np.log(2) + np.log(1e12)) / 2
    )


def test_a_temperature_needs_images():
    with pytest.raises(ValueError, match=r"at least 1\. Received: 0 and 0"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))


# --- simplex weights


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 10_000))
def test_simplex_weights_reach_what_slsqp_reaches(num_candidates, num_rows, seed):
    rng = np.random.default_rng(seed)
    probs = rng.beta(1, 1, (num_candidates, num_rows)).clip(0.01, 1)
    shares = rng.dirichlet(np.ones(num_rows))

    def loss(w):
        return -shares @ np.log(np.maximum(w @ probs, 1e-12))

    got = simplex_weights(probs, shares)
    reference = minimize(
        loss,
        np.full(num_candidates, 1 / num_candidates),
        bounds=[(0, 1)] * num_candidates,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-10, "maxiter": 500},
    )
    assert got.sum() == pytest.approx(1)
    assert (got >= 0).all()
    assert loss(got) <= reference.fun + 2e-5


def test_simplex_weights_by_hand():
    # one candidate is right on 3 of 4 rows, the other on 1: -3/4 log(.1+.8w) - 1/4 log(.9-.8w) is least at w = .8125
    probs = np.array([[0.9, 0.9, 0.9, 0.1], [0.1, 0.1, 0.1, 0.9]])
    np.testing.assert_allclose(simplex_weights(probs, np.full(4, 0.25), gap=1e-9), [0.8125, 0.1875], atol=1e-3)


def test_a_useless_candidate_gets_nothing_and_equal_ones_the_same():
    probs = np.array([[0.8, 0.7], [0.8, 0.7], [0.1, 0.1]])
    np.testing.assert_allclose(simplex_weights(probs, np.array([0.5, 0.5])), [0.5, 0.5, 0], atol=1e-4)


def test_simplex_weights_do_not_depend_on_the_order():
    probs = np.random.default_rng(0).random((5, 30)) + 0.01
    order = np.array([3, 0, 4, 1, 2])
    shares = np.full(30, 1 / 30)
    np.testing.assert_allclose(simplex_weights(probs[order], shares), simplex_weights(probs, shares)[order], atol=1e-9)


# --- greedy


def accuracy_and_loss(counts, probs, labels, shares):
    mean = np.tensordot(np.array(counts) / sum(counts), probs, 1)
    loss = shares @ -np.log(np.maximum(mean[np.arange(len(labels)), labels], 1e-12))
    return round(float(shares @ (mean.argmax(-1) == labels)), 12), loss


def plain_greedy(probs, labels, shares, max_candidates, steps):
    """The definition, with lists."""
    counts, prefixes = [0] * len(probs), []
    for _ in range(steps):
        options = []
        for p in range(len(probs)):
            more = [c + (q == p) for q, c in enumerate(counts)]
            if sum(c > 0 for c in more) <= max_candidates:
                accuracy, loss = accuracy_and_loss(more, probs, labels, shares)
                options.append(((-accuracy, counts[p] == 0, round(loss, 10), p), more))
        counts = min(options)[1]
        accuracy, loss = accuracy_and_loss(counts, probs, labels, shares)
        prefixes.append(((-accuracy, round(loss, 10)), counts))
    best = min(prefixes, key=lambda prefix: prefix[0])[1]
    return np.array(best) / sum(best)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000))
def test_greedy_follows_its_definition(num_candidates, max_candidates, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 15)
    probs = member(labels, 0.7, rng, views=num_candidates)
    shares = rng.dirichlet(np.ones(15))
    got = greedy_weights(probs, labels, shares, max_candidates, steps=8)
    np.testing.assert_allclose(got, plain_greedy(probs, labels, shares, max_candidates, 8))
    assert got.sum() == pytest.approx(1)
    assert 1 <= np.count_nonzero(got) <= max_candidates


def test_greedy_finds_the_best_of_all_mixtures_where_two_complement_each_other():
    labels = np.array([0, 0, 1, 1])
    probs = np.array(
        [
            [[0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.4, 0.6]],  # wrong on row 1, hesitating
            [[0.4, 0.6], [0.9, 0.1], [0.4, 0.6], [0.1, 0.9]],  # wrong on row 0, hesitating
            [[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.9, 0.1]],  # always wrong
        ]
    )
    shares = np.full(4, 0.25)
    got = greedy_weights(probs, labels, shares, max_candidates=3)
    best = max(accuracy_and_loss(c, probs, labels, shares)[0] for c in itertools.product(range(4), repeat=3) if sum(c))
    assert accuracy_and_loss(got, probs, labels, shares)[0] == best == 1
    assert got[2] == 0


@pytest.mark.parametrize("arguments", [{"max_candidates": 0}, {"max_candidates": 1, "steps": 0}])
def test_greedy_refuses_to_choose_nothing(arguments):
    with pytest.raises(ValueError, match="must be at least 1"):
        greedy_weights(np.ones((1, 1, 1)), np.zeros(1, int), np.ones(1), **arguments)


# --- rows, methods, nested scores


def test_rows_are_tempered_stacked_and_shared_out():
    probs = np.full((1, 1, 2, 2), 0.5, np.float32)
    probs[0, 0] = [[0.8, 0.2], [0.5, 0.5]]
    shifted = Table(["m"], ["identity"], np.array(["b", "a"]), np.array([1, 0]), probs)
    clean = Table(["m"], ["identity"], np.array(["a", "b"]), np.array([0, 1]), probs)
    rows = build_rows(shifted, clean, [0.5], clean_share=0.2)
    np.testing.assert_allclose(rows.probs_mvnk[0, 0, 0], [0.64 / 0.68, 0.04 / 0.68], rtol=1e-6)
    np.testing.assert_allclose(rows.shares, [0.4, 0.4, 0.1, 0.1])
    assert rows.images.tolist() == [1, 0, 0, 1]
    assert rows.labels.tolist() == [1, 0, 0, 1]
    np.testing.assert_allclose(rows.where(rows.shifted).shares, [0.5, 0.5])


def test_suites_of_other_images_are_refused():
    table = Table(["m"], ["identity"], np.array(["a"]), np.array([0]), np.ones((1, 1, 1, 1)))
    other = Table(["m"], ["identity"], np.array(["b"]), np.array([0]), np.ones((1, 1, 1, 1)))
    with pytest.raises(KitError, match="2 that are in one of them only"):
        build_rows(table, other, [1.0], 0.2)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("max_members", [1, 2, 9])
def test_every_method_gives_weights_on_the_simplex_within_the_limit(method, max_members):
    weights_mv = method.fit(make_rows([0.3, 1.0, 1.2, 0.5]), max_members)
    assert weights_mv.shape == (4, 2)
    assert (weights_mv >= 0).all()
    assert weights_mv.sum() == pytest.approx(1)
    assert 1 <= (weights_mv.sum(1) > 0).sum() <= max_members


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_no_method_depends_on_the_order_of_members(method):
    rows = make_rows([0.3, 1.0, 1.2, 0.5], seed=3)
    order = np.array([2, 0, 3, 1])
    shuffled = Rows(rows.probs_mvnk[order], rows.labels, rows.shares, rows.images, rows.shifted, rows.views)
    np.testing.assert_allclose(method.fit(shuffled, 3), method.fit(rows, 3)[order], atol=1e-6)


def weights_of(name, rows, max_members=9):
    return next(method for method in METHODS if method.name == name).fit(rows, max_members)


def test_methods_on_members_of_known_skill():
    rows = make_rows([-1.0, 4.0, 3.9], num_images=200)  # one harmful, two good
    assert weights_of("single", rows).tolist() in ([[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 0], [1, 0]])
    assert set(weights_of("single_tta", rows).ravel()) == {0, 0.5}
    np.testing.assert_allclose(weights_of("equal", rows), np.full((3, 2), 1 / 6))
    np.testing.assert_allclose(weights_of("equal", rows, 2)[0], 0)
    np.testing.assert_allclose(weights_of("top", rows)[0], 0)
    np.testing.assert_allclose(weights_of("simplex_members", rows)[0], 0)
    np.testing.assert_allclose(weights_of("simplex_views", rows)[0], 0)


def test_a_nested_score_never_sees_the_image_it_scores():
    rows = make_rows([1.0, 1.0], num_images=23)
    seen = []

    class Spy:
        name = "spy"

        @staticmethod
        def fit(part, max_members):
            seen.append(set(part.images))
            return np.full((2, 2), 0.25)

    score = nested_score(rows, Spy, 9, seed=0)
    everything = set(rows.images)
    held_out = [everything - part for part in seen]
    assert len(seen) == 5
    assert sorted(image for part in held_out for image in part) == sorted(everything)  # each image once
    # with weights that are not fitted, nesting changes nothing
    mixed = rows.probs_mvnk.mean((0, 1))
    assert score.accuracy == pytest.approx(rows.shares @ (mixed.argmax(-1) == rows.labels))
    assert score.loss == pytest.approx(rows.shares @ -np.log(mixed[np.arange(46), rows.labels]))
    assert score.suite_accuracy(False) == pytest.approx((mixed.argmax(-1) == rows.labels)[~rows.shifted].mean())


def test_standard_errors():
    assert mean_and_error(np.array([1.0, 0.0, 1.0, 0.0])) == pytest.approx((0.5, np.sqrt(1 / 3 / 4)))
    rows = make_rows([1.0, 0.5], num_images=40)
    single, equal = (nested_score(rows, METHODS[m], 9, seed=0) for m in (1, 0))
    values = 40 * np.bincount(rows.images, rows.shares * equal.correct)
    assert equal.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert equal.gain_over(single)[0] == pytest.approx(equal.accuracy - single.accuracy)
    assert equal.gain_over(equal) == (0, 0)


def test_the_simplest_method_within_one_standard_error_is_chosen():
    good_and_bad = make_rows([-2.0, -2.0, 4.0], num_images=200, views=1)
    scores = {method.name: nested_score(good_and_bad, method, 9, seed=0) for method in METHODS}
    assert scores["equal"].accuracy < 0.9 < scores["single"].accuracy
    assert choose(scores) == "single"
    alike = make_rows([4.0, 4.0, 4.0], num_images=200)
    assert choose({method.name: nested_score(alike, method, 9, seed=0) for method in METHODS}) == "equal"


def test_nesting_needs_two_images():
    with pytest.raises(KitError, match="at least 2 images"):
        nested_score(make_rows([1.0], num_images=1), METHODS[0], 1, seed=0)


# --- tables and the command


def write_run(artifacts, name, skill, seed, num_images=300, views=VIEWS, state="predicted", skill_under_shift=None):
    rng = np.random.default_rng(seed)
    labels = np.arange(num_images) % 3
    ids = np.array([f"id{i}" for i in range(num_images)])
    run_dir = artifacts / "runs" / name
    write_text(artifacts / "split" / "folds.csv", "today's split")
    write_json(run_dir / "config.json", {"data": {"folds_sha256": sha256_file(artifacts / "split" / "folds.csv")}})
    write_text(run_dir / "state.txt", state + "\n")
    shifted = skill if skill_under_shift is None else skill_under_shift
    for part, skill_here in (("oof", skill + 1), ("clean_select", skill + 1), ("an2dl_select", shifted)):
        order = rng.permutation(num_images)
        probs = member(labels[order], skill_here, rng, views=len(views)).astype(np.float32)
        own = np.array([f"{name}-{i}" for i in range(num_images)]) if part == "oof" else ids
        save_probs(run_dir / f"probs_{part}.npz", Probs(own[order], labels[order], probs, list(views)))
    return run_dir


@pytest.fixture
def artifacts(tmp_path):
    write_run(tmp_path, "a-f0-s0-1", 2.0, seed=0)
    write_run(tmp_path, "b-f1-s0-2", 2.2, seed=1)
    write_run(tmp_path, "c-f0-s0-3", 6.0, seed=2, skill_under_shift=-6.0)  # the best on clean images
    write_run(tmp_path, "d-f0-s0-4", 9.0, 9, state="trained")
    return tmp_path


def test_tables_are_joined_by_id(artifacts):
    write_run(artifacts, "e-f0-s0-5", 1.0, 7, views=VIEWS[::-1])
    runs = predicted_runs(artifacts / "runs")
    assert runs == ["a-f0-s0-1", "b-f1-s0-2", "c-f0-s0-3", "e-f0-s0-5"]
    table = load_select(artifacts / "runs", runs, "an2dl")
    assert table.probs_mvnk.shape == (4, 2, 300, 3)
    np.testing.assert_array_equal(table.labels, [int(image_id[2:]) % 3 for image_id in table.ids])
    with np.load(artifacts / "runs" / "e-f0-s0-5" / "probs_an2dl_select.npz") as file:
        row = list(file["ids"]).index("id7")
        here = list(table.ids).index("id7")
        np.testing.assert_array_equal(table.probs_mvnk[3, 0, here], file["probs"][1, row])  # identity is its second


@pytest.mark.parametrize("suite", ["an2dl_judge", "judge", "../judge/x", "an2dl/select"])
def test_what_judges_cannot_be_read(artifacts, suite):
    with pytest.raises(KitError, match="chosen on its select part"):
        load_select(artifacts / "runs", ["a-f0-s0-1"], suite)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": ["identity"]}, "have the same views and classes"),
        ({"num_images": 290}, r"same images\. Received: 10 ids are in one of them only"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(artifacts, change, message):
    write_run(artifacts, "e-f0-s0-5", 1.0, 7, **change)
    with pytest.raises(KitError, match=message):
        load_select(artifacts / "runs", ["a-f0-s0-1", "e-f0-s0-5"], "clean")


def test_other_labels_are_refused(artifacts):
    path = artifacts / "runs" / "b-f1-s0-2" / "probs_clean_select.npz"
    with np.load(path) as file:
        save_probs(path, Probs(file["ids"], (file["labels"] + 1) % 3, file["probs"], VIEWS))
    with pytest.raises(KitError, match=r"same labels\. Received: 300 labels differ"):
        load_select(artifacts / "runs", ["a-f0-s0-1", "b-f1-s0-2"], "clean")


def test_the_ensemble_file(artifacts):
    ensemble = fit(artifacts, None, max_members=8, seed=0)
    assert json.loads((artifacts / "ensemble" / "ensemble.json").read_text()) == ensemble
    names = [member["name"] for member in ensemble["members"]]
    weights_mv = np.array(ensemble["weights_mv"])
    assert names == ["a-f0-s0-1", "b-f1-s0-2"]  # chosen under shift; the fourth is not predicted
    assert weights_mv.shape == (2, len(ensemble["views"]))
    assert weights_mv.sum() == pytest.approx(1)
    assert all(0.05 <= member["temperature"] <= 20 for member in ensemble["members"])
    assert [line["method"] for line in ensemble["table"]] == [method.name for method in METHODS]
    assert [line["method"] for line in ensemble["table"] if line["chosen"]] == [ensemble["method"]]
    (alone,) = ensemble["left_out"]
    for key, suite in (("accuracy_shifted", "an2dl"), ("accuracy_clean", "clean")):
        table = load_select(artifacts / "runs", ["c-f0-s0-3"], suite)
        assert alone[key] == pytest.approx((table.probs_mvnk[0, 0].argmax(-1) == table.labels).mean())
    assert alone["run"] == "c-f0-s0-3"
    assert ensemble["tta_gain"]["shifted"] > 0  # two views of independent errors
    with (artifacts / "ensemble" / "table.csv").open(newline="") as file:
        assert [line["method"] for line in csv.DictReader(file)] == [method.name for method in METHODS]
    assert fit(artifacts, None, max_members=8, seed=0) == ensemble


def test_one_run_with_one_view_is_enough(artifacts):
    write_run(artifacts, "solo", 2.0, 5, views=["identity"])
    ensemble = fit(artifacts, ["solo"], max_members=1, seed=0)
    assert (ensemble["weights_mv"], ensemble["views"]) == ([[1.0]], ["identity"])
    assert ensemble["left_out"] == []
    assert ensemble["tta_gain"]["both"] == 0


def test_the_command(artifacts, capsys):
    assert main(["--artifacts", str(artifacts), "--runs", "a-f0-s0-1", "c-f0-s0-3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(METHODS) + 3
    assert re.fullmatch(
        r"left out, each alone under the identity view: c-f0-s0-3 \(shifted 0\.\d{4}, clean \d\.\d{4}\)", lines[-3]
    )
    assert lines[-2].startswith("TTA (2 views, ")
    assert "ensemble.json" in lines[-1] and "python -m submission.export" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "nope", "d-f0-s0-4"], r"a-f0-s0-1, b-f1-s0-2, c-f0-s0-3\. Received: nope, d-f0-s0-4"),
        (["--max-members", "0"], "must be at least 1. Received: 0"),
    ],
)
def test_bad_arguments_are_named(artifacts, arguments, message):
    with pytest.raises(KitError, match=message):
        main(["--artifacts", str(artifacts), *arguments])


def test_without_runs_or_predictions_the_error_names_the_command(artifacts, tmp_path_factory):
    with pytest.raises(
        KitError,
        match=r"Received: none\. Run `python -m training\.predict --artifacts .*empty0`, after training\.train",
    ):
        fit(tmp_path_factory.mktemp("empty"), None, 8, 0)
    (artifacts / "runs" / "a-f0-s0-1" / "probs_oof.npz").unlink()
    with pytest.raises(
        KitError, match=r"oof.npz is missing: run `python -m training\.predict --artifacts .* --run a-f0-s0-1`"
    ):
        fit(artifacts, None, 8, 0)


def test_runs_of_another_split_are_no_members(tmp_path):
    write_run(tmp_path, "a-f0-s0-1", 2.0, 1)
    write_text(tmp_path / "split" / "folds.csv", "tomorrow's split")
    with pytest.raises(KitError, match="predicted runs of today's split.*Received: a-f0-s0-1, all of another split"):
        main(["--artifacts", str(tmp_path)])
    with pytest.raises(KitError, match="a-f0-s0-1 was trained under another split"):
        main(["--artifacts", str(tmp_path), "--runs", "a-f0-s0-1"])
