"""Rules about the Python in a zip; one function each, called with the parsed files. Nothing is run."""

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping

from .finding import Finding, some

_OPENERS = {
    *("open", "load", "load_model", "load_weights", "loadtxt", "genfromtxt", "memmap", "fromfile", "read_csv"),
    *("read_pickle", "Interpreter", "InferenceSession", "TFSMLayer", "Path", "imread"),
}
_PATH_KEYWORDS = {"file", "filename", "filepath", "path", "model_path", "export_dir", "fname"}
_HERE = "build it from `Path(__file__).parent`: the working directory is the organiser's program, not the zip"

Sources = Mapping[str, ast.Module]


def parse(name: str, source: bytes) -> ast.Module | Finding:
    """The syntax tree, or the finding that there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of "\\d", which is no breach
            return ast.parse(source, filename=name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return Finding(
            "syntax",
            f"{name}{line}: {getattr(error, 'msg', error) or 'nested too deep'}",
            "mend the file; `python -m py_compile`",
        )


def model_class(sources: Sources) -> Iterator[Finding]:
    """model.py has `class Model` with `__init__(self)` and `predict(self, X)`."""
    tree = sources.get("model.py")
    if tree is None:
        return
    node = next((one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "Model"), None)
    if node is None:
        if not _binds_model(tree):
            yield Finding("model-class", "expected `class Model` in model.py. Received: none", "define it there")
        return
    methods = {one.name: one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
    if "__init__" in methods and (names := _required(methods["__init__"])[1:]):
        yield Finding(
            "model-init",
            f"expected `__init__(self)`. Received: required arguments {some(names)}",
            "the platform calls Model() without arguments: give each a default",
        )
    if "predict" not in methods:
        if not node.bases:  # a base class may have it
            yield Finding("model-predict", "expected `predict(self, X)` in Model. Received: none", "define it")
    elif len(names := _required(methods["predict"])) != 2:
        yield Finding(
            "model-predict",
            f"expected `predict(self, X)`. Received: required arguments {some(names)}",
            "the platform calls predict(X) with the images alone",
        )


def relative_paths(sources: Sources) -> Iterator[Finding]:
    """No file is opened by a relative name."""
    for name, tree in sources.items():
        constants = _string_constants(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if _called(call) not in _OPENERS:
                continue
            given = call.args[:1]
            if _called(call) == "open" and isinstance(call.func, ast.Attribute) and _is_mode(call):
                given = []  # of `path.open("rb")`
            arguments = given + [one.value for one in call.keywords if one.arg in _PATH_KEYWORDS]
            for text in (_text(argument, constants) for argument in arguments):
                if text and "://" not in text and not text.startswith(("/", "\\", "~")):
                    message = f"{name}, line {call.lineno}: {_called(call)}({text!r}) depends on the working directory"
                    yield Finding("relative-path", message, _HERE)


def platform_paths(sources: Sources) -> Iterator[Finding]:
    """No path of the platform is written down: where the zip lies differs between contests."""
    for name, tree in sources.items():
        prose = _docstrings(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in prose:
                continue
            if node.value == "/app" or node.value.startswith("/app/"):
                yield Finding("platform-path", f"{name}, line {node.lineno}: {node.value!r} is written down", _HERE)


def _binds_model(tree: ast.Module) -> bool:
    """Whether Model is imported or assigned at the top level."""
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any((one.asname or one.name) in ("Model", "*") for one in node.names):
                return True
        elif isinstance(node, ast.Assign):
            if any(isinstance(target, ast.Name) and target.id == "Model" for target in node.targets):
                return True
        elif isinstance(node, (ast.If, ast.Try)):
            return True  # bound conditionally: only running it tells
    return False


def _required(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names of the arguments without a default, self included."""
    positional = [*function.args.posonlyargs, *function.args.args]
    required = positional[: len(positional) - len(function.args.defaults)]
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return [one.arg for one in required] + [one.arg for one, default in pairs if default is None]


def _is_mode(call: ast.Call) -> bool:
    """Whether the first argument is how to open and not what."""
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and re.fullmatch("[rwxabt+]{1,3}", str(first.value)) is not None


def _called(call: ast.Call) -> str:
    """The last part of what is called: `load` for `np.load(...)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _string_constants(tree: ast.Module) -> dict[str, str]:
    """Names that are only ever assigned one and the same text, such as WEIGHTS = "weights.h5"."""
    values: dict[str, set[str | None]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
        for target in targets:
            if isinstance(target, ast.Name):
                values.setdefault(target.id, set()).add(text)
    return {name: next(iter(texts)) or "" for name, texts in values.items() if len(texts) == 1}


def _text(node: ast.expr, constants: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id, "") if isinstance(node, ast.Name) else ""


def _docstrings(tree: ast.Module) -> set[int]:
    """Ids of the string nodes that stand alone: docstrings and other prose."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


CODE_RULES: tuple[Callable[[Sources], Iterator[Finding]], ...] = (model_class, relative_paths, platform_paths)
"""In the order in which they are told."""
