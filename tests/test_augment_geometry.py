"""All that moves pixels against scipy and numpy."""

import keras
import numpy as np
import pytest
from scipy import ndimage
from test_augment_operations import images, run

from training.augment import geometry
from training.augment.affine import AffineRange, centred_matrix, rotation, turn, warp_rows
from training.augment.chain import chain_function
from training.augment.draws import Draws
from training.augment.operation import make_operation
from training.augment.warp import apply_warp, displace, look_up

MODES = {"constant": "grid-constant", "reflect": "reflect"}


def by_scipy(batch: np.ndarray, matrices: np.ndarray, fill_mode: str) -> np.ndarray:
    """Each image looked up at the places to which its matrix (n, 3, 3) about the centre takes each pixel."""
    height, width = batch.shape[1:3]
    y, x = np.mgrid[:height, :width].astype(float)
    places = np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones_like(x)])
    out = np.empty_like(batch, dtype=float)
    for image, matrix, target in zip(batch, matrices, out, strict=True):
        from_x, from_y, divisor = np.einsum("ij,jhw->ihw", matrix.astype(float), places)
        where = [from_y / divisor + (height - 1) / 2, from_x / divisor + (width - 1) / 2]
        for channel in range(batch.shape[3]):
            target[..., channel] = ndimage.map_coordinates(
                image[..., channel].astype(float), where, order=1, mode=MODES[fill_mode]
            )
    return out


def number(value: float) -> object:
    return keras.ops.full((1, 1, 1, 1), value)


def warped(batch: np.ndarray, matrix: object, fill_mode: str) -> np.ndarray:
    rows = warp_rows(matrix, *batch.shape[1:3])
    return keras.ops.convert_to_numpy(apply_warp(keras.ops.convert_to_tensor(batch), rows, fill_mode))


@pytest.mark.parametrize("fill_mode", ["constant", "reflect"])
@pytest.mark.parametrize("channels", [1, 3])
def test_warps_of_a_range_equal_scipy(fill_mode, channels):
    batch = images()[..., :channels]
    matrix = AffineRange(strong_share=0.5).sample(24, 20, Draws.fresh(5, keras.random.SeedGenerator(2)))
    expected = by_scipy(batch, keras.ops.convert_to_numpy(matrix), fill_mode)
    np.testing.assert_allclose(warped(batch, matrix, fill_mode), expected, atol=0.5)


@pytest.mark.parametrize("fill_mode", ["constant", "reflect"])
def test_look_up_and_displace_equal_scipy(fill_mode):
    batch = images()
    rng = np.random.default_rng(1)
    x, y = (rng.uniform(-30, 50, batch.shape[:3]).astype(np.float32) for _ in range(2))
    expected = [
        np.stack([ndimage.map_coordinates(image[..., c], [v, u], order=1, mode=MODES[fill_mode]) for c in range(3)], -1)
        for image, u, v in zip(batch, x, y, strict=True)
    ]
    at = np.mgrid[:24, :20].astype(np.float32)
    batch, x, y, at = (keras.ops.convert_to_tensor(array) for array in (batch, x, y, at))
    found = keras.ops.convert_to_numpy(look_up(batch, x, y, fill_mode))
    np.testing.assert_allclose(found, expected, atol=0.1)
    moved = displace(batch, x - at[1], y - at[0], fill_mode)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(moved), expected, atol=0.1)


@pytest.mark.parametrize(
    "name", [name for name, cls in vars(geometry).items() if isinstance(cls, type) and hasattr(cls, "name")]
)
def test_single_operations_equal_scipy_and_keep_to_their_range(name):
    operation = getattr(geometry, name)(1.0)
    batch = images(shape=(5, 20, 20, 3))
    params = operation.sample(batch.shape, Draws.fresh(5, keras.random.SeedGenerator(3)))
    changed = keras.ops.convert_to_numpy(operation.apply(keras.ops.convert_to_tensor(batch), params))
    if name == "Elastic":
        knots = keras.ops.convert_to_numpy(params["knots"])
        assert 0 < np.abs(knots).max() < 20 * 0.06 * 5
        return
    matrix = keras.ops.convert_to_numpy(params["matrix"])
    np.testing.assert_allclose(changed, by_scipy(batch, matrix, operation.fill_mode), atol=0.5)
    if name not in ("Zoom", "Perspective"):
        np.testing.assert_allclose(np.linalg.det(matrix[:, :2, :2]) ** 2, 1.0, atol=1e-4)  # areas stay


