"""The Python files of a zip that its model.py imports, directly or not."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from .archive import Archive
from .code_rules import parse
from .finding import Finding
from .zip_modules import changes_path

_MAX_DEPTH = 40  # of packages
_MAX_SOURCE_BYTES = 2_000_000  # a syntax tree is a hundred times as large; no hand wrote more


def imported_sources(archive: Archive, top: str = "") -> tuple[dict[str, ast.Module], list[Finding]]:
    """model.py and what it imports from the zip, parsed; the rest (a training script, say) never runs there.

    Where a file changes sys.path, modules are looked for in every folder. Files above 2 MB are left out.

    Args:
        archive: the zip.
        top: folder, with its slash, that is taken for the zip's root.

    Returns:
        File name, without `top`, -> syntax tree, and a finding for each file that is not Python.
    """
    sources: dict[str, ast.Module] = {}
    unparsed: list[Finding] = []
    files = {name.removeprefix(top) for name in archive.sha256 if name.startswith(top) and name.endswith(".py")}
    by_name: dict[str, list[str]] = {}
    for file in sorted(files):
        by_name.setdefault(PurePosixPath(file).name, []).append(file)
    waiting, seen = ["model.py"], set()
    wanted: set[str] = set()
    anywhere = False
    while waiting:
        name = waiting.pop()
        if name in seen or name not in files:
            continue
        seen.add(name)
        source = archive.read(top + name)
        tree = parse(name, source) if len(source) <= _MAX_SOURCE_BYTES else None
        if isinstance(tree, Finding):
            unparsed.append(tree)
        if not isinstance(tree, ast.Module):
            continue
        sources[name] = tree
        new = {file for module in _modules(name, tree) for file in (f"{module}.py", f"{module}/__init__.py")} - wanted
        wanted |= new
        if not anywhere and changes_path([tree]):
            anywhere, new = True, wanted  # what was imported before may lie in a folder too
        waiting += sorted(new)
        if anywhere:
            for file in sorted(new):
                near = by_name.get(PurePosixPath(file).name, ())
                waiting += [one for one in near if one.endswith(f"/{file}")]
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
    parts = module.split(".")[:_MAX_DEPTH]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
