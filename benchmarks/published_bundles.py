"""Judge competitions that others have published, and hold status and every column against an independent reference.

What was found where, and how its reference was had, is in published_bundles.json. None of those files is here, since
no licence was found in their repositories: clone each into CHECKOUTS/OWNER/NAME first. A file whose sha256 differs from
the table's is an error, so what is judged is what was published. `absent` texts stand in for files that were not at
hand when the references were made; a checkout that has them is taken at its word.
"""

import argparse
import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_eval.bundle_run import judge_bundle
from local_eval.interpreter import Interpreter, find_interpreter
from local_eval.isolation import choose_isolation
from local_eval.limits import Limits
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json

TABLE = Path(__file__).with_name("published_bundles.json")
_CLOSE = 1e-9  # the platform stores ten decimals


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("checkouts", type=Path, help="folder of the clones: OWNER/NAME in it")
    parser.add_argument("--python", metavar="PATH", help="Python or virtual environment with pandas, scikit-learn, "
                        "matplotlib and PyYAML; by default this one")  # fmt: skip
    args = parser.parse_args(argv)
    python = find_interpreter(args.python) if args.python is not None else None
    problems = []
    entries = read_json(TABLE, "git checkout benchmarks/published_bundles.json")["bundles"]
    for entry in entries:
        with tempfile.TemporaryDirectory() as name:
            found = differences(entry, args.checkouts / entry["repository"], Path(name), python)
        print(f"{entry['repository']}: {'; '.join(found) or entry.get('status', 'refused') + ', as it should'}")
        problems += found
    if problems:
        raise KitError(f"expected every result as in the reference. Received: {len(problems)} differences.")
    print(f"{len(entries)} bundles as in their references")
    return 0


def differences(entry: dict[str, Any], checkout: Path, folder: Path, python: Interpreter | None) -> list[str]:
    """What differs from the reference, under both platforms, in words.

    Args:
        entry: of the table.
        checkout: the clone of its repository.
        folder: empty, for the bundle and the results.
        python: for the programs.

    Raises:
        KitError: a file is not there, or is not the published one.
    """
    bundle, submission = build(entry, checkout, folder)
    try:
        _, value = judge_bundle(
            folder, submission, bundle, entry.get("phase", 0), Limits(), False, "both", choose_isolation(), python
        )
    except KitError as error:
        refused = entry.get("refused")
        return [] if refused and refused in str(error) else [f"expected {refused or 'a run'}. Received: {error}"]
    if "refused" in entry:
        return [f"expected a refusal with {entry['refused']!r}. Received: {value['status']}"]
    found = []
    for run in value["runs"]:
        if run["status"] != entry["status"]:
            found.append(f"{run['platform']}: expected {entry['status']}. Received: {run['status']}, {run['message']}")
            continue
        given = {column["key"]: column["value"] for column in run["columns"]}
        for key, wanted in entry["columns"].items():
            same = (
                given[key] is None if wanted is None else given[key] is not None and abs(given[key] - wanted) < _CLOSE
            )
            if not same:
                found.append(f"{run['platform']}: expected {key}={wanted}. Received: {given[key]}")
    return found


def build(entry: dict[str, Any], checkout: Path, folder: Path) -> tuple[Path, Path]:
    """The bundle's zip and the submission's, as their organiser packs them."""
    home = folder / "bundle"
    root = entry["bundle"]
    contents = {path: _published(checkout / path, sha256) for path, (_, sha256) in entry["files"].items()}
    for path, text in entry.get("absent", {}).items():
        contents[path] = (checkout / path).read_bytes() if (checkout / path).is_file() else text.encode()
    for path in entry.get("folders", []):
        (home / path).mkdir(parents=True)
    for path, data in contents.items():
        if Path(path).is_relative_to(root):
            target = home / Path(path).relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    for name, path in entry.get("copies", {}).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes((home / path).read_bytes())
    for name, inner in entry.get("zips", {}).items():
        _pack(home / inner, home / name)
    submission = folder / "submission.zip"
    with zipfile.ZipFile(submission, "w") as archive:
        for name, path in entry.get("submission", {}).items():
            archive.writestr(name, contents[path])
    if "refused" in entry:
        return home, submission
    _pack(home, folder / "bundle.zip")
    return folder / "bundle.zip", submission


def _published(path: Path, sha256: str) -> bytes:
    if not path.is_file():
        raise KitError(f"expected a published file at {path}. Received: none; clone its repository there.")
    data = path.read_bytes()
    received = hashlib.sha256(data).hexdigest()
    if received != sha256:
        raise KitError(f"expected the published text in {path}, sha256 {sha256[:8]}. Received: {received[:8]}.")
    return data


def _pack(folder: Path, target: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir()))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, str(path.relative_to(folder)))


if __name__ == "__main__":
    run_main(main)
