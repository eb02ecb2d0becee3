"""What changes colours: greyscale, channel shifts and shuffles, hue."""

import numpy as np

from .operation import Operation, Params, draw, draw_sign, register_operation
from .planes import from_planes, to_planes

_LUMA = np.array([19595, 38470, 7471], np.float32)


def luma(image: np.ndarray) -> np.ndarray:
    """Rec. 601 luma of RGB in 16-bit fixed point, as Pillow's `convert("L")`: uint8 (H, W, 3) -> uint8 (H, W, 1)."""
    total = image.astype(np.float32) @ _LUMA  # exact: whole numbers up to 2 ** 24
    return ((total + 0x8000) * 2.0**-16).astype(np.uint8)[..., None]


def rotate_hue(image: np.ndarray, turn: float) -> np.ndarray:
    """Add `turn` (fraction of the circle) to the hue in HSV; saturation and value stay. uint8 (H, W, 3), same out."""
    red, green, blue = rgb = to_planes(image)
    value = rgb.max(axis=0)
    chroma = value - rgb.min(axis=0)
    safe = np.maximum(chroma, 1)  # chroma is a whole number, and where it is 0 the hue does not matter
    sixth = np.where(
        value == red, (green - blue) / safe, np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    )
    sixth += np.float32(6 * turn)
    # A channel is value - chroma x how far the hue is from its sector (Smith 1978, in closed form).
    far = sixth + np.array([5, 3, 1], np.float32)[:, None, None]
    far -= 6 * np.floor(far / 6)  # a tenth of the time of %
    np.minimum(far, 4 - far, out=far)
    np.clip(far, 0, 1, out=far)
    return from_planes(value - chroma * far)


@register_operation("greyscale")
class Greyscale(Operation):
    """Mix with the grey image; severity 5 is fully grey."""

    needs_colour = True
    _AMOUNT = ((0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 1.0), (1.0, 1.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"amount": draw(rng, self._AMOUNT, severity)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        if image.shape[-1] == 1:
            return image.copy()
        planes, amount = to_planes(image), params["amount"]
        return from_planes(planes + amount * (luma(image)[..., 0].astype(np.float32) - planes))


@register_operation("channel_shift")
class ChannelShift(Operation):
    """Add a constant to each channel, clipped; the largest of the three has the size that severity sets."""

    _LARGEST = ((15, 30), (30, 50), (50, 75), (75, 100), (100, 130))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        shifts = rng.uniform(-1, 1, 3)
        shifts *= draw(rng, self._LARGEST, severity) / np.abs(shifts).max()
        return {"shifts": [round(float(shift)) for shift in shifts]}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        shifts = np.array(params["shifts"][: image.shape[-1]], np.int16)
        return np.clip(image.astype(np.int16) + shifts, 0, 255).astype(np.uint8)


@register_operation("channel_shuffle")
class ChannelShuffle(Operation):
    """Put the channels in another order, never the same one."""

    graded = False
    needs_colour = True
    _ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"order": list(self._ORDERS[rng.integers(len(self._ORDERS))])}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return image.copy() if image.shape[-1] == 1 else np.ascontiguousarray(image[..., params["order"]])


@register_operation("hue")
class Hue(Operation):
    """Rotate the hue; from severity 3 on, the stain's violet becomes blue, teal, green or red."""

    needs_colour = True
    _TURN = ((0.05, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"turn": draw(rng, self._TURN, severity) * draw_sign(rng)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return image.copy() if image.shape[-1] == 1 else rotate_hue(image, params["turn"])
