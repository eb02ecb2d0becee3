"""The kinds of finding: what each means, what its score says, and whether its images are dropped by default."""

from dataclasses import dataclass

from submission.kit.errors import KitError


@dataclass(frozen=True)
class Kind:
    """name: how a reason begins; drops: by default; told: what it is; score: what the number says."""

    name: str
    drops: bool
    told: str
    score: str

    @property
    def option(self) -> str:
        """As it is written on the command line."""
        return self.name.replace(" ", "_").replace("-", "_")


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("blank", True, "one colour, or almost", "standard deviation of the liveliest channel, in grey levels"),
        Kind("repeated picture", True, "so often that it is no picture of its class: a joke, a filler", "times"),
        Kind("same picture under several labels", True, "nothing says which label is right: all are dropped", "labels"),
        Kind("exact duplicate", True, "equal in every pixel; the first stays", "1: all pixels"),
        Kind(
            "near duplicate",
            True,
            "the same picture re-encoded, brightened, noisy, shifted, mirrored or turned; the first stays",
            "correlation of the two pictures' detail, 0.57 to 1",
        ),
        Kind(
            "look-alike",
            False,
            "a net takes it for the other image, pixel by pixel it is not",
            "cosine of their features",
        ),
        Kind(
            "off topic",
            False,
            "unlike all other images",
            "distance to the 20th neighbour, 1 about as far as an ordinary image from the mean; 2 or more",
        ),
        Kind("dark", False, "far darker than the others", "mean grey level, 0-255"),
        Kind("light", False, "far lighter than the others", "mean grey level, 0-255"),
        Kind("blurry", False, "hardly any fine contrast", "share of the contrast that is between neighbouring pixels"),
        Kind(
            "odd size",
            False,
            "padded with one colour: a picture of another shape",
            "part of a side that is padding, 0-1",
        ),
        Kind(
            "label error",
            False,
            "a net that has not seen the image's label disagrees with it",
            "probability of the given label, 0-1",
        ),
    )
}
"""By name, in the order in which a picture's reason is chosen, and of the gallery."""


def kind_of(reason: str) -> str:
    """The name of `KINDS` with which a reason begins, or "by hand" for a reason that none of the rules wrote."""
    return next((kind for kind in KINDS if reason.startswith(kind)), "by hand")


def dropped_kinds(option: str) -> set[str]:
    """Names of the kinds that are dropped.

    Args:
        option: kinds to drop beside those of the default, with commas between: "off_topic,blurry"; may be empty.

    Raises:
        KitError: an unknown kind; the known ones are listed.
    """
    known = {kind.option: kind.name for kind in KINDS.values()}
    asked = [name.strip() for name in option.split(",") if name.strip()]
    unknown = [name for name in asked if name not in known]
    if unknown:
        more = ", ".join(kind.option for kind in KINDS.values() if not kind.drops)
        raise KitError(f"--drop takes {more}, with commas between. Received: {', '.join(unknown)}.")
    return {kind.name for kind in KINDS.values() if kind.drops} | {known[name] for name in asked}
