"""Check a zip against the platform's rules without running it; print every breach with its fix."""

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.latest import read_latest

from .archive import open_archive
from .archive_rules import ARCHIVE_RULES
from .code_rules import CODE_RULES
from .finding import Finding
from .imported_sources import imported_sources


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 when a rule is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.rules", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "zip", type=Path, nargs="?", help="any submission zip, this kit's or not; by default that of latest.json"
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    args = parser.parse_args(argv)
    path = args.zip or read_latest(args.artifacts).path
    findings = check_zip(path)
    if findings:
        told = "\n".join(str(finding) for finding in findings)
        raise KitError(f"{path.name} breaks {len(findings)} {'rule' if len(findings) == 1 else 'rules'}:\n{told}")
    run = f"python -m local_eval.run {path} --artifacts {args.artifacts}"
    print(f"{path.name}: no rule broken; `{run}` runs it as the platform does")
    return 0


def check_zip(path: str | Path) -> list[Finding]:
    """All broken rules of a zip, none for a good one.

    Args:
        path: the zip; it is read once and never run.

    Raises:
        KitError: there is no such file.
    """
    try:
        archive = open_archive(path)
    except zipfile.BadZipFile as error:
        return [_not_a_zip(Path(path), error)]
    findings = [finding for rule in ARCHIVE_RULES for finding in rule(archive)]
    sources, unparsed = imported_sources(archive)
    return findings + unparsed + [finding for rule in CODE_RULES for finding in rule(sources)]


def _not_a_zip(path: Path, error: Exception) -> Finding:
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == b"PK\x03\x04":
        return Finding("truncated", f"the zip begins well and has no end ({error})", "make or copy it again")
    return Finding("not-a-zip", f"expected a zip. Received: a file that begins with {begins!r}", "pack it with zip")


if __name__ == "__main__":
    run_main(main)
