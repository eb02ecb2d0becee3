"""Read competition.yaml, whoever wrote it: no code is run, and no small file becomes a large value."""

from collections import Counter
from typing import Any

import yaml

from .problem import Findings, shown

_MOST_BYTES = 100_000
_MOST_NODES = 100_000


def load_mapping(data: bytes, where: str, findings: Findings) -> dict[Any, Any] | None:
    """Parse a YAML mapping; tells what is wrong and returns None where it is none.

    Args:
        data: the file's contents.
        where: its name, for messages.
        findings: problems go there.
    """
    if len(data) > _MOST_BYTES:
        findings.add("upload", where, f"expected at most {_MOST_BYTES} bytes. Received: more", "move texts into pages")
        return None
    try:
        loader = yaml.SafeLoader(data.decode("utf-8"))
        node = loader.get_single_node()
        if node is not None:
            if _expanded(node, {}) > _MOST_NODES:
                raise yaml.YAMLError(f"its aliases expand to more than {_MOST_NODES} values, or to themselves")
            for key in _repeated_keys(node):
                findings.add("notice", where, f"{shown(key)} is there twice; the last one wins", "keep one of the two")
        value = loader.construct_document(node) if node is not None else None
    except Exception as error:  # every constructor of PyYAML raises its own: KeyError for `!!bool x`, and so on
        reason = " ".join(str(error).split()) or type(error).__name__
        findings.add("upload", where, f"not valid YAML: {reason[:300]}", "mend that place")
        return None
    if not isinstance(value, dict):
        findings.add("upload", where, f"expected `key: value` lines. Received: {shown(value)}", "see the documentation")
        return None
    return value


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values the node stands for with all aliases written out; a node within itself counts as too many."""
    if id(node) not in known:
        known[id(node)] = _MOST_NODES + 1  # met again before it is counted: it holds itself
        known[id(node)] = 1 + sum(_expanded(child, known) for child in _children(node))
    return known[id(node)]


def _repeated_keys(node: yaml.Node) -> list[str]:
    repeated, stack, seen = [], [node], set()
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        stack += _children(one)
        if isinstance(one, yaml.MappingNode):
            keys = Counter(key.value for key, _ in one.value if isinstance(key, yaml.ScalarNode))
            repeated += [key for key, count in keys.items() if count > 1 and key != "<<"]
    return repeated
