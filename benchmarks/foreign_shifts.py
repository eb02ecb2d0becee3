"""Write shifted copies of held-out images with other people's libraries, to check the forecast against.

Nothing of `local_eval.shifts` is used: imagecorruptions, scikit-image, Pillow, torchvision, OpenCV, SciPy,
albumentations and imgaug make the pictures. They belong to an environment of their own:

    python -m venv FOREIGN && FOREIGN/bin/pip install imagecorruptions scikit-image pillow torchvision scipy \
        albumentations==1.4.24 imgaug
    FOREIGN/bin/python -m benchmarks.foreign_shifts --artifacts A --to FOLDER

The originals are the select half of the hold-out: other images than those that the forecast is made from. The sets
below are those that parameters of the forecast were chosen on; those of foreign_report.py are what it is reported on.

Each set has what a user could say of it beforehand: the suite whose kind it is, or "unknown", and a strength in a word.
"""

import argparse
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from torchvision import transforms
from torchvision.transforms import functional

from benchmarks.foreign_alter import Alter
from benchmarks.foreign_imgaug import imgaug_sets
from benchmarks.foreign_library import library_sets
from benchmarks.foreign_report import report_sets
from submission.kit.files import sha256_file, write_json
from submission.kit.image_set import open_image_set, write_image_set
from submission.kit.seeds import derive_seed

BATCH_SIZE = 64
NOISE = ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise")
BLUR = ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur")
WEATHER = ("snow", "frost", "fog", "brightness", "spatter")
DIGITAL = ("contrast", "elastic_transform", "pixelate", "jpeg_compression", "saturate")
ALL = NOISE[:3] + BLUR[:4] + WEATHER[:4] + DIGITAL[:4]  # the fifteen of ImageNet-C


@dataclass(frozen=True)
class Foreign:
    """One set. suite: whose kind it is, or "unknown"; strength: "mild", "typical" or "harsh", a severity of 1 to 5 that
    is imagecorruptions' own, or "" where nothing can be said; half: "tune" or "report"."""

    name: str
    suite: str
    strength: str
    half: str
    alter: Alter


def an2dl_like(level: int) -> Alter:
    """What the contest's revealed images show: a dark L, RandAugment, one bar, grey, channels, inversion."""
    chain = transforms.RandAugment(num_ops=level, magnitude=(8, 14, 20)[level - 1])
    often = (0.4, 0.7, 1.0)[level - 1]

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        if rng.random() < 0.66:
            image = chain(image)
        if rng.random() < 0.3 * often:
            image = _bar(image, rng)
        if rng.random() < 0.2 * often:
            image = ImageOps.grayscale(image).convert("RGB")
        elif rng.random() < 0.25 * often:
            image = functional.adjust_hue(image, float(rng.uniform(-0.5, 0.5)))
        elif rng.random() < 0.15 * often:
            image = Image.fromarray(np.asarray(image)[..., rng.permutation(3)])
        if rng.random() < 0.12 * often:
            image = ImageOps.invert(image)
        if rng.random() < 0.2 * often:
            far = int(image.width * 0.3 * often)
            x, y = (int(rng.integers(-far, far + 1)) for _ in range(2))
            padded = np.pad(np.asarray(image), ((far, far), (far, far), (0, 0)), mode="reflect")
            image = Image.fromarray(padded[far + y : far + y + image.height, far + x : far + x + image.width])
        x, y = (int(rng.integers(2, 7)) for _ in range(2))
        return image.transform(image.size, Image.Transform.AFFINE, (1, 0, -x, 0, 1, y), fillcolor=(0, 0, 0))

    return alter


def _bar(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    image = image.copy()
    size, angle = image.width, np.deg2rad(45 * rng.integers(4))
    centre = rng.uniform(0.25, 0.75, 2) * size
    reach = 2 * size * np.array([np.cos(angle), np.sin(angle)])
    grey = int(rng.choice([0, 0, 0, 128]))
    ends = [*(centre - reach), *(centre + reach)]
    ImageDraw.Draw(image).line(ends, fill=(grey,) * 3, width=int(rng.integers(6, 13)))
    return image


def corrupted(names: Sequence[str], severity: int) -> Alter:
    """One corruption of imagecorruptions an image."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        corrupt = _imagecorruptions()
        name = str(rng.choice(names))
        return Image.fromarray(corrupt(np.asarray(image), severity=severity, corruption_name=name).astype(np.uint8))

    return alter


def _imagecorruptions() -> Callable[..., np.ndarray]:
    """Its `corrupt`; version 1.1.2 speaks to an older NumPy and scikit-image than those of today."""
    np.float_ = np.float64  # type: ignore[attr-defined]  # noqa: NPY201
    from imagecorruptions import corrupt, corruptions
    from skimage.filters import gaussian

    def old_gaussian(*arguments: object, multichannel: bool = False, **options: object) -> np.ndarray:
        return gaussian(*arguments, **{"channel_axis": -1 if multichannel else None, **options})

    corruptions.gaussian = old_gaussian
    return corrupt


def stained(strength: float) -> Alter:
    """Jitter in scikit-image's haematoxylin, eosin and DAB space, and gamma."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        from skimage import color, exposure

        hed = color.rgb2hed(np.asarray(image))
        hed = hed * rng.uniform(1 - strength, 1 + strength, 3) + rng.uniform(-strength, strength, 3) * 0.05
        rgb = exposure.adjust_gamma(np.clip(color.hed2rgb(hed), 0, 1), float(np.exp(rng.uniform(-strength, strength))))
        return Image.fromarray((rgb * 255).round().astype(np.uint8))

    return alter


def microscope(strength: float) -> Alter:
    """Pillow's brightness, contrast, colour, blur, JPEG or resolution, one of them an image."""

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        kind = int(rng.integers(6))
        if kind < 3:
            enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[kind]
            return enhance(image).enhance(float(1 + rng.choice([-1, 1]) * rng.uniform(0.3, 1) * strength))
        if kind == 3:
            return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 4) * strength)))
        if kind == 4:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=int(60 - 52 * strength))
            return Image.open(file).convert("RGB")
        small = max(8, int(image.width * (1 - 0.9 * strength)))
        return image.resize((small, small), Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.NEAREST)

    return alter


