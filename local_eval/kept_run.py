"""Platform runs that need not be repeated: what each was made of, and that its files are as it left them.

fingerprint.json goes into a run's folder last, once the run has finished and could be read. So a run that failed, was
killed or was made anew in another way has none, and one whose files were changed since does not agree with it.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json

from .images_fingerprint import images_fingerprint
from .isolation import Isolation
from .limits import PROFILES_S
from .versions import library_versions
from .worker import PLATFORMS

FILE = "fingerprint.json"
_PROGRAMS = ("ingestion_program", "scoring_program", "table_program")


def run_folder(artifacts: Path, sha256: str, suite: str, part: str) -> Path:
    """Where the run of a zip on a part of a suite is kept: A/judge/<sha8>/<suite>-<part>."""
    return artifacts / "judge" / sha256[:8] / f"{suite}-{part}"


def made_of(sha256: str, images: str, profile: str, isolation: Isolation) -> dict[str, Any]:
    """All that a run's result hangs on, as JSON gives it back.

    Args:
        sha256: of the zip.
        images: `images_fingerprint` of the suite's part.
        profile: a name out of `PROFILES_S`.
        isolation: where the programs run.
    """
    value = {
        "sha256": sha256,
        "images": images,
        "profile": profile,
        "limit_s": PROFILES_S[profile],
        "isolation": isolation.as_json(),
        "platforms": PLATFORMS,
        "programs": _programs(),
        "versions": library_versions(),
    }
    return json.loads(json.dumps(value))


def keep_run(folder: Path, made: Mapping[str, Any]) -> None:
    """Mark a finished run as one that stands; the last thing that is written of it.

    Args:
        folder: the run's.
        made: `made_of` of it.
    """
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in _files(folder)}
    write_json(folder / FILE, {"made_of": made, "files": files})


def is_kept(folder: Path, made: Mapping[str, Any]) -> bool:
    """Whether the folder holds a run made of just that, whole and unchanged; files added since do not matter."""
    try:
        value = read_json(folder / FILE, "")
        files = value["files"]
        return value["made_of"] == made and all(sha256_file(folder / name) == one for name, one in files.items())
    except (KitError, OSError, KeyError, TypeError, AttributeError):  # none, of another form, or a file is gone
        return False


def check_images(folder: Path, suite_folder: Path, mend: str) -> None:
    """Refuse a run that was made on other images, labels or ids than the suite has now.

    Args:
        folder: the run's; one without fingerprint passes.
        suite_folder: A/suites/<suite>/<part>.
        mend: the command that makes the run anew; it is named in the error.

    Raises:
        KitError: it was.
    """
    if not (folder / FILE).exists():
        return
    try:
        images = read_json(folder / FILE, mend)["made_of"]["images"]
    except (KeyError, TypeError):
        raise KitError(f"{folder / FILE} has another form: delete {folder} and run `{mend}`.") from None
    if images != (found := images_fingerprint(suite_folder)):
        raise KitError(
            f"{folder} was run on other images than {suite_folder} holds now: expected {images}. Received: {found}. "
            f"Run `{mend}`."
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)


@cache
def _programs() -> str:
    """Of the programs that predict and score; the rest of this room only starts them."""
    digest = hashlib.sha256()
    for name in _PROGRAMS:
        for path in sorted((Path(__file__).parent / name).rglob("*.py")):
            digest.update(f"{name}/{path.name} {sha256_file(path)}\n".encode())
    return digest.hexdigest()[:16]
