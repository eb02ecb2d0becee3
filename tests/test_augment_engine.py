"""Policies on batches: order, targets, mixing, determinism, any batch size, eager against compiled."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from training.augment.engine import Augmenter, Policy
from training.augment.mixing import Mixing
from training.augment.operation import OPERATIONS
from training.augment.policies import POLICIES, get_policy
from training.augment.sheet import draw_rows, sheet_rows
from training.augment.stages import AugMix, OneOf, Turns

N = 24
CLASSES = 4
NAMES = [
    *("none", "flips", "strong", "randaugment", "randaugment_x3", "trivialaugment", "augmix", "mixup", "cutmix"),
    *("fmap", "datadreamers", "moiana", "decoding", "first_place", "top10", "silver"),
]
SOME = ((("rotate", 1.0),), (("brightness", 1.0), ("noise", 0.5)), ())
EVERY_STAGE = Policy("every stage", (Turns(), OneOf(SOME), AugMix(SOME, share=0.5)), Mixing(mixup=0.5, cutmix=0.5))


def batch(seed: int = 0, shape: tuple[int, ...] = (N, 16, 16, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def one_hot(n: int, seed: int = 0) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[np.random.default_rng(seed).integers(0, CLASSES, n)]


def augment(policy: Policy, images: np.ndarray, seed: int = 0, targets: np.ndarray | None = None):
    targets = np.arange(len(images), dtype=np.float32) if targets is None else targets
    changed, targets = Augmenter(policy, len(images), seed)(images, targets)
    return keras.ops.convert_to_numpy(changed), keras.ops.convert_to_numpy(targets)


def test_policy_none_returns_the_images_as_floats():
    images = batch()
    changed, targets = augment(POLICIES["none"], images)
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, images)
    np.testing.assert_array_equal(targets, np.arange(N))


def test_targets_follow_their_images_and_none_is_lost():
    images = np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 16, 16, 3))
    changed, targets = augment(POLICIES["flips"], images)
    np.testing.assert_array_equal(changed[:, 0, 0, 0], targets)
    assert sorted(targets.tolist()) == list(range(N))
    assert targets.tolist() != list(range(N))
    _, targets = augment(POLICIES["strong"], batch())
    assert sorted(targets.tolist()) == list(range(N))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(NAMES), st.integers(0, 2**31), st.sampled_from([1, 3, N]), st.sampled_from([(9, 12, 1), (8, 8, 3)])
)
def test_any_policy_keeps_range_shape_and_sums_of_targets(name, seed, n, shape):
    images, targets = batch(seed, (n, *shape)), one_hot(n, seed)
    changed, mixed = augment(POLICIES[name], images, seed, targets)
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 255 + 1e-3
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, atol=1e-5)
    assert mixed.min() >= 0
    if POLICIES[name].mixing is None:
        np.testing.assert_array_equal(np.sort(mixed.argmax(1)), np.sort(targets.argmax(1)))


def test_in_order_keeps_the_rows_and_does_not_mix():
    # brightness that nothing but a turn could change tells which row an image was
    images = np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 8, 8, 3))
    policy = Policy("turned and mixed", (Turns(), OneOf(((), ()))), Mixing(mixup=1.0))
    kept = keras.ops.convert_to_numpy(Augmenter(policy, N, 0).in_order(images))
    np.testing.assert_array_equal(kept, images)
    assert kept.dtype == np.float32


def test_in_order_draws_anew_for_each_call():
    layer = Augmenter(POLICIES["strong"], N, 0)
    images = batch()
    one, two = (keras.ops.convert_to_numpy(layer.in_order(images)) for _ in range(2))
    assert (np.abs(one - two).max(axis=(1, 2, 3)) > 1).all()


def test_flips_are_the_eight_of_the_square():
    image = batch()[:1]
    changed, _ = augment(POLICIES["flips"], np.repeat(image, N, axis=0))
    turned = [np.rot90(image[0], k) for k in range(4)]
    expected = {array.astype(np.float32).tobytes() for array in [*turned, *(array[:, ::-1] for array in turned)]}
    assert {array.tobytes() for array in changed} == expected
    few, _ = augment(POLICIES["flips"], np.repeat(image, 5, axis=0))
    assert {array.tobytes() for array in few} <= expected


def test_each_chain_gets_its_share_of_a_batch():
    policy = Policy("inverted", (OneOf(((), (("invert", 1.0),), (("invert", 1.0), ("invert", 1.0)))),))
    images = np.full((N, 4, 4, 3), 255, np.uint8)
    changed, _ = augment(policy, images)
    assert (changed.max(axis=(1, 2, 3)) == 0).sum() == N // 3  # once inverted; twice is none


def test_each_image_of_a_small_batch_chooses_for_itself():
    chains = ((("invert", 1.0),), (), (), ())
    layer = Augmenter(Policy("quarter inverted", (OneOf((*chains, (("solarise", 1.0),))),)), 3, 0)
    images = np.zeros((3, 2, 2, 3), np.uint8)  # solarised black stays
    inverted = [keras.ops.convert_to_numpy(layer.in_order(images))[:, 0, 0, 0] == 255 for _ in range(60)]
    assert np.mean(inverted) == pytest.approx(0.2, abs=0.1)
    assert len({tuple(row.tolist()) for row in inverted}) >= 4


def test_draws_follow_the_seed_and_change_from_batch_to_batch():
    images = batch()
    first, _ = augment(POLICIES["strong"], images, seed=5)
    again, _ = augment(POLICIES["strong"], images, seed=5)
    other, _ = augment(POLICIES["strong"], images, seed=6)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    layer = Augmenter(POLICIES["strong"], N, 5)
    one, two = (keras.ops.convert_to_numpy(layer(images, np.arange(N))[0]) for _ in range(2))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize(("policy", "n"), [(POLICIES["strong"], N), (EVERY_STAGE, N), (EVERY_STAGE, 2)])
def test_compiled_equals_eager(policy, n):
    class Through(keras.Model):
        def __init__(self):
            super().__init__()
            self.augmenter = Augmenter(policy, n, 7)

        def call(self, inputs):
            return self.augmenter(inputs["images"], inputs["targets"])

    images, targets = batch()[:n], one_hot(n)
    model = Through()
    model.compile(jit_compile=keras.backend.backend() == "jax")
    compiled, compiled_targets = model.predict_on_batch({"images": images, "targets": targets})
    eager, eager_targets = augment(policy, images, 7, targets)
    np.testing.assert_allclose(compiled_targets, eager_targets, atol=1e-5)
    # equalisation and posterisation are steps: a rounding difference before one may move single pixels
    assert np.mean(np.abs(compiled - eager) < 0.5) > 0.995


def test_mixup_blends_images_and_targets_by_the_same_share():
    values = np.linspace(0, 250, N).astype(np.float32)
    images = np.broadcast_to(values[:, None, None, None], (N, 4, 4, 3))
    changed, targets = augment(Policy("mixup", (), Mixing(mixup=1.0, mixup_alpha=1.0)), images, 0, np.eye(N))
    np.testing.assert_allclose(changed[:, 0, 0, 0], targets @ values, atol=1e-2)
    assert ((targets > 0.02).sum(axis=1) == 2).mean() > 0.6


def test_cutmix_pastes_a_rectangle_whose_area_is_in_the_targets():
    values = np.arange(N, dtype=np.float32)
    images = np.broadcast_to(values[:, None, None, None], (N, 20, 30, 3))
    changed, targets = augment(Policy("cutmix", (), Mixing(cutmix=1.0)), images, 0, np.eye(N))
    for image, target in zip(changed, targets, strict=True):
        shares = [(image[..., 0] == value).mean() for value in values]
        np.testing.assert_allclose(shares, target, atol=1e-5)
        other = np.argwhere(image[..., 0] != image[0, 0, 0])
        if len(other):
            pasted = image[other[:, 0].min() : other[:, 0].max() + 1, other[:, 1].min() : other[:, 1].max() + 1, 0]
            assert len(np.unique(pasted)) <= 2


def test_mixing_leaves_the_other_images_alone():
    images = batch()
    changed, targets = augment(Policy("few", (), Mixing(mixup=0.25, cutmix=0.25)), images, 1, np.eye(N))
    untouched = targets.max(axis=1) == 1.0
    assert 0.2 < untouched.mean() < 0.8
    np.testing.assert_array_equal(changed[untouched], images[untouched])


def test_augmix_stays_between_the_image_and_its_alterations():
    white = np.full((60, 4, 4, 3), 255, np.uint8)
    policy = Policy("augmix", (AugMix(((("invert", 1.0),),)),))
    changed, _ = augment(policy, white)
    share = 1.0 - changed[:, 0, 0, 0] / 255.0  # of the mixture that is black
    # uniform weight times the share of copies inverted once or three times, two thirds in the mean
    assert share.mean() == pytest.approx(1 / 3, abs=0.1)
    assert share.min() >= -1e-6
    assert share.max() > 0.6
    half, _ = augment(Policy("half", (AugMix(((("invert", 1.0),),), share=0.5),)), white)
    assert (half.min(axis=(1, 2, 3)) == 255).sum() >= 30


def test_strong_covers_what_moved_hidden_scores():
    vocabulary = set(POLICIES["strong"].vocabulary())
    assert {"shear_x", "translate_x", "translate_mirrored", "bar", "border"} <= vocabulary
    assert {"greyscale", "hue", "invert", "solarise", "equalise", "flip"} <= vocabulary


def test_policies_are_there_by_name():
    assert list(POLICIES) == NAMES
    assert POLICIES["silver"].vocabulary()[-1] == "translate_y"
    assert {"mixup", "cutmix"} <= set(POLICIES["silver"].vocabulary())
    assert not {"mixup", "cutmix"} & set(POLICIES["silver"].without_mixing().vocabulary())


def test_bad_input():
    with pytest.raises(KitError, match="unknown augmentation policy. Received: 'mild'. Known: none, flips, strong"):
        get_policy("mild")
    with pytest.raises(ValueError, match="batch_size must be at least 1. Received: 0"):
        Augmenter(POLICIES["strong"], 0, 0)
    with pytest.raises(KitError, match="unknown operation. Received: 'fog'"):
        OneOf(((("fog", 1.0),),))
    with pytest.raises(ValueError, match=r"exclude each other. Received: mixup=0.7, cutmix=0.6"):
        Mixing(0.7, 0.6)
    with pytest.raises(ValueError, match=r"targets must be \(n, K\). Received: shape"):
        augment(POLICIES["mixup"], batch())


def test_sheet_shows_every_operation_and_policy(tmp_path, monkeypatch):
    monkeypatch.setattr("training.augment.sheet.POLICIES", {name: POLICIES[name] for name in ("flips", "cutmix")})
    few = {name: OPERATIONS[name] for name in ("channel_shuffle", "blur")}
    monkeypatch.setattr("training.augment.sheet.OPERATIONS", few)
    rows = sheet_rows(batch()[:10], 0)
    draw_rows(rows[:3], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    names = [name for name, _ in rows]
    assert names == ["original", "blur", "channel_shuffle", *["policy flips"] * 2, *["policy cutmix"] * 2]
    assert rows[1][1].shape == (10, 16, 16, 3)  # five magnitudes of two images
