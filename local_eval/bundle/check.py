"""Every problem of a bundle, anybody's, before it is uploaded.

Source: codalab/codabench, src/apps/competitions/unpackers (v2.py at commit 8239d01, base_unpacker.py at c7aeccf,
utils.py at 4160992), competitions/tasks.py and the serializers and models that they call.
"""

from pathlib import Path

from submission.kit.errors import KitError

from .board_rules import check_leaderboards
from .bundle_file import BundleFile, open_bundle
from .page_rules import check_pages
from .phase_rules import check_phases
from .problem import Findings, Problem, shown
from .safe_yaml import load_mapping
from .task_rules import check_tasks

_YAML = "competition.yaml"


def check_bundle(path: Path) -> list[Problem]:
    """All problems of a bundle, none for a good one. Nothing of it is run, and nothing is written.

    Args:
        path: the zip.

    Raises:
        KitError: there is no such file.
    """
    if not path.is_file():
        raise KitError(f"expected a bundle at {path}, which does not exist: run `python -m local_eval.bundle` first.")
    findings = Findings()
    with path.open("rb") as file:
        bundle = open_bundle(file, findings)
        if bundle is not None:
            _check(bundle, findings)
    return findings.problems


def _check(bundle: BundleFile, findings: Findings) -> None:
    if not bundle.is_file(_YAML):
        nested = sorted(name for name in bundle.below("") if name.endswith(f"/{_YAML}"))
        received = f"{shown(nested[0])}: the platform strips no folder" if nested else "none"
        fix = "pack from inside the folder: `cd folder && zip -r ../bundle.zip .`"
        findings.add("upload", _YAML, f"expected it at the zip's root. Received: {received}", fix)
        return
    given = load_mapping(bundle.read(_YAML), _YAML, findings)
    if given is None:
        return
    version = shown(given.get("version", "1")).strip("'\"")
    if version != "2":
        findings.add(
            "upload", "version", f"expected 2. Received: {version}, whose rules are others", "write `version: 2` on top"
        )
    check_pages(given, bundle, findings)
    tasks = check_tasks(given, bundle, findings)
    check_phases(given, tasks, bundle, findings)
    check_leaderboards(given, findings)
