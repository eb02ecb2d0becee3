"""Write what imagecorruptions and scikit-image make of a fixed image; run in an environment of its own.

    python -m venv ref
    ref/bin/pip install imagecorruptions==1.1.2 scikit-image==0.20.0 "scipy<1.12" "setuptools<70" "numpy<1.27"
    ref/bin/python tests/data/make_corruptions_reference.py tests/data/corruptions_reference.npz

tests/test_shifts_against_imagecorruptions.py compares the judge's shift operations with it. What draws nothing is kept
as two cut-outs of the answer, a corner and the middle; what draws, as means over seeds of three measures of the answer.
"""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

import cv2  # noqa: E402
import skimage.color  # noqa: E402
from imagecorruptions import corrupt, corruptions  # noqa: E402
from skimage.filters import gaussian  # noqa: E402

SIZE = 224
SEEDS = 12
DRAWN = ["gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "snow", "frost", "fog", "elastic_transform"]
FIXED = ["defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"]


def image() -> np.ndarray:
    """uint8 (224, 224, 3): a coloured blob with a textured core on a bright background, all levels of saturation."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    far = np.hypot(y - 105, (x - 120) * 1.2) / 70
    blob = 1 / (1 + np.exp(12 * (far - 1)))
    texture = 0.5 + 0.5 * np.sin(y / 3) * np.cos(x / 4.3) + 0.3 * np.sin((x + y) / 11)
    background = 215 + 20 * np.sin(x / 40) + 10 * np.cos(y / 23)
    colour = np.stack([150 * blob * texture, 190 * blob, 70 * blob * (1 - texture)], -1)
    return (background[..., None] * [1.0, 0.92, 0.85] - colour).round().clip(0, 255).astype(np.uint8)


def cuts(answer: np.ndarray) -> np.ndarray:
    """uint8 (2, 32, 40, 3): the corner and a part of the blob's rim, rounded."""
    answer = np.asarray(answer, float).round().clip(0, 255).astype(np.uint8)
    return np.stack([answer[:32, :40], answer[90:122, 40:80]])


def measures(answer: np.ndarray, original: np.ndarray) -> np.ndarray:
    """float (3,): mean, standard deviation, mean absolute difference from the original."""
    answer = np.asarray(answer, float)
    return np.array([answer.mean(), answer.std(), np.abs(answer - original).mean()])


def main(path: str) -> None:
    # scikit-image renamed an argument after imagecorruptions was last published
    corruptions.gaussian = lambda x, sigma, multichannel=None, **kw: gaussian(
        x, sigma=sigma, channel_axis=-1 if multichannel else None, **kw
    )
    original = image()
    answers = {"image": cuts(original)}
    for severity in range(1, 6):
        for name in FIXED:
            answers[f"fixed {name} {severity}"] = cuts(corrupt(original, corruption_name=name, severity=severity))
        for name in DRAWN:
            found = []
            for seed in range(SEEDS):
                np.random.seed(seed)  # noqa: NPY002
                answer = corrupt(original, corruption_name=name, severity=severity)
                found.append(measures(answer, original))
            answers[f"drawn {name} {severity}"] = np.mean(found, axis=0)
    for radius, sigma, degrees in ((10, 3, 20), (15, 8, -40), (20, 15, 7), (3, 3, 33), (10, 9, -12)):
        blurred = corruptions._motion_blur(original.astype(np.float32), radius, sigma, degrees)
        answers[f"motion {radius} {sigma} {degrees}"] = cuts(blurred)
    for radius, sigma in ((2, 0.01), (5, 0.1)):  # as MedMNIST-C's
        blurred = cv2.filter2D(original.astype(np.float32), -1, corruptions.disk(radius, sigma))
        answers[f"disc {radius} {sigma}"] = cuts(blurred)
    for add in (0.05, 0.2):  # MedMNIST-C's formula
        hsv = skimage.color.rgb2hsv(original / 255)
        hsv[..., 1] = np.clip(hsv[..., 1] + add, 0, 1)
        answers[f"saturate {add}"] = cuts(255 * skimage.color.hsv2rgb(hsv))
    np.savez_compressed(path, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
