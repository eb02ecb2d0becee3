"""Make the bundle of a contest."""

import io
import json
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.image_set import write_image_set
from submission.kit.zip_file import write_zip

from .check import check_bundle
from .competition import competition_yaml
from .contest import Contest, read_contest
from .hidden_data import write_hidden_data
from .logo import logo_png
from .pages import render_pages
from .sample_submission import KIT, sample_submission
from .settings import Settings

_PROGRAMS = Path(__file__).parent.parent
_BATCH = 1024


def build_bundle(artifacts: Path, settings: Settings, out: Path | None = None) -> Path:
    """Write the bundle; the same artifacts and settings give the same bytes. An existing file is never overwritten.

    Args:
        artifacts: the contest's folder: data, split and suites.
        settings: the organiser's choices.
        out: the zip; None is A/bundles/bundle-<first 8 digits of its sha256>.zip.

    Returns:
        The zip's path. A file that holds these very bytes already is left as it is.

    Raises:
        KitError: artifacts are missing, a choice would be refused by the platform, or `out` is another file.
    """
    contest = read_contest(artifacts, settings)
    home = artifacts / "bundles" if out is None else out.parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=home) as scratch:
        new = Path(scratch) / "new.zip"
        write_zip(new, _files(contest, settings, Path(scratch)))
        if problems := [problem for problem in check_bundle(new) if problem.breaks]:
            raise KitError("the bundle would not work:\n" + "\n".join(str(problem) for problem in problems))
        sha256 = sha256_file(new)
        path = out or home / f"bundle-{sha256[:8]}.zip"
        if not path.exists():
            new.rename(path)
        elif sha256_file(path) != sha256:
            raise KitError(f"expected a new name for the bundle. Received: {path}, which exists and differs.")
    return path


def _files(contest: Contest, settings: Settings, scratch: Path) -> dict[str, Path | bytes]:
    """Name in the bundle -> file or contents."""
    files: dict[str, Path | bytes] = {
        "competition.yaml": competition_yaml(contest, settings).encode(),
        "logo.png": logo_png(len(contest.class_names)),
    }
    files |= {name: text.encode() for name, text in render_pages(contest, settings).items()}
    programs = {
        f"{program}/{path.name}": path
        for program in ("ingestion_program", "scoring_program")
        for path in sorted((_PROGRAMS / program).iterdir())
        if path.is_file()
    }
    files |= programs
    files |= {f"starting_kit/{name}": path for name, path in programs.items()}
    files |= _starting_kit(contest)
    sets = contest.sets.items()
    for (phase, suite), images in tqdm(sets, desc="bundle", unit="set", leave=False, delay=2, file=sys.stderr):
        written = write_hidden_data(images, f"{phase}/{suite}", scratch / phase / suite)
        for part, folder in written.items():
            files |= {f"{phase}/{part}/{suite}/{path.name}": path for path in folder.iterdir()}
    if settings.training_data:
        files |= _training_data(contest, scratch / "training")
    return files


def _starting_kit(contest: Contest) -> dict[str, Path | bytes]:
    sample = sample_submission(contest)
    packed = io.BytesIO()
    write_zip(packed, sample)
    about = {"class_names": contest.class_names, "image_shape": contest.data.image_shape, "suites": contest.suites}
    files: dict[str, Path | bytes] = {f"starting_kit/sample_submission/{name}": data for name, data in sample.items()}
    return files | {
        "starting_kit/sample_submission.zip": packed.getvalue(),
        "starting_kit/contest.json": json.dumps(about, indent=1, ensure_ascii=False).encode(),
        "starting_kit/try_it.py": KIT / "try_it.py",
    }


def _training_data(contest: Contest, folder: Path) -> dict[str, Path | bytes]:
    """The images of the folds with their labels, for participants."""
    rows, data = contest.training_rows, contest.data
    starts = range(0, len(rows), _BATCH)
    batches = ((data.images[rows[n : n + _BATCH]], data.labels[rows[n : n + _BATCH]]) for n in starts)
    write_image_set(folder, batches, len(rows), data.image_shape, {"class_names": data.class_names}, ids=data.ids[rows])
    names = json.dumps(contest.class_names, indent=1, ensure_ascii=False).encode()
    files = {f"public_data/{name}": folder / name for name in ("images.npy", "labels.npy")}
    return {**files, "public_data/class_names.json": names}
