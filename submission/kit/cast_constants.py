"""Weights stored in fewer bytes, made float32 once for all when a graph is loaded."""

from __future__ import annotations  # platforms run Python 3.9

from typing import Any

import numpy as np


def cast_constants(graph_def: Any) -> int:
    """Replace every cast of a constant of float16 or int8 to float32 by the constant that it gives; in place.

    TensorFlow's own folding of constants leaves large ones alone that would grow, so that each call would cast all
    weights anew, and no normalisation could be folded into them.

    Args:
        graph_def: of a frozen graph; changed.

    Returns:
        How many were replaced.
    """
    import tensorflow as tf

    nodes = {node.name: node for node in graph_def.node}
    count = 0
    for node in graph_def.node:
        if node.op != "Cast" or node.attr["DstT"].type != tf.float32.as_datatype_enum:
            continue
        source = nodes.get(_name(node.input[0]))
        while source is not None and source.op == "Identity":
            source = nodes.get(_name(source.input[0]))
        if source is None or source.op != "Const" or source.attr["dtype"].type not in _small():
            continue
        value = tf.make_ndarray(source.attr["value"].tensor).astype(np.float32)
        node.op = "Const"
        del node.input[:]
        node.attr.clear()
        node.attr["dtype"].type = tf.float32.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        count += 1
    return count


def _name(text: str) -> str:
    """Of the node that an input names: "^node" and "node:0" are its other forms."""
    return text.lstrip("^").split(":")[0]


def _small() -> tuple[int, int]:
    import tensorflow as tf

    return tf.float16.as_datatype_enum, tf.int8.as_datatype_enum
