"""The suite `bloodmnist-c`: MedMNIST-C's eleven corruptions of blood cells with its published severities.

Source: Di Salvo et al. 2024, for 224 pixels; lengths are scaled to the image.
"""

from .grid import Corruption, register_grid

CORRUPTIONS = (
    Corruption("pixelate", "pixelate", (0.6, 0.5, 0.4, 0.3, 0.25)),
    Corruption("jpeg_compression", "jpeg", (50, 30, 15, 10, 7)),
    Corruption("defocus_blur", "defocus_blur", ((2, 0.01), (3, 0.1), (4, 0.1), (5, 0.1), (6, 0.1))),
    Corruption("motion_blur", "motion_blur", ((3, 3), (5, 5), (10, 5), (10, 7), (10, 9))),
    Corruption("brightness_up", "enhance_brightness", (1.1, 1.2, 1.3, 1.35, 1.4)),
    Corruption("brightness_down", "enhance_brightness", (0.9, 0.8, 0.7, 0.6, 0.5)),
    Corruption("contrast_up", "enhance_contrast", (1.1, 1.15, 1.2, 1.25, 1.3)),
    Corruption("contrast_down", "enhance_contrast", (0.9, 0.8, 0.7, 0.6, 0.5)),
    Corruption("saturate", "saturate", (0.05, 0.10, 0.15, 0.17, 0.20)),
    Corruption("stain_deposit", "stain_deposit", ((1, 24), (2, 24), (3, 24), (3, 24), (3, 32))),
    Corruption("bubble", "bubble", ((5, 10), (7, 10), (10, 10), (12, 12), (15, 12))),
)

register_grid("bloodmnist-c", version=2, corruptions=CORRUPTIONS)
