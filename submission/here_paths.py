"""What the paths built from `__file__` come to, by reading a Python file; nothing is run."""

import ast
import posixpath
from collections import defaultdict
from dataclasses import dataclass

_SAME = {"Path", "PurePath", "PosixPath", "str", "fspath", "abspath", "realpath", "normpath", "fsdecode"}
_SAME_METHODS = {"resolve", "absolute", "as_posix", "__str__", "expanduser"}
_MAX_DEPTH = 40  # of nested expressions; nobody builds a path of more
_MAX_TEXT = 4096  # of a path; a = b + b, b = c + c ... would double for ever
_PASSES = 4  # a name defined from a name defined from ... this many times


@dataclass(frozen=True)
class Here:
    """A path inside the zip, from its root: "kit/weights.h5"; the root is "". One that ends in "/" awaits more text."""

    path: str


class HerePaths:
    """The values of a file's path expressions.

    Args:
        name: the file's own name in the zip.
        tree: its syntax tree.
    """

    def __init__(self, name: str, tree: ast.Module):
        self._names: dict[str, Here | str | None] = {"__file__": Here(name)}
        assignments = _assignments(tree)
        for _ in range(_PASSES):
            for target, values in assignments.items():
                found = {self.value(value) if value is not None else None for value in values}
                self._names[target] = next(iter(found)) if len(found) == 1 else None

    def value(self, node: ast.AST, depth: int = 0) -> Here | str | None:
        """A path in the zip, a plain text, or None where it is neither or unknown."""
        if depth > _MAX_DEPTH:
            return None
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name() | ast.Attribute(value=ast.Name(id="self")):
                return self._names.get(_key(node))
            case ast.Attribute(value=owner, attr="parent"):
                return _up(self.value(owner, depth + 1), 1)
            case ast.Subscript(value=ast.Attribute(value=owner, attr="parents"), slice=ast.Constant(value=int() as up)):
                return _up(self.value(owner, depth + 1), up + 1)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _join(self.value(left, depth + 1), [self.value(right, depth + 1)])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _append(self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.JoinedStr(values=parts) if parts:
                whole: Here | str | None = ""
                for part in parts:
                    plain = part.value if isinstance(part, ast.FormattedValue) and _is_plain(part) else part
                    whole = _append(whole, self.value(plain, depth + 1))
                return whole
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=arguments):
                base = self.value(owner, depth + 1)
                if isinstance(base, Here):
                    return self._method(base, method, arguments, depth)
                return None if isinstance(base, str) else self._function(method, arguments, depth)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                return self._function(function, arguments, depth)
        return None

    def _method(self, base: Here, method: str, arguments: list[ast.expr], depth: int) -> Here | None:
        if method in _SAME_METHODS:
            return base
        values = [self.value(argument, depth + 1) for argument in arguments]
        if method in ("joinpath", "glob", "rglob"):
            return _join(base, values)
        if method == "with_name":
            return _join(_up(base, 1), values)
        return None

    def _function(self, name: str, arguments: list[ast.expr], depth: int) -> Here | str | None:
        values = [self.value(argument, depth + 1) for argument in arguments]
        if not values:
            return None
        if name in _SAME and len(values) == 1:
            return values[0]
        if name == "dirname" and len(values) == 1:
            return _up(values[0], 1)
        if name in ("join", "Path", "PurePath"):
            return _join(values[0], values[1:])
        return None


def _assignments(tree: ast.Module) -> dict[str, list[ast.expr | None]]:
    """Name or self.attribute -> all it is assigned; None for what no expression tells (arguments, loops)."""
    found: dict[str, list[ast.expr | None]] = defaultdict(list)
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if _key(target):
                    told.add(id(target))
                    found[_key(target)].append(node.value)
        elif isinstance(node, ast.arg):
            found[node.arg].append(None)
    for node in ast.walk(tree):
        if isinstance(getattr(node, "ctx", None), ast.Store) and id(node) not in told and _key(node):
            found[_key(node)].append(None)
    found.pop("__file__", None)
    return found


def _key(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
    return ""


def _is_plain(part: ast.FormattedValue) -> bool:
    """Whether an f-string's {value} has neither conversion nor format."""
    return part.conversion == -1 and part.format_spec is None


def _up(value: Here | str | None, times: int) -> Here | None:
    if not isinstance(value, Here) or not 0 < times < _MAX_DEPTH:
        return None
    path = value.path
    for _ in range(times):
        if not path:
            return None  # above the zip
        path = posixpath.dirname(path)
    return Here(path)


def _join(base: Here | str | None, parts: list[Here | str | None]) -> Here | None:
    if not isinstance(base, Here):
        return None
    path = base.path
    for part in parts:
        if not isinstance(part, str) or part.startswith("/") or len(path) + len(part) > _MAX_TEXT:
            return None
        path = posixpath.normpath(posixpath.join(path, part))
        path = "" if path == "." else path
    return None if path == ".." or path.startswith("../") else Here(path)


def _append(base: Here | str | None, part: Here | str | None) -> Here | str | None:
    """Text after text: `HERE + "/weights.h5"`."""
    if isinstance(base, str) and isinstance(part, str):
        return base + part if len(base) + len(part) <= _MAX_TEXT else None
    if base == "":
        return part
    if not isinstance(base, Here) or not isinstance(part, str) or len(base.path) + len(part) > _MAX_TEXT:
        return None
    if part.startswith("/") or base.path.endswith("/"):
        whole = _join(base, [part.lstrip("/")])
        return Here(f"{whole.path or '.'}/") if whole and part.endswith("/") else whole
    return Here(base.path + part) if base.path else None
