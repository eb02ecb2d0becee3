"""The searches for weights, each against its definition or an independent solver."""

import itertools

import numpy as np
import pytest
from ensemble_tables import member
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ensembles.cma import cma_weights
from ensembles.greedy import greedy_weights
from ensembles.simplex import simplex_weights
from ensembles.stacking import full_stack, stacked_weights

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
    assert got.sum() == pytest.approx(1)
    assert (got >= 0).all()
    assert loss(got) <= solved(loss, num_candidates) + 2e-5


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(6, 40), st.integers(0, 10_000))
def test_weights_for_the_worst_group_reach_what_slsqp_reaches(num_candidates, num_rows, seed):
    rng = np.random.default_rng(seed)
    probs = rng.beta(1, 1, (num_candidates, num_rows)).clip(0.02, 1)
    shares = rng.dirichlet(np.ones(num_rows) * 5)
    groups = np.arange(num_rows) % 3

    def worst(w, sharpness=20.0):
        losses = np.array(
            [-shares[groups == g] @ np.log(w @ probs[:, groups == g]) / shares[groups == g].sum() for g in range(3)]
        )
        return np.log(np.exp(sharpness * losses).mean()) / sharpness

    got = simplex_weights(probs, shares, groups=groups, sharpness=20.0)
    assert got.sum() == pytest.approx(1)
    assert worst(got) <= solved(worst, num_candidates) + 1e-4


def solved(loss, num_candidates):
    reference = minimize(
        loss,
        np.full(num_candidates, 1 / num_candidates),
        bounds=[(1e-9, 1)] * num_candidates,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-10, "maxiter": 500},
    )
    return reference.fun


def test_simplex_weights_by_hand():
    # one candidate is right on 3 of 4 rows, the other on 1: -3/4 log(.1+.8w) - 1/4 log(.9-.8w) is least at w = .8125
    probs = np.array([[0.9, 0.9, 0.9, 0.1], [0.1, 0.1, 0.1, 0.9]])
    np.testing.assert_allclose(simplex_weights(probs, np.full(4, 0.25), gap=1e-9), [0.8125, 0.1875], atol=1e-3)
    # the last row alone is the worst group: the two groups are level at equal weights
    groups = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(simplex_weights(probs, np.full(4, 0.25), 1e-9, groups=groups), [0.5, 0.5], atol=1e-3)


def test_a_useless_candidate_gets_nothing_and_equal_ones_the_same():
    probs = np.array([[0.8, 0.7], [0.8, 0.7], [0.1, 0.1]])
    np.testing.assert_allclose(simplex_weights(probs, np.array([0.5, 0.5])), [0.5, 0.5, 0], atol=1e-4)


def test_simplex_weights_do_not_depend_on_the_order():
    probs = np.random.default_rng(0).random((5, 30)) + 0.01
    order = np.array([3, 0, 4, 1, 2])
    shares = np.full(30, 1 / 30)
    np.testing.assert_allclose(simplex_weights(probs[order], shares), simplex_weights(probs, shares)[order], atol=1e-9)


# --- greedy


def plain_greedy(probs, labels, shares, max_owners, steps, owners=None):
    """The definition in plain Python, with lists and whole numbers."""
    unit, share_unit = 2**24, 2**40
    num_candidates, num_rows, num_classes = probs.shape
    owners = list(range(num_candidates)) if owners is None else list(owners)
    units = [
        [[round(float(probs[p, n, k]) * unit) for k in range(num_classes)] for n in range(num_rows)]
        for p in range(num_candidates)
    ]
    share_units = [round(float(share) * share_unit) for share in shares]

    def key(counts):
        accuracy, loss = 0, 0.0
        for n in range(num_rows):
            total = [sum(counts[p] * units[p][n][k] for p in range(num_candidates)) for k in range(num_classes)]
            accuracy += share_units[n] * (total.index(max(total)) == labels[n])
            loss -= shares[n] * np.log(max(total[labels[n]] / (sum(counts) * unit), 1e-12))
        return -accuracy, round(float(loss), 10)

    counts, prefixes = [0] * num_candidates, []
    for _ in range(steps):
        options = []
        for p in range(num_candidates):
            more = [c + (q == p) for q, c in enumerate(counts)]
            if len({owners[q] for q, c in enumerate(more) if c}) <= max_owners:
                accuracy, loss = key(more)
                options.append(((accuracy, counts[p] == 0, loss, p), more))
        counts = min(options)[1]
        prefixes.append((key(counts), counts))
    best = min(prefixes, key=lambda prefix: prefix[0])[1]
    return np.array(best) / sum(best)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(2, 4), st.booleans(), st.integers(0, 10_000))
