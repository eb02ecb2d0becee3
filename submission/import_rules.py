"""Rules about what the Python of a zip imports. Nothing is imported."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from .finding import Finding
from .statements import Import, required_imports
from .zip_modules import ZipModules, changes_path


@dataclass(frozen=True)
class Platform:
    """name: of the runtime. modules: first names of all it can import."""

    name: str
    modules: Collection[str]


def missing_imports(
    sources: Mapping[str, ast.Module], names: Collection[str], platform: Platform | None
) -> Iterator[Finding]:
    """Every imported module is in the zip or in the runtime.

    Args:
        sources: file name -> its tree.
        names: the zip's files.
        platform: None leaves out what does not come from the zip.
    """
    modules = ZipModules(names)
    anywhere = changes_path(sources.values())
    told: set[str] = set()
    for name, tree in sources.items():
        for node in required_imports(tree):
            for finding in _of_statement(name, node, modules, anywhere, platform):
                if finding.message not in told:
                    told.add(finding.message)
                    yield finding


def _of_statement(
    name: str, node: Import, modules: ZipModules, anywhere: bool, platform: Platform | None
) -> Iterator[Finding]:
    where = f"{name}, line {node.lineno}"
    if isinstance(node, ast.ImportFrom) and node.level:
        yield from _relative(name, where, node, modules)
        return
    wanted = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for module in wanted:
        first = module.split(".")[0]
        if modules.has(first, anywhere):
            if not (platform and first in platform.modules) and not modules.has(module.replace(".", "/"), anywhere):
                yield _not_in_zip(f"{where}: {module}")
        elif platform and first not in platform.modules:
            yield Finding(
                "imports",
                f"{where}: {first} is neither in the zip nor in the runtime {platform.name}",
                f"do without it or put it into the zip; if the platform has it, add it to runtimes/{platform.name}.txt",
            )


def _relative(name: str, where: str, node: ast.ImportFrom, modules: ZipModules) -> Iterator[Finding]:
    parents = PurePosixPath(name).parents
    if node.level >= len(parents):  # the root is no package: the last parent is "."
        dots = "." * node.level + (node.module or "")
        message = f"{where}: `from {dots} import` leads out of a package; the zip's root is none"
        yield Finding("relative-import", message, "import it without the dots")
    elif node.module:
        module = f"{parents[node.level - 1]}/{node.module.replace('.', '/')}"
        if not modules.has(module):
            yield _not_in_zip(f"{where}: {module.replace('/', '.')}")


def _not_in_zip(what: str) -> Finding:
    return Finding("missing-module", f"{what} is not in the zip", "put the file into the zip, or mend the name")
