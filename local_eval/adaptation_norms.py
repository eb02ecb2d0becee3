"""What batch-norm statistics fitted to the images do to the nets of a zip, on images altered in one way or in many."""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.adapt_norm import adapt_norm
from submission.kit.blend import blend
from submission.kit.errors import KitError
from submission.kit.image_input import ImageInput
from submission.kit.manifest import Manifest
from submission.kit.norm_graph import NormGraph
from submission.kit.seeds import derive_seed

from .shifts.operation import get_operation

_SEVERITY = 4
_SINGLE = ("darken", "washout", "invert", "channel_shift", "hue", "defocus_blur", "gaussian_noise", "jpeg")
_BATCH = 64


@dataclass(frozen=True)
class NormEffect:
    """Probabilities float32 (n, K) of the images as they are, without other views, and why members refused.

    before: nothing adapted; forced: all members; guarded: those whose guard let them; refusals: member's name -> why.
    """

    before: np.ndarray
    forced: np.ndarray
    guarded: np.ndarray
    refusals: dict[str, str]


class NormTrial:
    """The nets of a zip, opened in this process: graphs only, none of its code.

    Args:
        zip_path: a zip of this kit with SavedModels.
        manifest: its manifest.

    Raises:
        KitError: no member has a graph with batch normalisation.
    """

    def __init__(self, zip_path: Path, manifest: Manifest):
        self._manifest = manifest
        self._graphs: dict[int, NormGraph] = {}
        why = []
        with tempfile.TemporaryDirectory() as scratch:
            with zipfile.ZipFile(zip_path) as archive:
                archive.extractall(scratch, [name for name in archive.namelist() if name.startswith("members/")])
            for m, path in enumerate(manifest.member_paths):
                try:
                    self._graphs[m] = NormGraph(Path(scratch) / path)
                except KitError as error:
                    why.append(str(error))
        if why:
            raise KitError("; ".join(why).replace(scratch, "the zip's folder"))

    def effect(self, images: np.ndarray) -> NormEffect:
        """Predict with and without; images uint8 (n, H, W, C)."""
        before, forced, guarded, refusals = [], [], [], {}
        for m, graph in self._graphs.items():
            adapted = adapt_norm(graph, ImageInput(images, graph.image_shape))
            plain = graph.with_statistics([(site.mean, site.variance) for site in graph.sites])
            before.append(_predict(plain, images))
            forced.append(_predict(adapted.predict, images))
            guarded.append(forced[-1] if adapted.refusal is None else before[-1])
            if adapted.refusal is not None:
                refusals[self._manifest.member_names[m]] = adapted.refusal
        return NormEffect(self._blend(before), self._blend(forced), self._blend(guarded), refusals)

    def _blend(self, probs: Sequence[np.ndarray]) -> np.ndarray:
        weights_m1 = self._manifest.weights_mv.sum(1, keepdims=True)
        return blend(np.stack(probs)[:, None], weights_m1, self._manifest.temperatures)


def single_operations(channels: int) -> list[str]:
    """Names for `altered_in_one_way` that suit images of so many channels."""
    return [name for name in _SINGLE if channels > 1 or not get_operation(name).needs_colour]


def altered_in_one_way(images: np.ndarray, ids: Sequence[str], name: str) -> np.ndarray:
    """Every image altered by one operation at severity 4, with parameters of its own.

    Args:
        images: uint8 (n, H, W, C).
        ids: n ids, which draw the parameters.
        name: of the operation.
    """
    operation = get_operation(name)
    altered = np.empty(images.shape, np.uint8)
    for n, one in enumerate(ids):
        rng = np.random.default_rng(derive_seed(0, "adaptation", name, one))
        altered[n] = operation.apply(np.asarray(images[n]), operation.sample(rng, _SEVERITY))
    return altered


def _predict(net: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    return np.concatenate([net(np.asarray(images[start : start + _BATCH])) for start in range(0, len(images), _BATCH)])
