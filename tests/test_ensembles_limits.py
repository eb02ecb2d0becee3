"""Costs, limits, and the order in which a slow platform runs members and views."""

import itertools

import numpy as np
import pytest
from ensemble_tables import make_rows, write_cost
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.limits import Cost, Limits, affordable, read_cost
from ensembles.order import gain_order
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json, write_text


def loss(label_probs_mvn, weights_mv, pairs):
    total = sum(weights_mv[pair] * label_probs_mvn[pair] for pair in pairs)
    return -np.log(total / sum(weights_mv[pair] for pair in pairs)).mean()


def test_the_order_by_hand():
    """Two nets, one view: the second is slightly worse and ten times as fast."""
    probs = np.array([[[0.9, 0.9]], [[0.8, 0.8]], [[0.1, 0.1]]])
    weights = np.array([[0.4], [0.4], [0.2]])
    shares = np.array([0.5, 0.5])
    assert gain_order(probs, shares, weights) == [(0, 0), (1, 0), (2, 0)]
    assert gain_order(probs, shares, weights, [10, 1, 1], [0, 0, 0]) == [(1, 0), (0, 0), (2, 0)]
    assert gain_order(probs, shares, weights, [1, 1, 1], [9, 0, 0]) == [(1, 0), (0, 0), (2, 0)]
    assert gain_order(probs, shares, np.array([[0.0], [1.0], [0.0]])) == [(1, 0)]


def test_loading_is_paid_once():
    """The first net's second view needs no loading, so that it is before the other net's first."""
    probs = np.array([[[0.91, 0.3], [0.3, 0.8]], [[0.3, 0.9], [0.1, 0.1]]])
    weights = np.array([[1, 1], [1, 0]]) / 3
    shares = np.array([0.5, 0.5])
    assert gain_order(probs, shares, weights) == [(0, 0), (1, 0), (0, 1)]
    assert gain_order(probs, shares, weights, [1, 1], [5, 5]) == [(0, 0), (0, 1), (1, 0)]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_every_step_is_the_best_for_its_time(seed):
    rng = np.random.default_rng(seed)
    probs, weights = rng.uniform(0.05, 1, (2, 3, 20)), rng.dirichlet(np.ones(6)).reshape(2, 3)
    order = gain_order(probs, np.full(20, 1 / 20), weights)
    assert sorted(order) == sorted(itertools.product(range(2), range(3)))
    first = min(itertools.product(range(2), range(3)), key=lambda pair: loss(probs, weights, [pair]))
    assert order[0] == first  # where all cost the same
    for n in range(1, 6):
        best = min(order[n:], key=lambda pair: loss(probs, weights, [*order[:n], pair]))
        assert order[n] == best


COSTS = [Cost(1.0, 500.0, 3.0), Cost(4.0, 0.0, 20.0)]


def test_costs_by_hand():
    limits = Limits(9, COSTS, num_images=1000)
    weights = np.array([[0.5, 0.25], [0.25, 0.0]])
    assert limits.seconds(weights) == pytest.approx(2 * 1.0 + 0.5 + 4.0)
    assert limits.size_mb(weights) == pytest.approx(23.5)
    assert limits.size_mb(weights * [[1], [0]]) == pytest.approx(3.5)
    assert Limits(9, [COSTS[0], None], 10).seconds(weights) is None
    assert Limits(9).size_mb(weights) is None


def test_the_making_of_views_counts_once_for_all_members():
    costs = [Cost(1.0, 500.0, 3.0, {"zoom_1.1": 2.0}), Cost(4.0, 0.0, 20.0, {"zoom_1.1": 2.5, "identity": 0.0})]
    limits = Limits(9, costs, num_images=1000, views=["identity", "zoom_1.1"])
    weights = np.array([[0.5, 0.25], [0.0, 0.25]])
    assert limits.view_s == [0.0, 2.5]
    assert limits.seconds(weights) == pytest.approx(2 * 1.0 + 0.5 + 4.0 + 2.5)
    assert limits.of_views(["identity", "gamma_0.7"]).seconds(weights) == pytest.approx(9.0)  # unknown: as the dearest
    assert Limits(9, COSTS, 1000).view_s is None


def test_a_view_that_is_dear_to_make_comes_late():
    probs = np.array([[[0.5, 0.5], [0.9, 0.9]], [[0.5, 0.5], [0.8, 0.8]]])
    weights, shares = np.full((2, 2), 0.25), np.array([0.5, 0.5])
    assert gain_order(probs, shares, weights, [1, 1])[0] == (0, 1)
    assert gain_order(probs, shares, weights, [1, 1], view_s=[0, 1e6])[0] in ((0, 0), (1, 0))
    # once it is made, the other member has it for nothing: its pass is next
    order = gain_order(probs, shares, weights, [1, 1], view_s=[0, 5])
    assert order[order.index((0, 1)) + 1] == (1, 1)


