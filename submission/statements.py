"""The import statements of a Python file that run whenever the file does its work."""

import ast
from collections.abc import Iterator

Import = ast.Import | ast.ImportFrom
_CATCHES_IMPORT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def required_imports(tree: ast.Module) -> Iterator[Import]:
    """Imports anywhere in the file, but for those under `try ... except ImportError`, `if TYPE_CHECKING` and
    `if __name__ == "__main__"`.

    Loops instead of recursion: a file may be nested deeper than Python's stack.
    """
    waiting: list[ast.AST] = [*reversed(tree.body)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.Try) and any(_may_catch_import(handler.type) for handler in node.handlers):
            waiting += reversed([*node.orelse, *node.finalbody])
        elif isinstance(node, ast.If) and _is_not_for_the_platform(node.test):
            waiting += reversed(node.orelse)
        else:
            waiting += reversed(_blocks(node))


def _blocks(node: ast.AST) -> list[ast.AST]:
    """The statements, handlers and cases directly below a statement."""
    return [
        child
        for child in ast.iter_child_nodes(node)
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case))
    ]


def _may_catch_import(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in _CATCHES_IMPORT for name in names)


def _is_not_for_the_platform(test: ast.expr) -> bool:
    if isinstance(test, ast.Compare):
        return isinstance(test.left, ast.Name) and test.left.id == "__name__"
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"