def test_greedy_equals_its_definition(num_candidates, max_owners, num_classes, coarse, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, 13)
    probs = member(labels, 0.7, rng, num_classes, views=num_candidates).astype(np.float32)
    if coarse:  # many ties, of classes and of candidates
        probs = np.round(probs * 4) / 4
    shares = rng.dirichlet(np.ones(13)) if seed % 2 else np.full(13, 1 / 13)
    owners = np.arange(num_candidates) // 2 if seed % 3 else None
    got = greedy_weights(probs, labels, shares, max_owners, steps=7, owners=owners)
    np.testing.assert_array_equal(got, plain_greedy(probs, labels, shares, max_owners, 7, owners))
    assert got.sum() == pytest.approx(1)


def test_greedy_equals_its_definition_where_most_rows_are_settled():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 60)
    probs = member(labels, 3.0, rng, 4, views=6).astype(np.float32)
    shares = np.full(60, 1 / 60)
    np.testing.assert_array_equal(
        greedy_weights(probs, labels, shares, 6, steps=20), plain_greedy(probs, labels, shares, 6, 20)
    )


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

    def accuracy(counts):
        mean = np.tensordot(np.array(counts) / sum(counts), probs, 1)
        return round(float(shares @ (mean.argmax(-1) == labels)), 12)

    got = greedy_weights(probs, labels, shares, max_owners=3)
    assert accuracy(got) == max(accuracy(c) for c in itertools.product(range(4), repeat=3) if sum(c)) == 1
    assert got[2] == 0


@pytest.mark.parametrize(
    "arguments", [{"max_owners": 0}, {"max_owners": 1, "steps": 0}, {"max_owners": 1, "steps": 101}]
)
def test_greedy_refuses_what_it_cannot_count(arguments):
    with pytest.raises(ValueError, match="expected max_owners from 1, steps from 1 to 100"):
        greedy_weights(np.ones((1, 1, 1)), np.zeros(1, int), np.ones(1), **arguments)


# --- evolution strategy and stacking


def balanced_accuracy(weights, probs, labels):
    mixed = np.tensordot(weights, probs, 1)
    return np.mean([(mixed.argmax(-1) == labels)[labels == k].mean() for k in np.unique(labels)])


def test_the_evolution_strategy_weighs_rare_classes_as_common_ones():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [160, 30, 10])
    probs = np.stack([member(labels, skill, rng, views=1)[0] for skill in (0.2, 1.0, 1.2, 0.9)])
    probs[0, labels == 2] = [0.05, 0.05, 0.9]  # the first is poor but knows the rare class
    shares = np.full(200, 1 / 200)
    got = cma_weights(probs, labels, shares)
    assert got.sum() == pytest.approx(1)
    assert (got >= 0).all()
    equal = balanced_accuracy(np.full(4, 0.25), probs, labels)
    assert balanced_accuracy(got, probs, labels) >= equal + 0.02
    np.testing.assert_array_equal(cma_weights(probs, labels, shares), got)
    assert cma_weights(probs[:1], labels, shares).tolist() == [1]


def test_stacked_weights_name_the_classes_that_the_regression_names():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    probs = np.stack([member(labels, skill, rng, views=1)[0] for skill in (2.0, 1.0, -1.0)])
    got = stacked_weights(probs, labels, np.full(300, 1 / 300))
    assert got[0] > got[1] > got[2] == 0
    assert got.sum() == pytest.approx(1)


def test_the_full_stack_learns_to_swap_classes_that_a_net_swaps():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 200)
    swapped = member((labels + 1) % 3, 4.0, rng, views=1)  # always names the next class
    answer = full_stack(swapped, labels, np.full(200, 1 / 200), swapped)
    assert (answer.argmax(-1) == labels).mean() > 0.9
    np.testing.assert_allclose(answer.sum(-1), 1)
    seen = full_stack(swapped[:, labels < 2], labels[labels < 2], np.full((labels < 2).sum(), 0.1), swapped)
    assert seen.shape == (200, 3) and not seen[:, 2].any()
