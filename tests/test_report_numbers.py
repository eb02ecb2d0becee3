"""What the report's tables and figures show, on numbers worked out by hand."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from local_eval.judged import Judged, Table
from local_eval.reporting import numbers
from local_eval.reporting.alike import ALIKE, trained_alike
from local_eval.reporting.calibration import calibration, reliability
from local_eval.reporting.gains import ensemble_gains, gain_figure, main_member, tta_gains
from local_eval.reporting.heat import STEPS, Scale, heat_colours, heat_css, luminance
from local_eval.reporting.ledger_plot import ledger_figure, ledger_points
from local_eval.reporting.overlap import overlap, policies_of
from local_eval.reporting.pictures import as_rgb
from local_eval.reporting.recall import operation_recall, suite_recall
from local_eval.reporting.severity import Curve, by_severity, by_strength, severity_figure
from local_eval.reporting.worst import top_probs, worst_images
from local_eval.score_table import answers_of
from local_eval.shifts import OPERATIONS
from submission.kit.image_set import ImageSet

ROOT = Path(__file__).parents[1]


def judged(labels, predictions, k=3, table=None, ids=None) -> Judged:
    """A finished run on made-up images whose grey is their row."""
    n = len(labels)
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 4, 4, 3))
    ids = np.array([f"{row}" for row in range(n)] if ids is None else ids)
    names = {"class_names": ["a", "b", "c", "d"][:k]}
    return Judged(Path("nowhere"), ImageSet(images, np.array(labels), ids, names), {}, np.array(predictions), table)


def tabled(labels, tops_mvn, k=2, weights_mv=((1.0,),), temperatures=None) -> Judged:
    """A run whose members give the probability `tops` to class 0 and the rest to class 1."""
    from submission.kit.blend import blend

    tops = np.array(tops_mvn, float)
    temperatures = temperatures or [1.0] * len(tops)
    probs = np.stack([tops, 1 - tops], -1).astype(np.float32)
    weights = np.array(weights_mv)
    blended = blend(probs, weights, list(temperatures))
    members, views = [f"m{n}" for n in range(len(tops))], ["identity", "flip"][: tops.shape[1]]
    table = Table(probs, blended, members, views, weights, np.array(temperatures))
    return judged(labels, blended.argmax(-1), k, table)


def shares(found):
    return [(one.name, one.correct, one.n) for one in found]


def test_reliability_by_hand():
    probs = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]])
    found = reliability(np.array([0, 1, 1, 1]), probs)
    np.testing.assert_allclose(found.confidence, [0.65, 0.95])
    np.testing.assert_allclose(found.accuracy, [1.0, 0.5])
    assert found.count.tolist() == [2, 2]
    assert found.error == pytest.approx((0.35 + 0.45) / 2)
    assert found.mean_confidence == pytest.approx(0.8)


def test_calibration_before_and_after_by_hand():
    """Temperature 1/2 squares the odds: 0.8 to 16/17. All are right, so the error is what lacks to 1."""
    found = calibration(tabled([0, 0, 0], [[[0.8, 0.8, 0.8]]], temperatures=[0.5]))
    assert found.before.error == pytest.approx(0.2, abs=1e-6)
    assert found.after.error == pytest.approx(1 / 17, abs=1e-6)
    assert calibration(judged([0], [0])) is None


def test_confusion_by_hand():
    run = judged([0, 0, 1, 2], [0, 1, 1, 1])
    assert numbers.confusion(run).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert numbers.worst_confusions(run) == [("a", "b", 1), ("c", "b", 1)]
    assert numbers.hardest(run, 5).tolist() == [1, 3]


def test_recall_by_hand():
    run = judged([0, 0, 1, 2], [0, 1, 1, 1], k=4)
    row = suite_recall("mine", run)
    assert (row.name, row.all.correct, row.all.n) == ("mine", 2, 4)
    assert shares(row.classes) == [("a", 1, 2), ("b", 1, 1), ("c", 0, 1), ("d", 0, 0)]
    rows = operation_recall(run, [("x",), ("x", "y"), (), ("y", "y")])
    assert shares(row.all for row in rows) == [("y", 0, 2), ("x", 1, 2), ("none", 1, 1)]
    assert shares(rows[0].classes) == [("a", 0, 1), ("b", 0, 0), ("c", 0, 1), ("d", 0, 0)]


def test_severity_by_hand():
    right = np.array([True, False, True, True, False])
    points = by_severity(right, np.array([2, 5, 2, 1, 5]))
    assert shares(points) == [("1", 1, 1), ("2", 2, 2), ("5", 0, 2)]
    families = by_strength({"an2dl-harsh": right, "an2dl": right[2:], "stain": right, "fog-mild": right})
    assert {name: shares(found) for name, found in families.items()} == {"an2dl": [("typical", 2, 3), ("harsh", 3, 5)]}
    figure = severity_figure(Curve("mine", points, None), 0.9)
    assert figure.startswith("data:image/svg+xml;base64,")
    assert figure == severity_figure(Curve("mine", points, None), 0.9)


def test_gains_by_hand():
    """One view of the ensemble is wrong for the first two of four, both views together for none."""
    run = tabled([0, 0, 0, 0], [[[0.4, 0.4, 0.9, 0.9], [0.9, 0.9, 0.9, 0.9]]], weights_mv=[[0.5, 0.5]])
    answers = {"s": answers_of("s", run)}
    (gain,) = tta_gains({"s": run}, answers)
    assert (gain.suite, gain.paired.difference, gain.paired.only_b, gain.paired.only_a) == ("s", 0.5, 2, 0)
    assert gain.p_holm == pytest.approx(0.5) and gain.verdict == "unclear"
    assert ensemble_gains({"s": run}, answers) == []  # one member
    assert gain_figure([gain], "TTA") == gain_figure([gain], "TTA")


def test_the_ensemble_is_held_against_its_member_of_most_weight():
    """m1 has the most weight and is right for ten of twelve, m0 for none; the ensemble is right for none of those."""
    tops = [[[0.0] * 12], [[0.55] * 10 + [0.1] * 2], [[0.1] * 12]]
    run = tabled([0] * 12, tops, weights_mv=[[0.3], [0.4], [0.3]])
    (gain,) = ensemble_gains({"s": run}, {"s": answers_of("s", run)})
    assert (gain.paired.only_a, gain.paired.only_b, gain.verdict) == (10, 0, "hurts")
    assert main_member({"s": run}) == "m1"
    assert tta_gains({"s": run}, {"s": answers_of("s", run)}) == []  # one view
    assert main_member({"s": judged([0], [0])}) is None


def test_overlap_by_hand():
    run = judged([0, 0, 0, 0, 0], [0, 0, 1, 0, 1])
    operations = [("shear",), ("shear", "text"), ("text",), (), ("glass_blur",)]
    found = overlap("mine", run, operations, {"shear_x", "shear_y", "flip"})
    assert found.marks == {"shear": ["shear_x", "shear_y"]}
    assert shares([found.whole, found.without, found.only]) == [("all", 3, 5), ("without", 1, 3), ("only", 2, 2)]


@pytest.mark.parametrize(
    ("suite", "name", "vocabulary", "expected"),
    [
        ("an2dl", "translate", ["translate_x", "zoom"], ["translate_x"]),
        ("bloodmnist-c", "brightness_up", ["brightness"], ["brightness"]),  # by the corruption's operation
        ("imagenet-c-full", "elastic_transform", ["elastic"], ["elastic"]),
        ("imagenet-c", "elastic_transform", ["noise"], []),
        ("somebodys", "elastic_transform", ["elastic"], []),
        ("somebodys", "new thing", ["new thing"], ["new thing"]),
    ],
)
def test_alike(suite, name, vocabulary, expected):
    assert trained_alike(suite, [name, "text"], vocabulary) == ({name: expected} if expected else {})


def test_every_operation_of_training_is_known():
    """By their names in the files: importing training takes Keras. The vocabulary is theirs and that of the stages."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "training/augment").glob("*.py"))
    registered = set(re.findall(r'^    name(?:: [^=]+)? = "([a-z_]+)"', text, re.MULTILINE))
    returned = {
        name
        for body in re.findall(r"def vocabulary\(self\).*?(?=\n\n)", text, re.DOTALL)
        for name in re.findall(r'"([a-z_]+)"', body)
    }
    assert len(registered) > 25 and {"mixup", "quarter_turn", "translate_mirrored"} <= returned
    assert registered | returned == set(ALIKE)
    assert {name for names in ALIKE.values() for name in names} <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("policies", "known", "unknown"),
    [
        ({"m0": {"name": "strong", "operations": ["bar"]}}, ["m0"], ["m1"]),
        ({"m0": {"name": "strong"}, "m1": "flips"}, [], ["m0", "m1"]),
        (["m0"], [], ["m0", "m1"]),
        (None, [], ["m0", "m1"]),
    ],
)
def test_policies_of_a_manifest(policies, known, unknown):
    found = policies_of({"members": [{"name": "m0"}, {"name": "m1"}], "policies": policies})
    assert (list(found[0]), found[1]) == (known, unknown)
    assert policies_of({}) == ({}, [])


