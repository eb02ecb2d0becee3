"""The suite `imagenet-c`: the fifteen corruptions of Hendrycks and Dietterich 2019, lengths scaled to the image."""

from .grid import Corruption, register_grid

_NAMES = {
    "gaussian_noise": "gaussian_noise",
    "shot_noise": "shot_noise",
    "impulse_noise": "impulse_noise",
    "defocus_blur": "defocus_blur",
    "glass_blur": "glass_blur",
    "motion_blur": "motion_blur",
    "zoom_blur": "zoom_blur",
    "snow": "snow",
    "frost": "frost",
    "fog": "fog",
    "brightness": "brightness",
    "contrast": "contrast",
    "elastic_transform": "elastic",
    "pixelate": "pixelate",
    "jpeg_compression": "jpeg",
}

register_grid("imagenet-c", version=2, corruptions=[Corruption(*item) for item in _NAMES.items()])
