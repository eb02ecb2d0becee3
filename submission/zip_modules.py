"""Which Python modules a zip brings itself."""

import ast
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import PurePosixPath

_SUFFIXES = (".py", ".so", ".pyc")
_MAX_NAME = 1_000


class ZipModules:
    """Finds modules by their path without suffix, such as "kit/predictor", or "" for the root.

    Args:
        names: the zip's files.
    """

    def __init__(self, names: Iterable[str]):
        self._by_last: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, set[str]] = defaultdict(set)
        for name in names:
            path = PurePosixPath(name)
            if path.suffix not in _SUFFIXES or len(name) > _MAX_NAME:
                continue
            stem = path.name.split(".")[0]  # net.cpython-311-x86_64-linux-gnu.so is net
            self._by_last[stem].append(f"{path.parent / stem}")
            for folder in path.parents:
                self._folders[folder.name].add(str(folder))
        self._cached_has = cache(self._search)

    def has(self, module: str, anywhere: bool = False) -> bool:
        """Whether there is such a module or package, a folder without __init__.py included.

        Args:
            module: its path.
            anywhere: in any folder too, because some file changes sys.path.
        """
        return module == "" or self._cached_has(module, anywhere)

    def _search(self, module: str, anywhere: bool) -> bool:
        last = module.rsplit("/", 1)[-1]
        found = [*self._by_last.get(last, ()), *self._folders.get(last, ())]
        return any(one == module or (anywhere and one.endswith("/" + module)) for one in found)


def changes_path(trees: Iterable[ast.Module]) -> bool:
    """Whether a file does anything with `sys.path`: then modules may lie in any folder of the zip."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "path"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
        for tree in trees
        for node in ast.walk(tree)
    )