def test_worst_images_beside_their_originals():
    clean = judged([0, 1], [0, 1], ids=["p", "q"])
    graded = judged([1, 0], [0, 1], ids=["q:fog:5", "x:fog:1"])
    runs = {"clean": clean, "fog-full": graded}
    first, second = worst_images("fog-full", runs, [("fog",), ("fog",)], np.array([5, 1]), 9)
    assert (first.true, first.seen.predicted, first.seen.wrong, first.severity) == ("b", "a", True, 5)
    assert first.clean is not None and (first.clean.predicted, first.clean.wrong) == ("b", False)
    assert second.clean is None and second.operations == ("fog",)
    assert worst_images("clean", runs, None, None, 9) == []
    assert worst_images("clean", {"clean": judged([0], [1])}, None, None, 9)[0].clean is None


@pytest.mark.parametrize(
    ("probs", "true", "expected"),
    [
        ([0.1, 0.5, 0.1, 0.3], 3, ["b", "d ✓", "a"]),
        ([0.2, 0.5, 0.0, 0.3], 2, ["b", "d", "c ✓"]),  # the true one is always there
        ([0.4, 0.6], 0, ["b", "a ✓"]),
    ],
)
def test_top_probs(probs, true, expected):
    found = top_probs(np.array(probs), true, ["a", "b", "c", "d"])
    assert [name + " ✓" * right for name, _, right in found] == expected
    assert all(prob == probs["abcd".index(name)] for name, prob, _ in found)


