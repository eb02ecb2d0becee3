"""The judge's shift operations against tensorflow-addons' image operations, an independent implementation of them.

tests/data/addons_reference.npz holds what tensorflow-addons 0.23 made under TensorFlow 2.15.1 of two images, one smooth
and one of noise; tests/data/make_addons_reference.py made it. Tolerances are in grey levels of 255, of every pixel.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import local_eval.shifts  # noqa: F401  (registers the operations)
from local_eval.shifts.operation import get_operation
from submission.runtime import find_runtime
from submission.runtime_venv import CACHE, read_modules, venv_folder

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
ROUNDING = 0.5 + 1 / 32  # theirs is a float in units of 1/32, ours rounds to uint8

with np.load(DATA / "addons_reference.npz") as file:
    REFERENCE = dict(file)
IMAGES = REFERENCE.pop("images")
HEIGHT, WIDTH = IMAGES.shape[1:3]


def ours(operation: str, **params) -> np.ndarray:
    return np.stack([get_operation(operation).apply(image, params) for image in IMAGES]).astype(float)


def theirs(name: str) -> np.ndarray:
    """float (2, H, W, 3), in 0-255 but for what their colour matrix leaves of it."""
    answer = REFERENCE[name]
    return answer / 32 if answer.dtype == np.int16 else answer.astype(float)


def arguments(operation: str) -> list[list[float]]:
    found = [[float(text) for text in name.split()[1:]] for name in REFERENCE if name.split()[0] == operation]
    assert found, operation
    return found


def largest(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).max())


@pytest.mark.parametrize(("degrees",), arguments("rotate"))
def test_rotation_is_theirs_to_rounding(degrees):
    assert largest(ours("rotate", degrees=degrees), theirs(f"rotate {degrees:g}")) <= ROUNDING


@pytest.mark.parametrize("axis", "xy")
@pytest.mark.parametrize(("factor",), arguments("centred_shear_x"))
def test_shear_is_theirs_to_rounding(axis, factor):
    """Their `transform` with the shear about the centre as its matrix: bilinear, mirrored edges."""
    assert largest(ours("shear", axis=axis, factor=factor), theirs(f"centred_shear_{axis} {factor}")) <= ROUNDING


@pytest.mark.parametrize("axis", "xy")
@pytest.mark.parametrize(("factor",), arguments("shear_x"))
def test_shear_is_their_shear_where_pixels_move_whole(axis, factor):
    """No tolerance, on the lines that move by whole pixels, wherever both show the image.

    Their shear_x and shear_y keep the corner in place, take the nearest pixel and fill with black.
    """
    mine, their = ours("shear", axis=axis, factor=factor), theirs(f"shear_{axis} {factor}")
    if axis == "y":
        mine, their = mine.swapaxes(1, 2), their.swapaxes(1, 2)
    _, lines, length, _ = mine.shape
    centre = (lines - 1) // 2
    moved = round(factor * centre)
    compared = 0
    for line in range(lines):
        if (factor * line) % 1 == 0:
            from_corner = np.arange(max(0, -moved), min(length, length - moved))  # where their line lands in ours
            seen = from_corner + factor * line
            from_corner = from_corner[(seen >= 0) & (seen < length)]
            assert np.array_equal(mine[:, line, from_corner + moved], their[:, line, from_corner])
            compared += len(from_corner)
    assert compared > 0.2 * lines * length


@pytest.mark.parametrize(("right", "down"), arguments("translate"))
def test_translation_is_theirs(right, down):
    mine = ours("translate", right=right / WIDTH, down=down / HEIGHT)
    assert np.array_equal(mine, theirs(f"translate {right:g} {down:g}"))


@pytest.mark.parametrize(("factor",), arguments("sharpness"))
def test_sharpness_is_theirs_but_for_their_truncation(factor):
    """They cut the smoothed image down to whole levels where Pillow and we round: up to one level, times factor - 1."""
    mine, their = ours("sharpness", factor=factor), theirs(f"sharpness {factor}")
    assert largest(mine, their) <= max(1, factor - 1)
    edge = np.ones((HEIGHT, WIDTH), bool)
    edge[1:-1, 1:-1] = False
    assert np.array_equal(mine[:, edge], their[:, edge])


def test_equalisation_is_theirs():
    assert np.array_equal(ours("equalise"), theirs("equalize"))


@pytest.mark.parametrize(("sigma",), arguments("gaussian"))
def test_blur_is_theirs_to_rounding(sigma):
    assert largest(ours("blur", sigma=sigma / min(HEIGHT, WIDTH)), theirs(f"gaussian {sigma}")) <= ROUNDING


@pytest.mark.parametrize(("value",), arguments("value"))
def test_darkening_is_their_value_to_rounding(value):
    assert largest(ours("darken", factor=value), theirs(f"value {value}")) <= ROUNDING


@pytest.mark.parametrize(("saturation",), arguments("saturation"))
def test_greyscale_is_their_saturation(saturation):
    """We round the grey image before the mix, as Pillow does: half a level more, times how much of it is mixed in."""
    mine = ours("greyscale", amount=1 - saturation)
    assert largest(mine, theirs(f"saturation {saturation}").clip(0, 255)) <= ROUNDING + 0.5 * (1 - saturation)


@pytest.mark.parametrize(("turn", "degrees"), [(-0.1, 16), (0.05, 10), (0.25, 25), (0.5, 0.2)])
def test_hue_turns_as_theirs(turn, degrees):
    """Ours turns in HSV, theirs in YIQ the other way round: other pixels, but the hue, as YIQ measures it, agrees.

    HSV's hexagon makes a sixth of the circle of what are 43 to 74 degrees in YIQ, hence the tolerances; half a turn is
    the same in both.
    """
    to_iq = np.array([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]]).T @ [1, 1j]
    strong = np.abs(IMAGES @ to_iq) > 30  # the hue of grey pixels is rounding
    between = np.angle((theirs(f"hue {turn}") @ to_iq)[strong] / (ours("hue", turn=-turn) @ to_iq)[strong], deg=True)
    assert strong.mean() > 0.8
    assert np.abs(between).max() <= degrees


def test_the_reference_is_what_addons_make_today(tmp_path):
    runtime = find_runtime("tf215")
    cache = ROOT / CACHE
    if read_modules(runtime, cache) is None:
        pytest.skip("the runtime tf215 is not built: make check-runtimes")
    made = tmp_path / "reference.npz"
    python = venv_folder(runtime, cache) / "bin" / "python"
    script = DATA / "make_addons_reference.py"
    done = subprocess.run([python, "-I", script, made], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(made) as file:
        assert set(file) == {"images", *REFERENCE}
        assert np.array_equal(file["images"], IMAGES)
        for name, kept in REFERENCE.items():  # another processor may round another way
            assert np.abs(file[name].astype(int) - kept).max() <= 1, name
