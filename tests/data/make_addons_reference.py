"""Write what tensorflow-addons 0.23 makes of two fixed images; run by the Python of the runtime tf215, on its own.

    artifacts/runtimes/tf215-*/bin/python -I tests/data/make_addons_reference.py tests/data/addons_reference.npz

tests/test_shifts_against_addons.py compares the judge's shift operations with it. An array is named by the operation
and its argument, (2, H, W, 3): uint8, or int16 in units of 1/32 where the operation gives fractions.
"""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")  # addons warns of its end of life

import tensorflow as tf  # noqa: E402
import tensorflow_addons as tfa  # noqa: E402

HEIGHT, WIDTH = 21, 29  # the centre is a pixel, and half of its index is whole


def images() -> np.ndarray:
    """uint8 (2, H, W, 3): a smooth coloured one with all levels, and one of noise, where any displaced pixel shows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    waves = [np.sin(y / 4 + x / 9 + 2 * c) * 0.6 + np.cos(x / 5 - c) * 0.4 for c in range(3)]
    smooth = np.stack(waves, -1) * 120 + 127.5
    noise = np.random.default_rng(0).integers(0, 256, smooth.shape)
    return np.stack([smooth, noise]).round().clip(0, 255).astype(np.uint8)


def in_units(answer: np.ndarray) -> np.ndarray:
    """float32 to int16 in units of 1/32, which keeps the file small; uint8 as it is."""
    return answer if answer.dtype == np.uint8 else np.round(answer * 32).astype(np.int16)


def main(path: str) -> None:
    uint8 = images()
    exact = tf.constant(uint8, tf.float32)
    answers = {"images": uint8}

    for degrees in (-37, 10, 45, 90):
        answers[f"rotate {degrees}"] = tfa.image.rotate(exact, np.deg2rad(degrees), "bilinear", "reflect")
    for factor in (-0.5, 0.5, 1.0):
        # shear_x and shear_y work on one uint8 image, from the corner, take the nearest pixel, and fill with `replace`
        for name, shear in (("shear_x", tfa.image.shear_x), ("shear_y", tfa.image.shear_y)):
            answers[f"{name} {factor}"] = [shear(image, factor, [0, 0, 0]) for image in uint8]
    for factor in (-0.35, 0.8):
        across, down = factor * (HEIGHT - 1) / 2, factor * (WIDTH - 1) / 2  # about the centre
        for name, row in (
            ("centred_shear_x", [1, factor, -across, 0, 1, 0, 0, 0]),
            ("centred_shear_y", [1, 0, 0, factor, 1, -down, 0, 0]),
        ):
            answers[f"{name} {factor}"] = tfa.image.transform(exact, row, "bilinear", "reflect")
    for right, down in ((5, 0), (0, -7), (-9, 4)):
        answers[f"translate {right} {down}"] = tfa.image.translate(uint8, [right, down], fill_mode="reflect")
    for factor in (1.5, 3.0, 8.0):
        answers[f"sharpness {factor}"] = tfa.image.sharpness(uint8, factor)
    answers["equalize"] = tfa.image.equalize(uint8)
    for sigma in (0.5, 1.2, 2.5):
        side = 2 * int(4 * sigma + 0.5) + 1
        answers[f"gaussian {sigma}"] = tfa.image.gaussian_filter2d(exact, side, sigma, "SYMMETRIC")
    for value in (0.2, 0.7):
        answers[f"value {value}"] = tfa.image.adjust_hsv_in_yiq(exact, 0.0, 1.0, value)
    for saturation in (0.0, 0.4):
        answers[f"saturation {saturation}"] = tfa.image.adjust_hsv_in_yiq(exact, 0.0, saturation, 1.0)
    for turn in (-0.1, 0.05, 0.25, 0.5):
        answers[f"hue {turn}"] = tfa.image.adjust_hsv_in_yiq(exact, 2 * np.pi * turn, 1.0, 1.0)
    np.savez_compressed(path, **{name: in_units(np.asarray(answer)) for name, answer in answers.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
