"""Batch normalisations in a frozen graph: where they are, what they see, and the same graph with other statistics.

A shipped net has no layers any more, only operations. TensorFlow's batch normalisation is rsqrt(variance + epsilon),
times scale, times input, less the mean times that (Keras 3), or one FusedBatchNormV3: both are found by what they do.
"""

from __future__ import annotations  # platforms run Python 3.9

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import KitError


@dataclass(frozen=True)
class Site:
    """One batch normalisation.

    value: tensor that is normalised, channels last; mean, variance: float32 (C,), the training's;
    mean_uses, variance_uses: (node, number of the input) where they enter.
    """

    value: str
    mean: np.ndarray
    variance: np.ndarray
    mean_uses: list[tuple[str, int]]
    variance_uses: list[tuple[str, int]]


@dataclass(frozen=True)
class Moments:
    """What one site saw in a batch: mean, variance (C,) over images and places; image_means (n, C) over places."""

    mean: np.ndarray
    variance: np.ndarray
    image_means: np.ndarray


Observer = Callable[[np.ndarray], "tuple[np.ndarray, list[Moments]]"]


class NormGraph:
    """A member's graph with weights as constants.

    Args:
        folder: a SavedModel with the signature `serving_default`, uint8 (n, H, W, C) -> float32 (n, K).

    Raises:
        KitError: no SavedModel there, this TensorFlow cannot freeze it, or no batch normalisation is found in it.
    """

    def __init__(self, folder: str | Path):
        import tensorflow as tf

        try:
            # not part of the public interface, but there from 2.0 to 2.21 at least
            from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

            loaded = tf.saved_model.load(str(folder))  # kept by name: its variables would be deleted
            frozen = convert_variables_to_constants_v2(loaded.signatures["serving_default"])
        except (ImportError, OSError, KeyError, ValueError, tf.errors.OpError) as error:
            raise KitError(f"expected a SavedModel that can be frozen in {folder}: {error}") from None
        self._graph = frozen.graph.as_graph_def()
        self._feed, self._fetch = frozen.inputs[0].name, frozen.outputs[0].name
        self.image_shape = tuple(frozen.inputs[0].shape[1:])
        self.num_classes = frozen.outputs[0].shape[-1]
        self._ranks: dict[str, int] = {}
        self._observers: dict[float, Observer] = {}
        self.sites = _find_sites(self._graph)
        if not self.sites:
            raise KitError(f"no batch normalisation was found in {folder}")
        for site in self.sites:
            self._ranks[site.value] = frozen.graph.get_tensor_by_name(_tensor(site.value)).shape.rank

    def observer(self, share: float) -> Observer:
        """A function on batches that normalises with share x training's statistics + (1 - share) x the batch's own.

        Every site sees what sites before it, adapted likewise, make of the batch.

        Returns:
            uint8 (n, H, W, C) -> probabilities (n, K), and the moments at each site.
        """
        if share not in self._observers:
            self._observers[share] = self._make_observer(share)
        return self._observers[share]

    def _make_observer(self, share: float) -> Observer:
        graph = _copy(self._graph)
        fetches = [self._fetch]
        statistics = []
        for number, site in enumerate(self.sites):
            names = _add_moments(graph, site, self._ranks[site.value], share, f"adapted_{number}")
            statistics.append(names[3:])
            fetches += [f"{name}:0" for name in names[:3]]
        _redirect(graph, self.sites, statistics)
        run = _function(graph, self._feed, fetches, self.image_shape)

        def observe(images: np.ndarray) -> tuple[np.ndarray, list[Moments]]:
            probs, *values = [one.numpy() for one in run(images)]
            return probs, [Moments(*values[3 * i : 3 * i + 3]) for i in range(len(values) // 3)]

        return observe

    def with_statistics(
        self, statistics: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> Callable[[np.ndarray], np.ndarray]:
        """The net with these means and variances, a pair for each of `sites`: uint8 (n, H, W, C) -> float32 (n, K)."""
        graph = _copy(self._graph)
        names = []
        for number, pair in enumerate(statistics):
            made = [f"adapted_{number}/{what}" for what in ("mean", "variance")]
            for name, value in zip(made, pair):  # noqa: B905 (Python 3.9)
                _add(graph, "Const", name, [], value=value.astype(np.float32))
            names.append(made)
        _redirect(graph, self.sites, names)
        run = _function(graph, self._feed, [self._fetch], self.image_shape)
        return lambda images: run(images)[0].numpy()


def _find_sites(graph: Any) -> list[Site]:
    nodes = {node.name: node for node in graph.node}
    users: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for node in graph.node:
        for place, name in enumerate(node.input):
            users[_node(name)].append((node, place))
    sites = []
    for node in graph.node:
        if node.op.startswith("FusedBatchNorm"):
            mean, variance = (_constant(nodes, node.input[place]) for place in (3, 4))
            if mean is not None and variance is not None:
                sites.append(Site(node.input[0], mean, variance, [(node.name, 3)], [(node.name, 4)]))
        elif node.op == "Rsqrt":
            site = _decomposed(nodes, users, node)
            if site is not None:
                sites.append(site)
    return sites


def _decomposed(nodes: dict[str, Any], users: dict[str, list[tuple[Any, int]]], rsqrt: Any) -> Site | None:
    """x * (rsqrt(variance + epsilon) * scale) - mean * (the same); None where it is something else (layer norm)."""
    total = nodes[_node(rsqrt.input[0])]
    if total.op not in ("AddV2", "Add"):
        return None
    found = [(place, _constant(nodes, name)) for place, name in enumerate(total.input[:2])]
    vectors = [(place, value) for place, value in found if value is not None and value.size > 1]
    if len(vectors) != 1:
        return None
    at_variance, variance = vectors[0]
    factors = [rsqrt.name]  # and, with a scale, its product
    for user, _ in users[rsqrt.name]:
        if user.op == "Mul" and all(
            _node(name) == rsqrt.name or _constant(nodes, name) is not None for name in user.input
        ):
            factors.append(user.name)
    values, means = [], []
    for factor in factors:
        for user, at in users[factor]:
            if user.op != "Mul" or user.name in factors:
                continue
            place, other = (user.name, 1 - at), user.input[1 - at]
            if nodes[_node(other)].op == "Neg":  # without an offset it is x * factor + (-mean * factor)
                place = (_node(other), 0)
            constant = _constant(nodes, nodes[place[0]].input[place[1]])
            if constant is None:
                values.append(other)
            else:
                means.append((place, constant))
    # without a scale the product with the mean looks like one with a scale: it is then the last factor
    if not means and len(factors) == 2 and values:
        user = nodes[factors.pop()]
        at = next(at for at, name in enumerate(user.input) if _node(name) != rsqrt.name)
        constant = _constant(nodes, user.input[at])
        if constant is not None:
            means.append(((user.name, at), constant))
    if len(values) != 1 or len(means) != 1 or means[0][1].shape != variance.shape:
        return None
    return Site(values[0], means[0][1].ravel(), variance.ravel(), [means[0][0]], [(total.name, at_variance)])


def _constant(nodes: dict[str, Any], name: str) -> np.ndarray | None:
    """The value of a constant, also behind identities."""
    import tensorflow as tf

    node = nodes[_node(name)]
    while node.op == "Identity":
        node = nodes[_node(node.input[0])]
    return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None


def _add_moments(graph: Any, site: Site, rank: int, share: float, prefix: str) -> list[str]:
    """Nodes for mean, variance, means of images, blended mean, blended variance; their names."""
    all_axes, places = list(range(rank - 1)), list(range(1, rank - 1))
    _add(graph, "Const", f"{prefix}/axes", [], value=np.array(all_axes, np.int32))
    _add(graph, "Const", f"{prefix}/places", [], value=np.array(places, np.int32))
    mean = _add(graph, "Mean", f"{prefix}/batch_mean", [site.value, f"{prefix}/axes"])
    squares = _add(graph, "SquaredDifference", f"{prefix}/squares", [site.value, mean])
    variance = _add(graph, "Mean", f"{prefix}/batch_variance", [squares, f"{prefix}/axes"])
    images = _add(graph, "Mean", f"{prefix}/image_means", [site.value, f"{prefix}/places"])
    blended = []
    for what, own, old in (("mean", mean, site.mean), ("variance", variance, site.variance)):
        _add(graph, "Const", f"{prefix}/{what}_old", [], value=(share * old).astype(np.float32))
        _add(graph, "Const", f"{prefix}/{what}_share", [], value=np.array(1 - share, np.float32))
        new = _add(graph, "Mul", f"{prefix}/{what}_new", [own, f"{prefix}/{what}_share"])
        blended.append(_add(graph, "AddV2", f"{prefix}/{what}", [new, f"{prefix}/{what}_old"]))
    return [mean, variance, images, *blended]


def _add(graph: Any, op: str, name: str, inputs: list[str], value: np.ndarray | None = None) -> str:
    import tensorflow as tf

    node = graph.node.add(op=op, name=name, input=inputs)
    if value is not None:
        node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    else:
        node.attr["T"].type = tf.float32.as_datatype_enum
    if op == "Mean":
        node.attr["Tidx"].type = tf.int32.as_datatype_enum
    return name


def _redirect(graph: Any, sites: Sequence[Site], names: Sequence[Sequence[str]]) -> None:
    nodes = {node.name: node for node in graph.node}
    for site, (mean, variance) in zip(sites, names):  # noqa: B905 (Python 3.9)
        for uses, name in ((site.mean_uses, mean), (site.variance_uses, variance)):
            for user, place in uses:
                nodes[user].input[place] = name


def _function(graph: Any, feed: str, fetches: list[str], image_shape: tuple[int, ...]) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    def import_graph(images: Any) -> Any:
        return tf.graph_util.import_graph_def(graph, input_map={feed: images}, return_elements=fetches, name="")

    wrapped = tf.compat.v1.wrap_function(import_graph, [tf.TensorSpec((None, *image_shape), tf.uint8)])
    return lambda images: wrapped(tf.constant(images))


def _copy(graph: Any) -> Any:
    copied = type(graph)()
    copied.CopyFrom(graph)
    return copied


def _node(name: str) -> str:
    """Input of a node -> the node it comes from."""
    return name.lstrip("^").split(":")[0]


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"
