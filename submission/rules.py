"""Check a zip against the platform's rules without running it; print every breach with its fix."""

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.latest import read_latest

from .archive import open_archive
from .archive_rules import ARCHIVE_RULES, nested_folder
from .code_rules import CODE_RULES
from .finding import Finding
from .import_rules import Platform, missing_imports
from .imported_sources import imported_sources
from .missing_files import missing_files
from .runtime import RUNTIMES, find_runtime
from .runtime_modules import runtime_modules
from .runtime_venv import CACHE
from .size_rule import QUOTA_BYTES, size


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 when a rule is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.rules", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("zip", type=Path, nargs="?", help="any submission; by default that of submissions/latest.json")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--runtime",
        default="tf217",
        help=f"what may be imported: a file of {RUNTIMES.name}/, or `any` to leave that out",
    )
    parser.add_argument("--quota-gb", type=float, default=QUOTA_BYTES / 1e9, help="a user's storage on the platform")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the runtimes' environments")
    args = parser.parse_args(argv)
    if not args.quota_gb > 0:
        parser.error(f"--quota-gb must be above 0. Received: {args.quota_gb}")
    path = args.zip or read_latest(args.artifacts).path
    findings = check_zip(path, find_platform(args.runtime, args.cache), args.quota_gb * 1e9)
    if findings:
        told = "\n".join(str(finding) for finding in findings)
        raise KitError(f"{path.name} breaks {len(findings)} {'rule' if len(findings) == 1 else 'rules'}:\n{told}")
    run = f"python -m local_eval.run {path} --artifacts {args.artifacts}"
    print(f"{path.name}: no rule broken; `{run}` runs it as the platform does")
    return 0


def check_zip(path: str | Path, platform: Platform | None = None, quota_bytes: float = QUOTA_BYTES) -> list[Finding]:
    """All broken rules of a zip, none for a good one.

    Args:
        path: the zip; it is read once and never run.
        platform: what may be imported; None leaves that out.
        quota_bytes: a user's storage on the platform.

    Raises:
        KitError: there is no such file.
    """
    try:
        archive = open_archive(path, quota_bytes)
    except NotImplementedError as error:
        message = f"Python cannot read it ({error}); it would stay in Preparing"
        return [Finding("compression", message, "pack it with plain zip")]
    except zipfile.BadZipFile as error:
        return [_not_a_zip(Path(path), error)]
    findings = [*size(archive, quota_bytes), *(finding for rule in ARCHIVE_RULES for finding in rule(archive))]
    top = nested_folder(archive)  # its code is checked too, so that all is told at once
    sources, unparsed = imported_sources(archive, top)
    names = {name.removeprefix(top) for name in archive.names if name.startswith(top)}
    return [
        *findings,
        *unparsed,
        *(finding for rule in CODE_RULES for finding in rule(sources)),
        *missing_imports(sources, names, platform),
        *missing_files(sources, names),
    ]


def find_platform(name: str, cache: Path = CACHE) -> Platform | None:
    """What the runtime of that name can import; None for "any". `KitError` lists the known ones for an unknown name."""
    return None if name == "any" else Platform(name, runtime_modules(find_runtime(name), cache))


def _not_a_zip(path: Path, error: Exception) -> Finding:
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == b"PK\x03\x04":
        return Finding("truncated", f"the zip begins well and has no end ({error})", "make or copy it again")
    return Finding("not-a-zip", f"expected a zip. Received: a file that begins with {begins!r}", "pack it with zip")


if __name__ == "__main__":
    run_main(main)
