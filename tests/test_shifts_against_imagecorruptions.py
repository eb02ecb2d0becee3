"""The judge's corruptions against imagecorruptions 1.1.2 (ImageNet-C's code) and scikit-image, at 224 pixels.

tests/data/corruptions_reference.npz holds what they made of one image; tests/data/make_corruptions_reference.py made
it. Tolerances are in grey levels of 255. What draws random numbers is compared by mean, spread and difference from the
original, each a mean over seeds.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

import local_eval.shifts  # noqa: F401  (registers the operations)
from local_eval.shifts.focus import motion_kernel
from local_eval.shifts.operation import get_operation
from local_eval.shifts.planes import convolve, from_planes, to_planes
from local_eval.shifts.suite import get_suite

DATA = Path(__file__).parent / "data"
SEEDS = 12

with np.load(DATA / "corruptions_reference.npz") as file:
    REFERENCE = dict(file)


def _script():
    """The script's own functions, without the libraries that only its `main` needs."""
    names = ("cv2", "skimage", "skimage.color", "skimage.filters", "imagecorruptions")
    before = {name: sys.modules.get(name) for name in names}
    try:
        for name in names:
            sys.modules[name] = type(sys)(name)
        sys.modules["imagecorruptions"].corrupt = sys.modules["imagecorruptions"].corruptions = None
        sys.modules["skimage.filters"].gaussian = None
        sys.modules["skimage"].color = sys.modules["skimage.color"]
        spec = importlib.util.spec_from_file_location("make_reference", DATA / "make_corruptions_reference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        for name, module_before in before.items():
            if module_before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module_before
    return module


SCRIPT = _script()
IMAGE = SCRIPT.image()


def corruption(suite: str, name: str):
    (found,) = (one for one in get_suite(suite).corruptions if one.name == name)
    return found


def ours(suite: str, name: str, severity: int, seed: int = 0) -> np.ndarray:
    step = corruption(suite, name).step(np.random.default_rng(seed), severity)
    return get_operation(step.operation).apply(IMAGE, step.params)


def differences(mine: np.ndarray, reference: str) -> np.ndarray:
    return np.abs(SCRIPT.cuts(mine).astype(int) - REFERENCE[reference])


def test_the_image_is_theirs():
    np.testing.assert_array_equal(SCRIPT.cuts(IMAGE), REFERENCE["image"])


@pytest.mark.parametrize("severity", range(1, 6))
@pytest.mark.parametrize(
    ("name", "below", "above"),  # they cut fractions off, we round: at most a level above them
    [
        ("defocus_blur", 0, 1),
        ("zoom_blur", 0, 1),
        ("brightness", 0, 1),
        ("contrast", 0, 1),
        ("pixelate", 0, 0),
        ("jpeg_compression", 0, 0),
    ],
)
def test_what_draws_nothing_is_theirs_to_a_level(name, below, above, severity):
    if name == "defocus_blur" and severity > 3:
        below = 3  # the kernels of their largest discs sum to more than 1
    mine = SCRIPT.cuts(ours("imagenet-c", name, severity)).astype(int)
    differences = mine - REFERENCE[f"fixed {name} {severity}"]
    assert -below <= differences.min() and differences.max() <= above


@pytest.mark.parametrize("name", [name for name in REFERENCE if name.startswith("motion")])
def test_motion_is_theirs_to_rounding(name):
    radius, sigma, degrees = (int(text) for text in name.split()[1:])
    kernel = motion_kernel(radius, sigma, degrees, 1.0)
    assert differences(from_planes(convolve(to_planes(IMAGE), kernel, "edge")), name).max() <= 1


@pytest.mark.parametrize("severity", range(1, 6))
@pytest.mark.parametrize(
    ("name", "cut", "tolerances"),  # what they cut off, in the mean; of mean, spread and difference, relative
    [
        ("gaussian_noise", 0.5, (0.002, 0.003, 0.003)),
        ("shot_noise", 0.5, (0.005, 0.003, 0.005)),
        ("impulse_noise", 0, (0.002, 0.003, 0.01)),
        ("glass_blur", 1, (0.002, 0.003, 0.04)),
        ("snow", 0.5, (0.005, 0.02, 0.02)),
        ("elastic_transform", 0.5, (0.002, 0.002, 0.08)),
        ("fog", 0.5, (0.06, 0.1, 0.06)),  # one cloud differs much from another
        ("frost", 0.5, (0.04, 0.1, 0.1)),  # photographs there, drawn here
    ],
)
def test_what_draws_has_their_mean_and_spread_and_strength(name, cut, tolerances, severity):
    seeds = 4 * SEEDS if name == "frost" else SEEDS  # one pane's tint differs much from another's
    found = [SCRIPT.measures(ours("imagenet-c", name, severity, seed) - float(cut), IMAGE) for seed in range(seeds)]
    relative = np.mean(found, axis=0) / REFERENCE[f"drawn {name} {severity}"] - 1
    assert (np.abs(relative) <= tolerances).all(), relative


# MedMNIST-C


@pytest.mark.parametrize(("severity", "reference"), [(1, "disc 2 0.01"), (4, "disc 5 0.1")])
def test_defocus_of_blood_cells_is_their_disc(severity, reference):
    assert differences(ours("bloodmnist-c", "defocus_blur", severity), reference).max() <= 1


@pytest.mark.parametrize(("severity", "add"), [(1, 0.05), (5, 0.2)])
def test_saturation_is_that_of_scikit_image(severity, add):
    assert differences(ours("bloodmnist-c", "saturate", severity), f"saturate {add}").max() <= 1


@pytest.mark.parametrize("severity", range(1, 6))
def test_brightness_and_contrast_of_blood_cells_are_pillows_to_rounding(severity):
    for name, enhance in (("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast)):
        for way in ("up", "down"):
            factor = corruption("bloodmnist-c", f"{name}_{way}").settings[severity - 1]
            theirs = np.asarray(enhance(Image.fromarray(IMAGE)).enhance(factor)).astype(int)
            assert np.abs(ours("bloodmnist-c", f"{name}_{way}", severity) - theirs).max() <= 1  # Pillow truncates


@pytest.mark.parametrize("severity", range(1, 6))
def test_bubbles_are_pillows_ellipses_but_for_the_rims(severity):
    step = corruption("bloodmnist-c", "bubble").step(np.random.default_rng(severity), severity)
    layer = Image.new("RGBA", (224, 224), (255, 255, 255, 0))
    pen = ImageDraw.Draw(layer)
    for radius, (down, right) in zip(step.params["radii"], step.params["places"], strict=True):
        y, x = (radius + share * (223 - 2 * radius) for share in (down, right))
        for reach, alpha in ((radius + 2, 130), (radius, 100)):
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(255, 255, 255, alpha))
    theirs = Image.fromarray(IMAGE)
    theirs.paste(layer, (0, 0), layer)
    mine = ours("bloodmnist-c", "bubble", severity, severity)
    far = np.abs(mine.astype(int) - np.asarray(theirs)).max(axis=-1) > 1
    assert far.mean() < 0.02
    assert mine.mean() == pytest.approx(np.asarray(theirs).mean(), rel=0.003)


def test_stain_marks_are_black_and_as_large_as_theirs():
    """Theirs are 24 or 32 pixels wide, of which they cover 48 to 78 % (mean 60 %), ten pixels from the edges."""
    for severity, (most, side) in enumerate(((1, 24), (2, 24), (3, 24), (3, 24), (3, 32)), 1):
        areas = []
        for seed in range(12):
            changed = (ours("bloodmnist-c", "stain_deposit", severity, seed) != IMAGE).any(-1)
            assert not changed[:10].any() and not changed[:, -10:].any()
            areas.append(changed.sum())
        assert max(areas) <= most * 0.62 * side**2
        assert min(areas) >= 0.55 * side**2


@pytest.mark.parametrize("name", ["defocus_blur", "motion_blur", "zoom_blur", "elastic_transform", "glass_blur"])
def test_at_96_pixels_a_corruption_does_what_it_does_at_224(name):
    """Corrupt, then shrink, or shrink, then corrupt: the same strength within a third, and no severity less."""
    suite = get_suite("imagenet-c")
    large = Image.fromarray(IMAGE)
    small = np.asarray(large.resize((96, 96), Image.Resampling.BOX))
    for severity in (3, 5):
        strengths = []
        for seed in range(4):
            (one,) = (c for c in suite.corruptions if c.name == name)
            step = one.step(np.random.default_rng(seed), severity)
            apply = get_operation(step.operation).apply
            first = np.asarray(Image.fromarray(apply(IMAGE, step.params)).resize((96, 96), Image.Resampling.BOX))
            second = apply(small, step.params)
            strengths.append([np.abs(answer.astype(int) - small).mean() for answer in (first, second)])
        there, here = np.mean(strengths, axis=0)
        assert 0.67 < here / there < 1.6, (there, here)
