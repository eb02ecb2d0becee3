"""The suite `imagenet-c-bar`: ten corruptions unlike ImageNet-C's, the guard against overfitting to the others.

After the kinds of Mintun et al. 2021, not their settings: scores do not compare with published ones.
"""

from .grid import Corruption, register_grid

_NAMES = (
    "blue_noise",
    "brownish_noise",
    "single_frequency_grey",
    "sine_grating",
    "plasma_noise",
    "perlin_noise",
    "checkerboard_cutout",
    "sparkles",
    "inverse_sparkles",
    "caustic_refraction",
)

register_grid("imagenet-c-bar", version=1, corruptions=[Corruption(name, name) for name in _NAMES])