def record(sha256, accuracy, suite="an2dl", **more):
    scores = {"accuracy": accuracy}
    line = {"part": "judge", "suite": suite, "status": "Finished", "images": 1000, "scores": scores, "sha256": sha256}
    return line | more


def test_ledger_points_use_what_was_known_before():
    score = {"kind": "leaderboard", "phase": "dev"}
    records = [
        record("a", 0.9), record("b", 0.8),
        *(score | {"sha256": zip_, "score": value} for zip_, value in (("a", 0.8), ("b", 0.7), ("c", 0.5))),
    ]  # fmt: skip
    (first, second), left_out = ledger_points(records, "b")
    assert left_out == 1
    assert first.forecast == pytest.approx(0.9, abs=1e-3) and not first.own and second.own
    assert second.forecast < 0.79  # the first score was lower than forecast
    assert first.score < first.low < first.forecast < first.high and not first.inside
    assert ledger_points([], "b") == ([], 0)
    assert ledger_figure([first, second]).startswith("data:image/svg+xml")


def test_ledger_points_of_older_suites_are_told_apart():
    score = {"kind": "leaderboard", "phase": "dev"}
    records = [
        record("a", 0.9, fingerprint="old"), record("b", 0.9, fingerprint="old"), record("b", 0.8, fingerprint="new"),
        *(score | {"sha256": zip_, "score": 0.7} for zip_ in "ab"),
    ]  # fmt: skip
    (first, second), left_out = ledger_points(records, "b", {"an2dl": "new"})
    assert (first.current, second.current, left_out) == (False, True, 0)
    assert first.forecast == pytest.approx(0.9, abs=1e-3)
    assert second.forecast == pytest.approx(0.8, abs=1e-3)  # by its own suites, and not corrected by an older one's
    filled = ledger_figure([replace(one, current=True) for one in (first, second)])
    assert filled != ledger_figure([first, second])


def test_heat_is_read_by_lightness_alone():
    """The lightness rises from step to step, also as seen with the three kinds of colour blindness, and text shows."""
    blind = [  # Machado, Oliveira and Fernandes 2009, full severity, for linear RGB
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
    grounds = [to_rgb(ground) for ground, _ in heat_colours()]
    linear = np.array([[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb] for rgb in grounds])
    for matrix in [np.eye(3).tolist(), *blind]:
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) @ [0.2126, 0.7152, 0.0722]
        lightness = 116 * np.cbrt(seen) - 16
        assert (np.diff(lightness) > 1.0).all() and lightness[-1] - lightness[0] > 60
    for ground, text in heat_colours():
        pair = sorted((luminance(to_rgb(ground)), luminance(to_rgb(text))))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5
    assert heat_css().count("background: #") == STEPS


@pytest.mark.parametrize(
    ("value", "step"), [(0.5, 0), (0.1, 0), (1.0, STEPS - 1), (2.0, STEPS - 1), (0.75, round((STEPS - 1) / 2))]
)
def test_scale(value, step):
    assert Scale(0.5, 1.0).step(value) == step
    assert Scale(0.7, 0.7).step(0.7) == STEPS - 1


@pytest.mark.parametrize(("channels", "expected"), [(1, [7, 7, 7]), (2, [7, 7, 7]), (3, [7, 8, 9]), (4, [7, 8, 9])])
def test_as_rgb(channels, expected):
    image = np.tile(np.arange(7, 7 + channels, dtype=np.uint8), (2, 2, 1))
    assert as_rgb(image)[0, 0].tolist() == expected
