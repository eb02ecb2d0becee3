"""Methods, and what is said of them on images that they were not fitted on."""

import numpy as np
import pytest
from ensemble_tables import make_rows, member

from ensembles.choice import choose, format_table, method_line
from ensembles.limits import Limits
from ensembles.methods import METHODS, Method, forget, get_methods
from ensembles.nested import left_out_scores, nested_scores
from ensembles.paired import mean_and_error
from ensembles.rows import Rows
from submission.kit.errors import KitError

SHIPPED = [method for method in METHODS if method.ships]
LIMITS = Limits(9)


@pytest.fixture(autouse=True)
def nothing_kept():
    forget()


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
    np.testing.assert_allclose(method.fit(rows.with_members(order), 3), method.fit(rows, 3)[order], atol=1e-6)


def weights_of(name, rows, max_members=9):
    return get_methods([name])[0].fit(rows, max_members)


def test_methods_on_members_of_known_skill():
    rows = make_rows([-1.0, 4.0, 3.9], num_images=200)  # one harmful, two good
    assert weights_of("single", rows).tolist() in ([[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 0], [1, 0]])
    assert set(weights_of("single_tta", rows).ravel()) == {0, 0.5}
    np.testing.assert_allclose(weights_of("equal", rows), np.full((3, 2), 1 / 6))
    np.testing.assert_allclose(weights_of("equal", rows, 2)[0], 0)
    for name in ("top", "simplex_members", "simplex_views", "worst_family", "stack", "top_policy", "greedy_views"):
        np.testing.assert_allclose(weights_of(name, rows)[0], 0, err_msg=name)


@pytest.mark.parametrize("by_chance", [False, True])
def test_views_that_change_colours_count_only_where_they_are_chosen(by_chance):
    rows = make_rows([0.2, 0.3] if by_chance else [2.0, 2.0], num_images=200)
    probs = rows.probs_mvnk
    if by_chance:  # nets that are too sure under shift: whatever softens them lowers the log-loss
        probs = np.where(rows.shifted[:, None], probs**4 / (probs**4).sum(-1, keepdims=True), probs)
        other = np.random.default_rng(0).dirichlet(np.ones(3), (2, 1, len(rows.labels)))
    else:
        other = np.roll(probs[:, :1], 1, axis=-1)  # always wrong
    rows = Rows(
        np.concatenate([probs, other], axis=1).astype(np.float32),
        rows.labels,
        rows.shares,
        rows.groups,
        rows.suites,
        [*rows.views, "invert"],
        rows.temperatures_m,
    )
    for method in METHODS:
        assert method.fit(rows, 9)[:, 2].max() < 0.02, method.name


def test_the_worst_family_is_served():
    """Two nets, each blind to one family, one family with twice the suites: the mean would favour the other."""
    rng = np.random.default_rng(0)
    rows = make_rows([1.0, 1.0], suites=("an2dl", "stain"), num_images=200)
    probs = rows.probs_mvnk.copy()
    for m, suite, skill in ((0, "an2dl", 6.0), (0, "stain", -0.5), (1, "an2dl", 0.5), (1, "stain", 1.0)):
        here = rows.suites == suite
        probs[m][:, here] = member(rows.labels[here], skill, rng)
    rows = Rows(probs, rows.labels, rows.shares, rows.groups, rows.suites, rows.views, rows.temperatures_m)

    def worst(name):
        mixed = rows.mixture(weights_of(name, rows))
        losses = -np.log(mixed[np.arange(len(mixed)), rows.labels])
        return max(losses[rows.suites == suite].mean() for suite in ("an2dl", "stain"))

    assert worst("worst_family") < worst("simplex_members") - 0.005


def spy(seen):
    def fit(part, max_members):
        seen.append(part)
        return np.full(part.probs_mvnk.shape[:2], 1 / part.probs_mvnk[:, :, 0, 0].size)

    return Method("spy", "", fit)


def test_a_nested_score_never_sees_the_picture_it_scores():
    rows = make_rows([1.0, 1.0], num_images=23)
    rows = Rows(
        rows.probs_mvnk, rows.labels, rows.shares, rows.groups // 2, rows.suites, rows.views, rows.temperatures_m
    )  # near-duplicates in pairs
    seen = []
    score = nested_scores(rows, [spy(seen)], LIMITS, seed=0)["spy"]
    everything = set(rows.groups)
    held_out = [everything - set(part.groups) for part in seen]
    assert len(seen) == 5
    assert sorted(group for part in held_out for group in part) == sorted(everything)  # each once
    # with weights that are not fitted, nesting changes nothing but the temperature
    mixed = rows.probs_mvnk.mean((0, 1))
    assert score.accuracy == pytest.approx(rows.shares @ (mixed.argmax(-1) == rows.labels))
    assert score.side_accuracy(False) == pytest.approx((mixed.argmax(-1) == rows.labels)[~rows.shifted].mean())
    assert score.suite_accuracy("an2dl") == score.side_accuracy(True) == score.family_accuracies()["an2dl"]
    np.testing.assert_allclose(score.raw_confidence, mixed.max(-1), rtol=1e-6)
    recalls = [
        rows.shares[rows.labels == k] @ score.correct[rows.labels == k] / rows.shares[rows.labels == k].sum()
        for k in range(3)
    ]
    assert score.balanced_accuracy == pytest.approx(np.mean(recalls))


