"""The foreign sets that the forecast is reported on; nothing was chosen by them. Made by foreign_shifts.py.

Unlike the sets that were tuned on: OpenCV, SciPy and other functions of Pillow and scikit-image, other compositions.
Strengths were set by what the words say and never changed: "mild" shows when looked for, "harsh" hides cells.
"""

import numpy as np
from PIL import Image

from benchmarks.foreign_alter import Alter, jpeg
from benchmarks.foreign_contest import contest
from benchmarks.foreign_microscope import camera, restained, scanner, slide
from benchmarks.foreign_patterns import bent, covered, patterned

STRENGTHS = {"mild": 0.25, "typical": 0.5, "harsh": 0.8}


def medley(strength: float) -> Alter:
    """Any of the above, another for each image."""
    kinds = [kind(strength) for kind in (contest, camera, restained, scanner, slide, covered, patterned, bent)]

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return kinds[int(rng.integers(len(kinds)))](image, rng)

    return alter


def report_sets() -> list[tuple[str, str, str, Alter]]:
    """(name, suite that a user who knows their kind would name or "unknown", strength in words or "", what it does)."""
    found: list[tuple[str, str, str, Alter]] = [("reencoded", "clean", "", jpeg(95))]
    kinds = (
        ("revealed", "an2dl", contest, ("mild", "typical", "harsh")),
        ("camera", "imagenet-c", camera, ("mild", "harsh")),
        ("restained", "stain", restained, ("mild", "harsh")),
        ("scanner", "stain", scanner, ("typical",)),
        ("slide", "bloodmnist-c", slide, ("mild", "typical", "harsh")),
        ("covered", "occlusion", covered, ("mild", "harsh")),
        ("patterned", "imagenet-c-bar", patterned, ("mild", "harsh")),
        ("bent", "unknown", bent, ("typical",)),
        ("medley", "unknown", medley, ("mild", "typical", "harsh")),
    )
    for name, suite, make, words in kinds:
        found += [(f"{name}-{word}", suite, word, make(STRENGTHS[word])) for word in words]
    return found
