"""Another staining: the amounts of each dye changed in optical density, where dyes add up."""

from typing import Any, ClassVar

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import clip, constant, mix_channels, per_channel, rows

_BRIGHTEST = 256.0  # of x + 1: a white pixel has no density


class StainJitter(Operation):
    """Scales each dye's density by 0.4 to 1.6 and adds up to +-0.2, at full magnitude (Tellez et al. 2018).

    A grey image, whose colours tell no dye, has its density as a whole scaled.
    """

    dyes: ClassVar[tuple[tuple[float, float, float], ...]]

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {
            "factor": 1.0 + draws.triple(-0.6 * self.magnitude, 0.6 * self.magnitude),
            "offset": draws.triple(-0.2 * self.magnitude, 0.2 * self.magnitude),
        }

    def apply(self, images: Any, params: Params) -> Any:
        factor, offset = params["factor"], params["offset"]
        density = -ops.log((images + 1.0) / _BRIGHTEST)
        if images.shape[-1] != 3:
            return clip(_BRIGHTEST * ops.exp(-density * factor[..., :1]) - 1.0)
        dyes = _with_residual(self.dyes)
        # density = amounts @ dyes; amounts -> factor * amounts + offset
        changed = ops.matmul(constant(np.linalg.inv(dyes)) * factor[:, 0], constant(dyes))
        density = rows(mix_channels(density, changed)) + per_channel(ops.matmul(offset, constant(dyes)), images)
        return clip(ops.reshape(_BRIGHTEST * ops.exp(-density) - 1.0, images.shape))


def _with_residual(dyes: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Two dyes' densities in red, green, blue as unit rows, and a third row at right angles to both."""
    first, second = (np.array(dye) / np.linalg.norm(dye) for dye in dyes)
    third = np.cross(first, second)
    return np.stack([first, second, third / np.linalg.norm(third)])


@register
class StainHE(StainJitter):
    """Haematoxylin and eosin: tissue sections. Densities as in ImageJ's Colour Deconvolution."""

    name = "stain_he"
    dyes = ((0.644211, 0.716556, 0.266844), (0.092789, 0.954111, 0.283111))


@register
class StainGiemsa(StainJitter):
    """Methylene blue and eosin: blood smears. Densities as in ImageJ's Colour Deconvolution."""

    name = "stain_giemsa"
    dyes = ((0.834750, 0.513556, 0.196330), (0.092789, 0.954111, 0.283111))