def test_signs_and_units_by_hand():
    batch = images(shape=(1, 20, 20, 3))
    right = warped(batch, centred_matrix(1.0, 0.0, 0.0, 1.0, move_x=number(3.0)), "constant")
    np.testing.assert_allclose(right[:, :, 3:], batch[:, :, :-3], atol=1e-2)
    assert (right[:, :, :3] == 0).all()
    mirrored = warped(batch, centred_matrix(number(1.0), 0.0, 0.0, 1.0, move_y=number(-2.0)), "reflect")
    np.testing.assert_allclose(mirrored[:, :-2], batch[:, 2:], atol=1e-2)
    np.testing.assert_allclose(mirrored[:, -2:], batch[:, :-3:-1], atol=1e-2)
    quarter = warped(batch, rotation(number(np.pi / 2)), "constant")
    np.testing.assert_allclose(quarter, np.rot90(batch, axes=(1, 2)), atol=0.1)
    shrunk = np.abs(warped(np.full_like(batch, 9), rotation(number(0.0), 2.0), "constant") - 9) < 1e-3
    assert shrunk.mean() == pytest.approx(0.25, abs=0.1)


def test_elastic_moves_by_its_smooth_field():
    batch = images()
    operation = geometry.Elastic()
    knots = np.random.default_rng(0).normal(0, 1.5, (5, 2, 6, 6)).astype(np.float32)
    changed = operation.apply(keras.ops.convert_to_tensor(batch), {"knots": keras.ops.convert_to_tensor(knots)})
    down, across = (keras.ops.convert_to_numpy(geometry._between_knots(size)) for size in (24, 20))
    np.testing.assert_allclose((down**2).sum(axis=1), 1.0, atol=1e-5)
    field = np.einsum("hk,ndkl,wl->ndhw", down, knots, across)
    assert np.abs(np.diff(field, axis=2)).max() < 1.5  # smooth: nothing is torn
    y, x = np.mgrid[:24, :20].astype(float)
    for image, (move_x, move_y), result in zip(batch, field, keras.ops.convert_to_numpy(changed), strict=True):
        for channel in range(3):
            expected = ndimage.map_coordinates(image[..., channel], [y + move_y, x + move_x], order=1, mode="reflect")
            np.testing.assert_allclose(result[..., channel], expected, atol=0.1)


def test_flips_and_turns_are_exact():
    batch = images(shape=(32, 12, 12, 3))
    for name, choices in (
        ("flip", lambda image: [image, image[:, ::-1]]),
        ("flip_vertical", lambda image: [image, image[::-1]]),
        ("quarter_turn", lambda image: [np.rot90(image, k) for k in range(4)]),
    ):
        seen = set()
        for image, changed in zip(batch, run(make_operation(name), batch), strict=True):
            distances = [np.abs(changed - choice).max() for choice in choices(image)]
            assert min(distances) < 0.1
            seen.add(int(np.argmin(distances)))
        assert len(seen) == len(choices(batch[0]))


def test_turn_draws_the_eight_of_a_square_and_four_otherwise():
    for square, count in ((True, 8), (False, 4)):
        matrix = keras.ops.convert_to_numpy(turn(Draws.fresh(400, keras.random.SeedGenerator(0)), square))
        kinds, numbers = np.unique(matrix[:, :2, :2].reshape(-1, 4).round(), axis=0, return_counts=True)
        assert len(kinds) == count
        assert numbers.min() > 400 / count / 2
        np.testing.assert_allclose(np.abs(np.linalg.det(matrix)), 1.0)


def test_the_identity_warp_changes_nothing():
    batch = images()
    identity = np.repeat(np.eye(3, dtype=np.float32)[None], 5, axis=0)
    np.testing.assert_allclose(warped(batch, keras.ops.convert_to_tensor(identity), "constant"), batch, atol=1e-3)


def test_neighbours_in_a_chain_compose_into_one_warp():
    batch = images()
    draws = [Draws.fresh(5, keras.random.SeedGenerator(7)) for _ in range(2)]
    chained = chain_function((("rotate", 1.0), ("shear_x", 1.0), ("invert", 1.0)))(batch, draws[0])
    matrices = [geometry.Rotate().matrix(batch.shape, draws[1]), geometry.ShearX().matrix(batch.shape, draws[1])]
    both = keras.ops.convert_to_numpy(keras.ops.matmul(*matrices))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(chained), 255 - by_scipy(batch, both, "constant"), atol=0.5
    )  # one interpolation; rotated first
