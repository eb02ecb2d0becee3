import itertools

import numpy as np
import pytest
import tiny_ensemble  # noqa: F401  (quiet, single-threaded TensorFlow)
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from submission.kit.symmetry import contiguous
from submission.kit.tta import VIEWS, check_views, views_for

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)


def reference(name, images):
    """By numpy's own flips and rotations."""
    if name.startswith("flip"):
        images = np.flip(images, 2)
    turns = {"rot90": 1, "rot180": 2, "rot270": 3}.get(name.removeprefix("flip_"), 0)
    return np.rot90(images, turns, axes=(1, 2))


@pytest.mark.parametrize("name", VIEWS)
def test_views_are_numpys_flips_and_rotations(name):
    np.testing.assert_array_equal(VIEWS[name](IMAGES), reference(name, IMAGES))
    assert VIEWS[name](IMAGES).dtype == np.uint8


def test_the_eight_views_are_a_group():
    seen = {name: view(IMAGES).tobytes() for name, view in VIEWS.items()}
    assert len(set(seen.values())) == 8
    for first, second in itertools.product(VIEWS.values(), repeat=2):
        assert second(first(IMAGES)).tobytes() in seen.values()
    for first in VIEWS.values():  # each has an inverse
        assert any(second(first(IMAGES)).tobytes() == IMAGES.tobytes() for second in VIEWS.values())


@pytest.mark.parametrize("compiled", [False, True])
def test_tensorflow_views_equal_numpys(compiled):
    import tensorflow as tf

    def all_views(images):
        return [view(images) for view in VIEWS.values()]

    run = tf.function(all_views, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
    for view, got in zip(VIEWS.values(), (run if compiled else all_views)(tf.constant(IMAGES)), strict=True):
        np.testing.assert_array_equal(got.numpy(), view(IMAGES))


def test_numpy_views_copy_nothing():
    assert all(np.shares_memory(view(IMAGES), IMAGES) for view in VIEWS.values())


def test_images_that_are_not_square_keep_their_shape_with_four_views():
    wide = IMAGES[:, :3]
    assert views_for((3, 5, 3)) == ["identity", "rot180", "flip", "flip_rot180"]
    assert {VIEWS[name](wide).shape for name in views_for((3, 5, 3))} == {wide.shape}
    assert views_for((5, 5, 1)) == list(VIEWS)


@pytest.mark.parametrize(
    ("names", "shape", "message"),
    [
        (["identity", "rot90"], (3, 5, 3), r"images \(3, 5, 3\)\. Received: \['rot90'\]"),
        (["mirror", "rot45"], (5, 5, 3), r"Received: \['mirror', 'rot45'\]"),
    ],
)
def test_bad_views_are_named(names, shape, message):
    with pytest.raises(KitError, match=message):
        check_views(names, shape)


@settings(max_examples=20, deadline=None)
@given(st.tuples(st.integers(0, 3), *[st.integers(1, 4)] * 3), st.sampled_from(sorted(VIEWS)))
def test_pixels_are_copied_whole(shape, name):
    for dtype in (np.uint8, np.float32):
        images = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
        view = VIEWS[name](images)
        found = contiguous(view)
        assert found.flags.c_contiguous and found.dtype == dtype
        np.testing.assert_array_equal(found, view)
        np.testing.assert_array_equal(contiguous(view[..., ::-1]), view[..., ::-1])
