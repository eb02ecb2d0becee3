"""Colours of a heat map in a table: light is high, dark is low, readable without seeing colours."""

from dataclasses import dataclass

import matplotlib
from matplotlib.colors import to_hex

STEPS = 24
_DARK, _WHITE = "#000000", "#ffffff"


@dataclass(frozen=True)
class Scale:
    """The range of a table's values, which share the colours."""

    low: float
    high: float

    def step(self, value: float) -> int:
        """The colour's number, 0 for `low` to `STEPS` - 1 for `high`; values outside get the nearest."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        return min(STEPS - 1, max(0, round(share * (STEPS - 1))))


def heat_colours() -> list[tuple[str, str]]:
    """(ground, text) of each step, as #rrggbb; the text is black or white, whichever stands out more.

    Source: Nunez, Anderton and Renslow 2018, "Optimizing colormaps with consideration for color vision deficiency"
    (cividis): the lightness rises evenly, and looks alike with and without red-green blindness.
    """
    colours = matplotlib.colormaps["cividis"]
    grounds = [colours(step / (STEPS - 1))[:3] for step in range(STEPS)]
    return [(to_hex(ground), _DARK if luminance(ground) > 0.179 else _WHITE) for ground in grounds]


def heat_css() -> str:
    """A class h0, h1 ... for each step, and the ground of a legend."""
    rules = [f".h{n} {{ background: {ground}; color: {text}; }}" for n, (ground, text) in enumerate(heat_colours())]
    stops = ", ".join(ground for ground, _ in heat_colours())
    return "\n".join([*rules, f".ramp {{ background: linear-gradient(to right, {stops}); }}"])


def luminance(rgb: tuple[float, float, float]) -> float:
    """Relative luminance of sRGB in [0, 1] (WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
