"""The rule that files named from `__file__` are in the zip."""

import ast
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from .finding import Finding, some
from .here_paths import Here, HerePaths

_DATA = {
    *(".bin", ".ckpt", ".csv", ".data", ".h5", ".hdf5", ".index", ".joblib", ".json", ".keras", ".mat", ".msgpack"),
    *(".npy", ".npz", ".onnx", ".parquet", ".pb", ".pickle", ".pkl", ".pt", ".pth", ".safetensors", ".tflite", ".toml"),
    *(".txt", ".weights", ".yaml", ".yml"),
}
_LOADERS = {"load", "load_model", "load_weights", "open", "read_bytes", "read_text", "restore", "TFSMLayer"}
# What asks whether a file is there, or makes it, does not need it in the zip.
_NOT_NEEDED = {
    *("exists", "is_file", "isfile", "is_dir", "isdir", "access", "mkdir", "makedirs", "touch", "unlink", "remove"),
    *("write_text", "write_bytes", "save", "savez", "savez_compressed", "savetxt", "save_weights", "to_csv", "dump"),
}
_MAX_STARS = 4


def missing_files(sources: Mapping[str, ast.Module], names: Collection[str]) -> Iterator[Finding]:
    """Weights and other data that are named from the file's own folder are there.

    Args:
        sources: file name -> its tree.
        names: the zip's files.
    """
    for name, tree in sources.items():
        paths = HerePaths(name, tree)
        excused = {path for call in _calls(tree) if _needs_nothing(call) for path in _arguments(call, paths)}
        loaded = {path for call in _calls(tree) if _called(call) in _LOADERS for path in _arguments(call, paths)}
        told: set[str] = set()
        for line, path in _whole_paths(tree, paths):
            if path in told or path in excused or _is_there(path, names):
                continue
            if path in loaded or PurePosixPath(path).suffix.lower() in _DATA:
                told.add(path)
                yield _missing(f"{name}, line {line}", path, names)


def _missing(where: str, path: str, names: Collection[str]) -> Finding:
    last = PurePosixPath(path).name.lower()
    near = [one for one in names if PurePosixPath(one).name.lower() == last]
    message = f"{where}: {path!r} is not in the zip{f', only {some(near)}' if near else ''}"
    return Finding("missing-file", message, "put the file there, or mend the name; capital letters count")


def _is_there(path: str, names: Collection[str]) -> bool:
    if any(sign in path for sign in "*?["):
        return path.count("*") > _MAX_STARS or any(fnmatchcase(name, path) for name in names)
    # a file, a folder, or the beginning of a checkpoint's names
    return path in names or any(name.startswith((f"{path}/", f"{path}.")) for name in names)


def _whole_paths(tree: ast.Module, paths: HerePaths) -> list[tuple[int, str]]:
    """(line, path) of the path expressions that are not part of a longer one, by line; the zip's root is left out."""
    parts: set[int] = set()
    found = []
    for node in ast.walk(tree):  # parents come before their children
        value = paths.value(node)
        if isinstance(value, Here) or id(node) in parts:
            parts.update(id(child) for child in ast.iter_child_nodes(node))
        if isinstance(value, Here) and isinstance(node, (ast.BinOp, ast.Call, ast.JoinedStr)) and id(node) not in parts:
            found.append((node.lineno, _plain(value)))
    return sorted((line, path) for line, path in found if path)


def _arguments(call: ast.Call, paths: HerePaths) -> Iterator[str]:
    """The zip's paths among what a call is given, the object of a method included."""
    given: list[ast.expr] = [*call.args, *(keyword.value for keyword in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        given.append(call.func.value)
    for node in given:
        value = paths.value(node)
        if isinstance(value, Here):
            yield _plain(value)


def _plain(value: Here) -> str:
    return value.path.removeprefix("./").rstrip("/")


def _needs_nothing(call: ast.Call) -> bool:
    if _called(call) == "open":
        modes = [*call.args, *(keyword.value for keyword in call.keywords)]
        return any(isinstance(mode, ast.Constant) and str(mode.value)[:1] in set("wax") for mode in modes)
    return _called(call) in _NOT_NEEDED


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
