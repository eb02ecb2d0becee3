"""Which of the judge's operations a training policy has met: the two vocabularies have names of their own."""

from collections.abc import Collection, Iterable

from ..shifts.grid import GridSuite
from ..shifts.suite import get_suite, suite_names
from ..suite_folder import FULL

# Operation of training -> operations of the judge that look alike, whatever their parameters. Flips, quarter turns,
# mixtures of images and changes of perspective are in no suite.
ALIKE: dict[str, tuple[str, ...]] = {
    "autocontrast": ("contrast", "enhance_contrast"),
    "bar": ("bar",),
    "blur": ("blur", "defocus_blur"),
    "border": ("border",),
    "brightness": ("brightness", "enhance_brightness", "darken", "washout"),
    "channel_gain": ("white_balance",),
    "channel_shift": ("channel_shift",),
    "channel_shuffle": ("channel_shuffle",),
    "contrast": ("contrast", "enhance_contrast"),
    "cutmix": (),
    "cutout": ("boxes",),
    "elastic": ("elastic",),
    "equalise": ("equalise",),
    "flip": (),
    "flip_vertical": (),
    "gamma": ("gamma",),
    "greyscale": ("greyscale",),
    "grid_mask": ("tiles", "checkerboard_cutout"),
    "hue": ("hue",),
    "invert": ("invert",),
    "jpeg": ("jpeg",),
    "mixup": (),
    "noise": ("gaussian_noise", "shot_noise"),
    "perspective": (),
    "posterise": ("posterise",),
    "quarter_turn": (),
    "range": ("darken", "washout", "fog", "contrast", "enhance_contrast"),
    "rotate": ("rotate",),
    "saturation": ("saturate", "greyscale"),
    "sharpness": ("sharpness",),
    "shear_x": ("shear",),
    "shear_y": ("shear",),
    "solarise": ("solarise",),
    "stain_giemsa": ("optical_density",),
    "stain_he": ("optical_density",),
    "translate_mirrored": ("translate",),
    "translate_x": ("translate",),
    "translate_y": ("translate",),
    "zoom": ("crop",),
}


def trained_alike(suite: str, names: Iterable[str], vocabulary: Collection[str]) -> dict[str, list[str]]:
    """The operations of a suite that are in a policy, too: name -> the policy's operations that are alike, sorted.

    Args:
        suite: a suite's name; one that is not registered is taken to use the operations' names.
        names: as in its operations.csv.
        vocabulary: names of the policy's operations; a name that `ALIKE` lacks stands for itself.
    """
    operations = _operations(suite)
    found = {}
    for name in dict.fromkeys(names):
        operation = operations.get(name, name)
        if alike := sorted(one for one in vocabulary if operation in ALIKE.get(one, (one,))):
            found[name] = alike
    return found


def _operations(suite: str) -> dict[str, str]:
    """Corruption -> operation, of a table of corruptions; empty for other suites."""
    name = suite.removesuffix(FULL)
    found = get_suite(name) if name in suite_names() else None
    return {one.name: one.operation for one in found.corruptions} if isinstance(found, GridSuite) else {}
