"""Weights from a file, all of them or none."""

from __future__ import annotations

import tempfile
import warnings
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from submission.kit.errors import KitError

if TYPE_CHECKING:
    import keras

# tensor -> its shape, and the name of its layer where the file tells it
Layout = dict[str, tuple[tuple[int, ...], str]]


def load_weights(net: keras.Model, path: Path, mend: str, constants: str | None = None) -> list[np.ndarray]:
    """Load a file strictly: it has every tensor of the net, by name and shape, and no other.

    Keras itself leaves layers that it does not find at their random start, overlooks what is too much, and stops in
    the middle at the first tensor of another shape.

    Args:
        net: the model; overwritten in value, and only when all fits.
        path: `.weights.h5` as Keras 3 writes it, or an `.h5` as Keras 2 wrote it and the Keras applications publish it,
            whose tensors are matched in order. States of optimizers are passed over.
        mend: what to do when it does not fit.
        constants: name of a layer that the file may have beyond the net.

    Returns:
        The arrays of that layer, in the file's order; none where the file has no such layer.

    Raises:
        KitError: missing, damaged, or not wholly that net's; it lists every tensor that is missing, unexpected or of
            another shape.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "layer_names" in file.attrs or "model_weights" in file:
                return _load_legacy(net, file.get("model_weights", file), constants)
            return _load(net, file, path, constants)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        text = " ".join(str(error).split()) if not isinstance(error, _MisfitError) else str(error)
        raise KitError(f"{path} does not fit the net {net.name!r}: {text}\n{mend}") from error


class _MisfitError(ValueError):
    """The list of offenders."""


def _load(net: keras.Model, file: Any, path: Path, constants: str | None) -> list[np.ndarray]:
    if not path.name.endswith(".weights.h5"):
        raise ValueError("Keras 3 wrote it, and reads it by the name *.weights.h5 only: rename it.")
    found = _layout(file)
    beyond = sorted(name for name in found if constants and name.startswith(f"layers/{constants}/"))
    _check_same(_layout_of(net), {name: entry for name, entry in found.items() if name not in beyond})
    arrays = [file[name][()] for name in beyond]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        net.load_weights(str(path))
    return arrays


def _layout_of(net: keras.Model) -> Layout:
    """What Keras would write: the one public way to learn where in a file it looks for each tensor."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expected.weights.h5"
        net.save_weights(path)
        with h5py.File(path, "r") as file:
            return _layout(file)


def _layout(file: Any) -> Layout:
    import h5py

    layout: Layout = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name.startswith("layers/"):  # not an optimizer's
            layer = item.parent.attrs.get("name", "")
            layout[name] = tuple(item.shape), layer.decode() if isinstance(layer, bytes) else str(layer)

    file.visititems(visit)
    return layout


def _load_legacy(net: keras.Model, file: Any, constants: str | None) -> list[np.ndarray]:
    stored = []  # name of a layer, its datasets in order
    beyond: list[np.ndarray] = []
    for name in _texts(file, "layer_names"):
        datasets = [file[name][weight] for weight in _texts(file[name], "weight_names")]
        if constants and name.startswith(constants):
            beyond = [dataset[()] for dataset in datasets]
        elif datasets:
            stored.append((name, datasets))
    layers = [(layer.name, layer.trainable_weights + layer.non_trainable_weights) for layer in _layers(net)]
    pairs = _aligned([_shapes(tensors) for _, tensors in layers], [_shapes(tensors) for _, tensors in stored])
    expected: Layout = {}
    found: Layout = {}
    for index, (mine, theirs) in enumerate(pairs):
        name, variables = layers[mine] if mine is not None else (stored[theirs][0], [])
        other, datasets = stored[theirs] if theirs is not None else ("", [])
        # by position first: a layer's name in the file depends on what was built before it
        expected |= {f"layer {index} {name} {i}": (tuple(v.shape), v.name) for i, v in enumerate(variables)}
        found |= {f"layer {index} {name} {i}": (tuple(d.shape), other) for i, d in enumerate(datasets)}
    _check_same(expected, found)
    for mine, theirs in pairs:
        for variable, dataset in zip(layers[mine][1], stored[theirs][1], strict=True):
            variable.assign(dataset[()])
    return beyond


def _layers(net: keras.Model) -> list[keras.Layer]:
    return [layer for layer in net.layers if layer.weights]


def _texts(group: Any, name: str) -> list[str]:
    """An attribute that is a list of texts; long ones are stored in pieces."""
    pieces = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs:
        pieces.append(group.attrs[f"{name}{len(pieces)}"])
    return [text.decode() if isinstance(text, bytes) else str(text) for piece in pieces for text in piece]


def _shapes(tensors: list) -> tuple:
    return tuple(tuple(tensor.shape) for tensor in tensors)


def _aligned(expected: list[tuple], found: list[tuple]) -> list[tuple]:
    """Pairs of positions, None where one has no partner: in order, or by shapes where the numbers differ."""
    if len(expected) == len(found):
        return [(index, index) for index in range(len(expected))]
    pairs: list[tuple] = []
    for _, i, j, k, m in SequenceMatcher(None, expected, found, autojunk=False).get_opcodes():
        pairs += zip_longest(range(i, j), range(k, m))
    return pairs


def _check_same(expected: Layout, found: Layout) -> None:
    lines = []
    for name, (shape, layer) in expected.items():
        if name not in found:
            lines.append(f"missing: {_told(name, layer)}, expected {shape}")
        elif found[name][0] != shape:
            lines.append(f"other shape: {_told(name, layer)}, expected {shape}, found {found[name][0]}")
    for name, (shape, layer) in found.items():
        if name not in expected:
            lines.append(f"unexpected: {_told(name, layer)}, found {shape}")
    if lines:
        lines.insert(0, f"{len(lines)} tensors differ; the net has {len(expected)}, the file {len(found)}.")
        raise _MisfitError("\n  ".join(lines))


def _told(name: str, layer: str) -> str:
    return f"{name} ({layer})" if layer else name
