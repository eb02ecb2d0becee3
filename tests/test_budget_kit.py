"""Time and memory of a prediction, with a clock and nets that are made up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit import predictor as predictor_module
from submission.kit.blend import blend
from submission.kit.budget import SAFETY, Costs, Deadline, find_limit_s
from submission.kit.errors import KitError
from submission.kit.predictor import Predictor
from submission.kit.tta import get_view

SHAPE, CLASSES = (4, 4, 1), ["a", "b", "c"]
VIEWS = ["identity", "flip", "shift_1_0"]
TEMPERATURES = [1.5, 0.8]
WEIGHTS = [[0.3, 0.15, 0.1], [0.2, 0.25, 0.0]]
ORDER = [[1, 1], [0, 0], [1, 0], [0, 1], [0, 2]]
IMAGES = np.random.default_rng(0).integers(0, 256, (50, *SHAPE), dtype=np.uint8)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Net:
    """Takes `seconds` an image, `slower` after `turn` images; probabilities hang on the image alone."""

    image_shape, num_classes = SHAPE, len(CLASSES)

    def __init__(self, m, clock, seconds, largest=10**6, turn=10**9, slower=1.0):
        self.m, self.clock, self.seconds, self.largest, self.turn, self.slower = (
            m,
            clock,
            seconds,
            largest,
            turn,
            slower,
        )
        self.sizes = []

    def __call__(self, images):
        if len(images) > self.largest:
            raise MemoryError
        done = sum(self.sizes)
        self.sizes.append(len(images))
        self.clock.now += self.seconds * len(images) * (self.slower if done >= self.turn else 1.0)
        logits = images.reshape(len(images), -1)[:, [self.m, 5, 9 + self.m]].astype(np.float64) / 64
        powers = np.exp(logits)
        return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def write(folder, **changes):
    value = {
        "members": [{"name": f"m{m}", "path": f"members/m{m}", "temperature": TEMPERATURES[m]} for m in range(2)],
        "views": VIEWS, "weights_mv": WEIGHTS, "class_names": CLASSES, "image_shape": SHAPE, **changes,
    }  # fmt: skip
    for m in range(2):
        (folder / "members" / f"m{m}").mkdir(parents=True, exist_ok=True)
        (folder / "members" / f"m{m}" / "saved_model.pb").write_bytes(b"x" * 1000 * (m + 1))
    (folder / "manifest.json").write_text(json.dumps({key: one for key, one in value.items() if one is not None}))
    return folder


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    monkeypatch.delenv("KIT_LIMIT_S", raising=False)
    monkeypatch.delenv("KIT_LIMIT_MB", raising=False)


def make(folder, seconds=0.01, limit_s=None, free=lambda: None, load_s=0.0, **net):
    clock, nets = Clock(), {}

    def load(path):
        m = int(path.name[1:])
        clock.now += load_s
        nets[m] = Net(m, clock, seconds, **net)
        return nets[m]

    predictor = Predictor(folder, 8, limit_s, load, clock, free)
    return predictor, clock, nets


def table():
    clock = Clock()
    return np.array([[Net(m, clock, 0)(get_view(view)(IMAGES)) for view in VIEWS] for m in range(2)])


def expected(passes, order=ORDER):
    """The blend of these passes alone, their weights made to sum to 1."""
    weights = np.zeros((2, 3))
    for m, v in order[:passes]:
        weights[m, v] = WEIGHTS[m][v]
    return blend(table(), weights / weights.sum(), TEMPERATURES)


@pytest.mark.parametrize("limit_s", [None, 1e6])
def test_with_time_enough_the_blend_comes_out_bit_by_bit(tmp_path, limit_s):
    predictor, _, _ = make(write(tmp_path), limit_s=limit_s)
    np.testing.assert_array_equal(predictor.predict_probs(IMAGES), blend(table(), np.array(WEIGHTS), TEMPERATURES))
    assert (predictor.answer.dropped, predictor.answer.unanswered) == ([], 0)
    ordered, _, _ = make(write(tmp_path, order=ORDER), limit_s=limit_s)
    np.testing.assert_allclose(ordered.predict_probs(IMAGES), expected(5), atol=1e-6)
    assert ordered.answer.done == [(f"m{m}", VIEWS[v]) for m, v in ORDER]


def test_limit_and_no_limit_give_the_same_bits_whatever_the_order(tmp_path):
    write(tmp_path, order=ORDER)
    with_limit, without = make(tmp_path, limit_s=1e6)[0], make(tmp_path)[0]
    np.testing.assert_array_equal(with_limit.predict_probs(IMAGES), without.predict_probs(IMAGES))


def test_without_a_limit_no_image_is_run_twice(tmp_path):
    predictor, _, nets = make(write(tmp_path))
    predictor.predict(IMAGES)
    assert [sum(nets[m].sizes) for m in range(2)] == [150, 100]


def test_a_platform_four_times_slower_drops_passes_not_the_submission(tmp_path, caplog):
    # five passes of 50 images at 10 ms: 2.5 s; the limit leaves room for that and a little more
    limit_s = 2.5 * 1.5 / SAFETY
    write(tmp_path, order=ORDER, limit_s=limit_s)
    fast, slow = make(tmp_path), make(tmp_path, seconds=0.04)
    np.testing.assert_allclose(fast[0].predict_probs(IMAGES), expected(5), atol=1e-6)
    started = slow[1].now
    probs = slow[0].predict_probs(IMAGES)
    assert slow[1].now - started < SAFETY * limit_s
    done = len(slow[0].answer.done)
    assert 0 < done < 5
    np.testing.assert_allclose(probs, expected(done), atol=1e-6)
    assert f"{5 - done} of 5 passes were left out for all images, for a limit of" in caplog.text


@given(slower=st.floats(0.1, 300), turn=st.integers(0, 300), limit_s=st.floats(0.05, 20), load_s=st.floats(0, 5))
@settings(max_examples=60, deadline=None)
def test_there_is_always_an_answer_in_time(tmp_path_factory, slower, turn, limit_s, load_s):
    """However slow the nets get and whenever: at most one batch late, whole passes only."""
    folder = write(tmp_path_factory.mktemp("zip"), order=ORDER)
    predictor, clock, _ = make(folder, limit_s=limit_s, load_s=load_s, slower=slower, turn=turn)
    started = clock.now - load_s
    probs = predictor.predict_probs(IMAGES)
    longest = 0.01 * max(slower, 1) * 8
    probe = 2 * longest  # a net's first two calls
    assert clock.now - started <= max(limit_s, load_s + probe) + 2 * longest + 1e-9
    answer = predictor.answer
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(-1), 1, atol=1e-5)
    assert answer.done == [(f"m{m}", VIEWS[v]) for m, v in ORDER[: len(answer.done)]]
    answered = len(IMAGES) - answer.unanswered
    assert answer.unanswered == 0 or len(answer.done) <= 1
    if answered:
        np.testing.assert_allclose(probs[:answered], expected(len(answer.done))[:answered], atol=1e-6)


def test_a_row_hangs_on_others_through_the_dropped_passes_alone(tmp_path):
    write(tmp_path, order=ORDER)
    predictor, _, _ = make(tmp_path, seconds=0.04, limit_s=6.0)
    probs = predictor.predict_probs(IMAGES)
    order = np.random.default_rng(1).permutation(50)
    other, _, _ = make(tmp_path, seconds=0.04, limit_s=6.0)
    np.testing.assert_array_equal(other.predict_probs(IMAGES[order]), probs[order])
    assert 0 < len(predictor.answer.dropped) < 5


@pytest.mark.parametrize("prior", [None, [0.5, 0.3, 0.2]])
def test_images_that_no_pass_reached_get_the_classes_shares(tmp_path, caplog, prior):
    write(tmp_path, order=ORDER, class_prior=prior)
    predictor, _, _ = make(tmp_path, seconds=0.1, limit_s=3.0)
    probs = predictor.predict_probs(IMAGES)
    left = predictor.answer.unanswered
    assert 0 < left < 50
    wanted = prior if prior is not None else probs[:-left].mean(0)
    np.testing.assert_allclose(probs[-left:], [wanted] * left, atol=1e-5)
    assert f"the last {left} images got the classes' shares" in caplog.text


def test_later_calls_have_the_whole_limit_and_know_the_costs(tmp_path):
    predictor, _, nets = make(write(tmp_path, order=ORDER), seconds=0.04, limit_s=6.0)
    predictor.predict_probs(IMAGES)
    first, calls = predictor.answer.done, sum(nets[1].sizes)
    second = predictor.predict_probs(IMAGES)
    # timing the nets is not repeated: one more pass fits
    assert (len(first), len(predictor.answer.done)) == (1, 2)
    np.testing.assert_array_equal(predictor.predict_probs(IMAGES), second)
    assert calls == 50 + 2 * 8 and sum(nets[1].sizes) == calls + 2 * 50


def test_start_up_counts_in_the_first_call(tmp_path):
    predictor, _, _ = make(write(tmp_path, order=ORDER), seconds=0.001, limit_s=10.0, load_s=7.9)
    predictor.predict(IMAGES)
    assert len(predictor.answer.done) < 5
    predictor.predict(IMAGES)
    assert {m for m, _ in predictor.answer.done} == {"m1"}  # loading the other would take the whole time
    assert predictor.answer.seconds < 10


def test_the_table_takes_any_time(tmp_path):
    predictor, _, _ = make(write(tmp_path, order=ORDER), seconds=1.0, limit_s=3.0)
    np.testing.assert_array_equal(predictor.predict_table(IMAGES), table())


def test_where_a_batch_does_not_fit_its_halves_are_run(tmp_path):
    predictor, _, _ = make(write(tmp_path), largest=3)
    np.testing.assert_allclose(predictor.predict_probs(IMAGES), expected(5), atol=1e-6)
    assert predictor.answer.batch_size == 2
    tiny, _, _ = make(write(tmp_path), largest=0)
    with pytest.raises(MemoryError):
        tiny.predict(IMAGES)


def test_little_memory_halves_the_batch(tmp_path):
    predictor = Predictor(
        write(tmp_path), 64, None, lambda path: Net(int(path.name[1:]), Clock(), 0), Clock(), lambda: 1 << 20
    )
    predictor.predict(np.concatenate([IMAGES] * 4))
    assert predictor.answer.batch_size == 8


def test_a_member_that_memory_has_no_room_for_is_left_out(tmp_path, caplog):
    write(tmp_path, order=[[0, 0], [1, 1], [0, 1], [1, 0], [0, 2]])
    predictor, _, nets = make(tmp_path, free=lambda: 5000)
    probs = predictor.predict_probs(IMAGES)
    assert predictor.answer.done == [("m0", "identity"), ("m0", "flip"), ("m0", "shift_1_0")]
    weights = np.array([WEIGHTS[0], [0, 0, 0]]) / sum(WEIGHTS[0])
    np.testing.assert_allclose(probs, blend(table(), weights, TEMPERATURES), atol=1e-6)
    assert set(nets) == {0}
    assert "for the memory: m1 flip, m1 identity" in caplog.text


def test_many_images_take_more_sweeps_and_the_same_bits(tmp_path, monkeypatch):
    whole = make(write(tmp_path))[0].predict_probs(IMAGES)
    monkeypatch.setattr("submission.kit.passes._PENDING_BYTES", 2 * 50 * 3 * 8)
    np.testing.assert_array_equal(make(tmp_path)[0].predict_probs(IMAGES), whole)


def test_costs_are_of_views_once_and_members_each_time():
    costs = Costs()
    costs.record_member(0, 10, 1.0)
    costs.record_view(0, 10, 0.5)
    assert costs.seconds([(0, 0), (0, 1)], 100) == pytest.approx(100 * (0.1 + 0.1 + 0.05 + 0.05))
    costs.record_member(1, 10, 3.0)
    assert costs.seconds([(0, 0), (1, 0)], 10) == pytest.approx(10 * (0.1 + 0.3 + 0.05))
    assert costs.affordable([(0, 0), (1, 0)], 10, 2.0) == [(0, 0)]
    assert costs.affordable([(0, 0), (1, 0)], 10, 5.0) == [(0, 0), (1, 0)]
    assert costs.affordable([(0, 0)], 10, -1.0) == []


def test_a_deadline_counts_down():
    clock = Clock()
    deadline = Deadline(100, clock, used_s=5)
    clock.now += 10
    assert (deadline.used_s(), deadline.left_s(), deadline.left_s(0.5)) == (15, 65, 35)
    assert Deadline(None, clock).left_s() == float("inf")


def test_the_limit_is_the_variables_else_the_manifests():
    assert find_limit_s(600, {}) == 600
    assert find_limit_s(600, {"KIT_LIMIT_S": "30"}) == 30
    assert find_limit_s(600, {"KIT_LIMIT_S": "0"}) is None
    for text in ("-1", "nan", "inf", "1h"):
        with pytest.raises(
            KitError, match=f"expected KIT_LIMIT_S to be seconds, or 0 for no limit. Received: '{text}'"
        ):
            find_limit_s(None, {"KIT_LIMIT_S": text})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": [[0, 0]]}, r"every \[member, view\] of weight above 0 once, \[\(0, 0\), .* Received: \[\(0, 0\)\]"),
        ({"order": [*ORDER, [1, 2]]}, "expected order"),
        ({"pool_temperature": 0}, "pool_temperature to be a number above 0. Received: 0"),
        ({"limit_s": "6000"}, "limit_s to be a number above 0. Received: '6000'"),
        ({"class_prior": [0.5, 0.5]}, "class_prior of 3 shares"),
        ({"class_prior": [0.5, 0.6, 0.2]}, "class_prior of 3 shares"),
        ({"adapt": {"priors": True}}, r"the keys prior, batch_norm. Received: \['priors'\]"),
        ({"adapt": True}, r"Received: \[True\]"),
        ({"views": ["identity", "flip", "zoom_0"]}, r"Received: \['zoom_0'\]"),
    ],
)  # fmt: skip
def test_manifests_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises(KitError, match=message):
        make(write(tmp_path, **changes))


def test_a_pool_temperature_softens_the_blend(tmp_path):
    from submission.kit.blend import temper

    predictor, _, _ = make(write(tmp_path, pool_temperature=2.0))
    np.testing.assert_allclose(predictor.predict_probs(IMAGES), temper(expected(5), 2.0), atol=1e-6)


CHILD = """
import sys, time
start = time.monotonic()
import numpy as np
sys.path.insert(0, sys.argv[1])
from kit.predictor import Predictor

class Slow:
    image_shape, num_classes = (4, 4, 1), 3
    def __init__(self, path):
        pass
    def __call__(self, images):
        time.sleep(0.02 * len(images))
        return np.full((len(images), 3), [0.2, 0.5, 0.3], np.float32)

predictor = Predictor(sys.argv[1], 8, load=Slow)
labels = predictor.predict(np.zeros((100, 4, 4, 1), np.uint8))
assert labels.tolist() == [1] * 100, labels
assert "tensorflow" not in sys.modules
print(len(predictor.answer.done), len(predictor.answer.dropped), predictor.answer.unanswered)
"""


def test_a_process_of_its_own_under_a_tight_limit(tmp_path):
    """Real clock, real files: five passes of 2 s each, and 6 s."""
    write(tmp_path, order=ORDER)
    shutil.copytree(Path(predictor_module.__file__).parent, tmp_path / "kit")
    command = [sys.executable, "-I", "-c", CHILD, str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "KIT_LIMIT_S": "6"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    passes, dropped, unanswered = map(int, done.stdout.split())
    assert (passes + dropped, unanswered) == (5, 0)
    assert 1 <= passes < 5
    assert f"{dropped} of 5 passes were left out for all images, for a limit of 6 s" in done.stderr
