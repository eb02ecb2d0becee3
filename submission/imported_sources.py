"""The Python files of a zip that its model.py imports, directly or not."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from .archive import Archive
from .code_rules import parse
from .finding import Finding


def imported_sources(archive: Archive) -> tuple[dict[str, ast.Module], list[Finding]]:
    """model.py and what it imports from the zip, parsed; the rest (a training script, say) never runs there.

    Returns:
        File name -> syntax tree, and a finding for each file that is not Python.
    """
    sources: dict[str, ast.Module] = {}
    unparsed: list[Finding] = []
    waiting, seen = ["model.py"], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in archive.sha256:
            continue
        seen.add(name)
        tree = parse(name, archive.read(name))
        if isinstance(tree, Finding):
            unparsed.append(tree)
            continue
        sources[name] = tree
        for module in _modules(name, tree):
            waiting += [f"{module}.py", f"{module}/__init__.py"]
    return sources, unparsed


def _modules(name: str, tree: ast.Module) -> Iterator[str]:
    """What a file may import, as paths without suffix: `from .a import b` in kit/x.py gives kit, kit/a and kit/a/b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield from _with_parents(one.name)
        elif isinstance(node, ast.ImportFrom):
            folder = PurePosixPath(name)
            for _ in range(node.level):
                folder = folder.parent
            base = ".".join(folder.parts) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            for one in node.names:
                yield from _with_parents(f"{module}.{one.name}" if module else one.name)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