def test_an_ensemble_is_cut_to_what_fits_and_never_above():
    rows = make_rows([1.5, 1.5], num_images=100)
    weights = np.full((2, 2), 0.25)
    for usable_s in (1.6, 2.6, 4.1, 6.6, 8.6, 10.6):
        limits = Limits(9, COSTS, num_images=1000, usable_s=usable_s)
        kept = limits.within(rows, weights)
        assert kept.sum() == pytest.approx(1)
        seconds = limits.seconds(kept)
        assert seconds is not None and seconds <= usable_s
    np.testing.assert_array_equal(kept, weights)  # the last holds all
    assert (Limits(9, COSTS, 1000, limit_mb=10).within(rows, weights)[1] == 0).all()


def test_a_member_without_weight_takes_over_where_none_with_weight_fits():
    rows = make_rows([1.0, 3.0], num_images=100)
    limits = Limits(9, COSTS, num_images=1000, usable_s=2.0)
    np.testing.assert_array_equal(limits.within(rows, np.array([[0.0, 0.0], [0.5, 0.5]])), [[1, 0], [0, 0]])


def test_which_members_are_affordable(tmp_path):
    names = ["small", "large"]
    assert affordable(Limits(9, [None, None]), names, 2, tmp_path) == [0, 1]  # without limits nothing is asked
    assert affordable(Limits(9, COSTS, 1000, usable_s=2.0), names, 2, tmp_path) == [0]
    assert affordable(Limits(9, COSTS, 1000, usable_s=4.0), names, 2, tmp_path) == [0, 1]
    with pytest.raises(KitError, match="none of today's weights for large"):
        affordable(Limits(9, [COSTS[0], None], 1000, limit_mb=1), names, 2, tmp_path)
    with pytest.raises(KitError, match=r"cheapest first\n  small: 1.5 s, 3.5 MB\n  large: 4.0 s, 20.5 MB\n"):
        affordable(Limits(9, COSTS, 1000, usable_s=1.0), names, 2, tmp_path)
    with pytest.raises(KitError, match=r"half or a quarter of the size: python -m submission.cost --precision"):
        affordable(Limits(9, COSTS, 1000, limit_mb=1.6), names, 2, tmp_path)
    smaller = [Cost(1.0, 500.0, 3.0, {}, {"float16": 1.6, "int8": 1.0}), COSTS[1]]
    with pytest.raises(KitError, match=r"Smaller, as measured: small in int8 1.0 MB; name it with --precision"):
        affordable(Limits(9, smaller, 1000, limit_mb=1.6), names, 2, tmp_path)


def test_the_cost_of_another_precision(tmp_path):
    whole = {"ms_per_image": 2, "load_ms": 3, "size_bytes": 4e6, "view_ms": {"flip": 0.5}}
    write_json(tmp_path / "a" / "cost.json", whole | {"variants": {"int8": whole | {"size_bytes": 1e6}}})
    assert read_cost(tmp_path, "a") == Cost(2, 3, 4.0, {"flip": 0.5}, {"int8": 1.0})
    assert read_cost(tmp_path, "a", "int8") == Cost(2, 3, 1.0, {"flip": 0.5})
    assert read_cost(tmp_path, "a", "float16") is None


def test_a_cost_is_of_these_weights_or_none(tmp_path):
    assert read_cost(tmp_path, "a") is None
    write_cost(tmp_path / "a", 2.0, 30.0, 4_000_000)
    assert read_cost(tmp_path, "a") == Cost(2.0, 30.0, 4.0)
    write_text(tmp_path / "a" / "best.weights.h5", "weights")
    value = {"ms_per_image": 1, "load_ms": 2, "size_bytes": 3, "weights_sha256": "other"}
    write_json(tmp_path / "a" / "cost.json", value)
    assert read_cost(tmp_path, "a") is None
    value["weights_sha256"] = sha256_file(tmp_path / "a" / "best.weights.h5")
    write_json(tmp_path / "a" / "cost.json", value)
    assert read_cost(tmp_path, "a") == Cost(1.0, 2.0, 3e-6)
    write_json(tmp_path / "a" / "cost.json", {"ms_per_image": "fast"})
    with pytest.raises(KitError, match=r"cost.json is damaged .*submission\.cost --artifacts"):
        read_cost(tmp_path, "a")
