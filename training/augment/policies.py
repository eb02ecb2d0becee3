"""Policies by name."""

from submission.kit.errors import KitError

from .affine import AffineRange
from .engine import Policy, Round

# Strong single operations, RandAugment's vocabulary and the tones of a badly set camera; a fifth is left as it is.
_PHOTOMETRIC: Round = (
    *[()] * 4,
    (("brightness", 1.0),),
    (("contrast", 1.0),),
    (("gamma", 1.0),),
    (("range", 1.0),),
    (("saturation", 1.0),),
    (("greyscale", 1.0),),
    (("hue", 1.0),),
    (("channel_shift", 1.0),),
    (("channel_gain", 1.0),),
    (("channel_shuffle", 1.0),),
    (("invert", 1.0),),
    (("solarise", 1.0),),
    (("posterise", 1.0),),
    (("equalise", 1.0),),
    (("autocontrast", 1.0),),
    (("sharpness", 1.0),),
    (("blur", 1.0),),
    (("noise", 1.0),),
)
_BAR, _BORDER, _CUTOUT = ("bar", 1.0), ("border", 1.0), ("cutout", 1.0)
_COVERS: Round = (
    *[()] * 2,
    *[(_BORDER,)] * 4,
    *[(_BAR, _BORDER)] * 3,
    (_CUTOUT, _BORDER),
)

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("none"),
        Policy("flips", dihedral=True),
        # What moved hidden scores most: strong RandAugment-like draws, a bar, dark borders, big shears and moves.
        Policy(
            "strong",
            dihedral=True,
            affine=AffineRange(),
            warp_share=0.65,
            reflect_share=0.65,
            rounds=(_PHOTOMETRIC, _PHOTOMETRIC, _COVERS),
        ),
    )
}


def get_policy(name: str) -> Policy:
    """A policy by name; `KitError` lists the known names."""
    if name not in POLICIES:
        raise KitError(f"unknown augmentation policy. Received: {name!r}. Known: {', '.join(POLICIES)}.")
    return POLICIES[name]
