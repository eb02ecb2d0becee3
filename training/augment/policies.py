"""Policies by name, each with what it reproduces."""

from submission.kit.errors import KitError

from .affine import AffineRange
from .chain import Chain
from .engine import Policy
from .mixing import Mixing
from .stages import AugMix, OneOf, Turns, rand_augment


def _each(names: str, magnitude: float = 1.0) -> tuple[Chain, ...]:
    """One chain of one operation for each name; "identity" changes nothing."""
    return tuple(() if name == "identity" else ((name, magnitude),) for name in names.split())


def _rand_augment(magnitude: float) -> tuple[Chain, ...]:
    """The fourteen of RandAugment (Cubuk et al. 2020); TrivialAugment (Mueller and Hutter 2021) has the same."""
    return _each(
        "identity autocontrast equalise rotate solarise saturation posterise contrast brightness sharpness shear_x "
        "shear_y translate_x translate_y",
        magnitude,
    )


# AugMix leaves out what its test corruptions have: contrast, colour, brightness, sharpness. Strength 3 of 10.
_AUGMIX = _each("autocontrast equalise posterise rotate solarise shear_x shear_y translate_x translate_y", 0.3)

# Strong single operations, RandAugment's vocabulary and the tones of a badly set camera; a fifth is left as it is.
_PHOTOMETRIC = _each(
    "identity identity identity identity brightness contrast gamma range saturation greyscale hue channel_shift "
    "channel_gain channel_shuffle invert solarise posterise equalise autocontrast sharpness blur noise"
)
_BAR, _BORDER, _CUTOUT = ("bar", 1.0), ("border", 1.0), ("cutout", 1.0)
_COVERS: tuple[Chain, ...] = (
    *[()] * 2,
    *[(_BORDER,)] * 4,
    *[(_BAR, _BORDER)] * 3,
    (_CUTOUT, _BORDER),
)


def _some(share_of_ten: int, *chain: tuple[str, float]) -> OneOf:
    """A chain for so many tenths of the images."""
    return OneOf((chain,) * share_of_ten + ((),) * (10 - share_of_ten))


# Turns and small moves, for recipes that add them to their RandAugment or use nothing else.
_LIGHT = AffineRange(rotation=8.0, shear=0.0, zoom=0.1, translation=0.06, strong_share=0.0)

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("none"),
        # The eight turns and mirrorings of a square.
        Policy("flips", (Turns(),)),
        # What moved hidden scores most: strong RandAugment-like draws, a bar, dark borders, big shears and moves.
        Policy(
            "strong",
            (
                Turns(AffineRange(), warp_share=0.65, reflect_share=0.65),
                OneOf(_PHOTOMETRIC),
                OneOf(_PHOTOMETRIC),
                OneOf(_COVERS),
            ),
        ),
        # RandAugment as Keras documents it: two operations an image, half of the strength; here each image has its own.
        Policy("randaugment", rand_augment(_rand_augment(0.5), 2)),
        # The 11th's: RandAugment three times over, nothing else.
        Policy("randaugment_x3", (Turns(), *rand_augment(_rand_augment(0.7), 3))),
        # One operation at any strength.
        Policy("trivialaugment", rand_augment(_rand_augment(1.0), 1)),
        Policy("augmix", (AugMix(_AUGMIX),)),
        Policy("mixup", (Turns(),), Mixing(mixup=1.0)),
        Policy("cutmix", (Turns(),), Mixing(cutmix=0.5)),
        # fmap: RandAugment and AugMix and light operations, by its repository's list; strengths are ours.
        Policy("fmap", (Turns(_LIGHT), *rand_augment(_rand_augment(0.4), 2), AugMix(_AUGMIX, share=0.5))),
        # DataDreamers: RandAugment, AugMix, MixUp, CutMix, Gaussian noise.
        Policy(
            "datadreamers",
            (Turns(), *rand_augment(_rand_augment(0.5), 2), AugMix(_AUGMIX, share=0.3), _some(3, ("noise", 0.5))),
            Mixing(mixup=0.3, cutmix=0.3),
        ),
        # LauraMoiana: RandAugment, CutMix, MixUp.
        Policy("moiana", (Turns(), *rand_augment(_rand_augment(0.5), 2)), Mixing(mixup=0.4, cutmix=0.4)),
        # Decoding: flips, rotations, shifts, zoom.
        Policy(
            "decoding",
            (Turns(AffineRange(rotation=15.0, shear=0.0, zoom=0.15, translation=0.1, strong_share=0.0)),),
        ),
        # The winner's online chain of fifteen: flip, vertical flip, quarter turn, rotation, shear, translation and zoom
        # in one warp, then brightness, contrast, saturation, hue, channel shift, solarise or invert, blur or noise,
        # and a cover. That there were fifteen is told, which ones is our guess.
        Policy(
            "first_place",
            (
                Turns(AffineRange(rotation=20.0, shear=0.25, translation=0.12), warp_share=0.8, reflect_share=0.5),
                _some(5, ("brightness", 0.5), ("contrast", 0.6)),
                _some(5, ("saturation", 0.7), ("hue", 0.6)),
                OneOf(_each("identity identity identity channel_shift solarise invert posterise equalise")),
                OneOf(_each("identity identity identity blur noise sharpness", 0.7)),
                OneOf((*[()] * 2, *[(_BORDER,)] * 2, (_BAR, _BORDER), (_CUTOUT,))),
            ),
        ),
        # The top-10 team with EfficientNetB2: RandAugment of four operations, then cut-out.
        Policy("top10", (Turns(), *rand_augment(_rand_augment(0.6), 4), _some(5, _CUTOUT))),
        # The silver team: RandAugment, AugMix, CutMix, MixUp.
        Policy(
            "silver",
            (Turns(), *rand_augment(_rand_augment(0.7), 2), AugMix(_AUGMIX, share=0.3)),
            Mixing(mixup=0.3, cutmix=0.3),
        ),
    )
}


def get_policy(name: str) -> Policy:
    """A policy by name; `KitError` lists the known names."""
    if name not in POLICIES:
        raise KitError(f"unknown augmentation policy. Received: {name!r}. Known: {', '.join(POLICIES)}.")
    return POLICIES[name]
