"""The rooms import only what the design lets them: checked on every import of every file."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("submission", "training", "ensembles", "local_eval", "benchmarks", "tests")


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports; relative ones are made absolute."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.add(module)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def within(name: str, *allowed: str) -> bool:
    return any(name == room or name.startswith(room + ".") for room in allowed)


def offenders(folder: str, allowed: tuple[str, ...], outside: Path | None = None) -> list[str]:
    """Imports of our own rooms that are not allowed."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files(folder)
        if outside is None or outside not in path.parents
        for name in sorted(imported(path))
        if name.split(".")[0] in ROOMS and not within(name, *allowed) and name != "submission"
    ]


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("submission/kit", ("submission.kit",)),
        ("training", ("training", "submission.kit")),
        ("ensembles", ("ensembles", "submission.kit", "training.runs")),
        ("local_eval", ("local_eval", "submission.kit")),
    ],
)
def test_rooms_import_what_they_may(folder, allowed):
    assert offenders(folder, allowed) == []


def test_only_benchmarks_and_tests_import_local_eval():
    for folder in ("submission", "training", "ensembles"):
        assert [name for path in files(folder) for name in imported(path) if within(name, "local_eval")] == []


def test_the_kit_that_travels_needs_numpy_and_tensorflow_only():
    foreign = {
        name.split(".")[0]
        for path in files("submission/kit")
        for name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names
    }
    assert foreign <= {"submission", "numpy", "tensorflow"}


def test_training_never_imports_tensorflow():
    assert [str(path) for path in files("training") for name in imported(path) if within(name, "tensorflow")] == []


def test_programs_of_the_platform_need_numpy_only():
    for program in ("ingestion_program", "scoring_program", "table_program"):
        for path in files(f"local_eval/{program}"):
            own = {other.stem for other in path.parent.glob("*.py")} | {"model", "kit", "local_eval"}
            foreign = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - own
            assert foreign <= {"numpy"}, path