def hidden(share: float) -> Alter:
    """torchvision's erasing and cropping."""
    erase = transforms.RandomErasing(p=1.0, scale=(0.3 * share, share), value=0)
    crop = transforms.RandomResizedCrop(96, scale=(1 - share, 1))

    def alter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        if rng.random() < 0.3:
            crop.size = [image.height, image.width]
            return crop(image)
        return functional.to_pil_image(erase(functional.to_tensor(image)))

    return alter


def sets() -> list[Foreign]:
    """All of them: those tuned on from mild to harsh, then those reported on."""
    levels = ("mild", "typical", "harsh")
    two = (("mild", 1), ("harsh", 2))
    tuned = [
        ("untouched", "clean", "", lambda image, rng: image),
        *((f"contest-{level}", "an2dl", level, an2dl_like(n + 1)) for n, level in enumerate(levels)),
        *((f"corruptions-{n}", "imagenet-c", str(n), corrupted(ALL, n)) for n in range(1, 6)),
        ("noise-3", "unknown", "", corrupted(NOISE, 3)),
        ("blur-3", "unknown", "", corrupted(BLUR, 3)),
        ("weather-2", "unknown", "", corrupted(WEATHER, 2)),
        ("digital-3", "unknown", "", corrupted(DIGITAL, 3)),
        *((f"stain-{n}", "stain", word, stained((0.25, 0.6)[n - 1])) for word, n in two),
        *((f"microscope-{n}", "bloodmnist-c", word, microscope((0.4, 0.8)[n - 1])) for word, n in two),
        *((f"hidden-{n}", "occlusion", word, hidden((0.25, 0.5)[n - 1])) for word, n in two),
    ]
    return [
        *(Foreign(name, suite, strength, "tune", alter) for name, suite, strength, alter in tuned),
        *(Foreign(*one[:3], "tune", one[3]) for one in (*library_sets(), *imgaug_sets())),
        *(Foreign(name, suite, strength, "report", alter) for name, suite, strength, alter in report_sets()),
    ]


def write(foreign: Foreign, source: Path, folder: Path, seed: int, limit: int | None) -> None:
    """One set, as an image set; draws hang on the set's name and the image's id."""
    originals = open_image_set(source, "python -m local_eval.suites")
    count = len(originals) if limit is None else min(limit, len(originals))

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, count, BATCH_SIZE):
            here = slice(start, min(start + BATCH_SIZE, count))
            altered = []
            for image, image_id in zip(originals.images[here], originals.ids[here], strict=True):
                drawn = derive_seed(seed, "foreign", foreign.name, image_id)
                torch.manual_seed(drawn)  # torchvision and imagecorruptions draw from the global generators
                np.random.seed(drawn)  # noqa: NPY002
                result = foreign.alter(Image.fromarray(image), np.random.default_rng(drawn))
                altered.append(np.asarray(result.convert("RGB"), dtype=np.uint8))
            yield np.stack(altered), originals.labels[here]

    meta = {"class_names": originals.class_names, "seed": seed} | {
        "suite": foreign.suite,
        "strength": foreign.strength,
        "half": foreign.half,
    }
    write_image_set(folder, batches(), count, originals.image_shape, meta, ids=originals.ids[:count])
    write_json(folder / "meta.json", {**meta, "sha256": sha256_file(folder / "images.npy")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True, help="folder; each set becomes an image set in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, help="only so many of each set that is not there yet")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for foreign in sets():
        folder = args.to / foreign.name
        if not (folder / "meta.json").exists():
            write(foreign, args.artifacts / "suites" / "clean" / "select", folder, args.seed, args.images)
            print(folder, flush=True)


if __name__ == "__main__":
    main()