def test_a_family_left_out_is_seen_by_no_fit_that_it_scores():
    rows = make_rows([1.0, 1.0], num_images=20, suites=("an2dl", "an2dl-mild", "stain", "occlusion"))
    seen = []
    score = left_out_scores(rows, [spy(seen)], LIMITS, seed=0, clean_share=0.2)["spy"]
    assert len(seen) == 3 * 2
    assert [sorted(set(part.families)) for part in seen[::2]] == [
        ["clean", "occlusion", "stain"],
        ["an2dl", "clean", "stain"],
        ["an2dl", "clean", "occlusion"],
    ]
    assert all(len(set(part.groups)) == 10 for part in seen)
    assert score.rows.shifted.all() and len(score.correct) == 80
    mixed = score.rows.probs_mvnk.mean((0, 1))
    np.testing.assert_array_equal(score.correct, mixed.argmax(-1) == score.rows.labels)
    assert left_out_scores(make_rows([1.0]), [spy(seen)], LIMITS, 0, 0.2) == {}  # one family alone


def test_pooling_and_calibrating_halves_the_calibration_error_of_nets_that_are_too_sure():
    rows = make_rows([1.5, 1.5, 1.5], num_images=400)
    sharp = np.array([2.5, 2.5, 2.5])
    raw = Rows(rows.probs_mvnk, rows.labels, rows.shares, rows.groups, rows.suites, rows.views, 1 / sharp)
    score = nested_scores(raw, get_methods(["equal"]), LIMITS, 0)["equal"]
    before, after = score.calibration_errors()
    assert after < before / 2


def test_standard_errors():
    assert mean_and_error(np.array([1.0, 0.0, 1.0, 0.0])) == pytest.approx((0.5, np.sqrt(1 / 3 / 4)))
    rows = make_rows([1.0, 0.5], num_images=40)
    scores = nested_scores(rows, get_methods(["equal", "single"]), LIMITS, 0)
    single, equal = scores["single"], scores["equal"]
    values = 40 * np.bincount(rows.groups, rows.shares * equal.correct)
    assert equal.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert equal.gain_over(single)[0] == pytest.approx(equal.accuracy - single.accuracy)
    assert equal.gain_over(equal) == (0, 0)


def test_the_simplest_method_within_one_standard_error_is_chosen():
    quick = get_methods(["quick", "stack_full"])
    scores = nested_scores(make_rows([-2.0, -2.0, 4.0], num_images=200, views=1), quick, LIMITS, 0)
    assert scores["equal"].accuracy < 0.9 < scores["single"].accuracy
    assert choose(scores) == "single"
    assert choose(nested_scores(make_rows([4.0, 4.0, 4.0], num_images=200), quick, LIMITS, 0)) == "equal"


def test_what_cannot_be_shipped_is_never_chosen():
    scores = nested_scores(make_rows([0.5, 0.5], num_images=40), get_methods(["equal", "stack_full"]), LIMITS, 0)
    perfect = scores["equal"].__class__(
        *[np.ones_like(x) for x in (scores["equal"].correct,) * 5], scores["equal"].rows
    )
    assert choose(scores | {"stack_full": perfect}) == "equal"


def test_nesting_needs_two_images():
    with pytest.raises(KitError, match="at least 2 images"):
        nested_scores(make_rows([1.0], num_images=1), METHODS[:1], LIMITS, seed=0)


def test_unknown_methods_are_all_named():
    assert [method.name for method in get_methods(["greedy", "equal"])] == ["equal", "greedy"]
    assert get_methods(["all"]) == list(METHODS)
    with pytest.raises(KitError, match=r"expected methods among quick, all, .*Received: best, magic"):
        get_methods(["best", "greedy", "magic"])


def test_the_table_leaves_out_what_it_cannot_say():
    rows = make_rows([1.0, 0.5], num_images=40, suites=())
    (method,) = get_methods(["equal"])
    score = nested_scores(rows, [method], LIMITS, 0)["equal"]
    line = method_line(method, score, None, method.fit(rows, 9), LIMITS, "equal")
    assert (line["accuracy_shifted"], line["accuracy_family_left_out"], line["seconds"]) == (None, None, None)
    head, body = format_table([line]).splitlines()
    assert "shifted" not in head and "unseen" not in head
    assert body.split()[:3] == ["equal", "2", "4"] and "* equal weights" in body
