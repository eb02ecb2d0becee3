"""A bundle of a few kilobytes to break in many ways, and the bundle of the tiny contest."""

import copy
import functools
import io
import struct
import zipfile
import zlib
from datetime import datetime
from pathlib import Path

import yaml
from codabench_unpacker import RefusedError, unpack_bundle

from local_eval.bundle.build import build_bundle
from local_eval.bundle.check import check_bundle
from local_eval.bundle.problem import Problem
from local_eval.bundle.settings import Settings

START = datetime(2030, 1, 1)
REMOVED = object()
PIXEL = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
)
FILES = {
    "logo.png": PIXEL,
    "terms.md": b"Be fair.",
    "overview.md": b"# Welcome",
    "ingest/metadata.yaml": b"command: python /app/program/i.py\n",
    "ingest/i.py": b"pass\n",
    "score/metadata.yaml": b"command: python /app/program/s.py\n",
    "score/s.py": b"pass\n",
    "input/images.npy": b"x",
    "truth/labels.npy": b"y",
    "kit/README.md": b"Start here.",
}
COMPETITION = {
    "version": 2,
    "title": "Cells",
    "image": "logo.png",
    "terms": "terms.md",
    "docker_image": "tensorflow/tensorflow:2.17.0",
    "enable_detailed_results": True,
    "pages": [{"title": "Overview", "file": "overview.md"}],
    "tasks": [
        {
            "index": n,
            "name": name,
            "ingestion_program": "ingest/",
            "scoring_program": "score/",
            "input_data": "input/",
            "reference_data": "truth/",
        }
        for n, name in enumerate(("Development", "Final"))
    ],
    "phases": [
        {
            "index": 0,
            "name": "Development",
            "start": "2030-01-01 00:00:00",
            "end": "2030-01-31 23:59:59",
            "execution_time_limit": 600,
            "max_submissions_per_day": 5,
            "tasks": [0],
            "starting_kit": "kit/",
        },
        {"index": 1, "name": "Final", "start": "2030-02-01 00:00:00", "end": "2030-02-07 00:00:00", "tasks": [1]},
    ],
    "leaderboards": [
        {
            "title": "Results",
            "key": "main",
            "submission_rule": "Force_Last",
            "columns": [
                {"index": 0, "title": "Accuracy", "key": "accuracy", "sorting": "desc"},
                {"index": 1, "title": "Balanced", "key": "balanced_accuracy", "precision": 4},
            ],
        }
    ],
}


def competition() -> dict:
    """A copy of `COMPETITION`, to change."""
    return copy.deepcopy(COMPETITION)


def bundle_bytes(text: str | bytes | dict, files: dict[str, bytes] = FILES) -> bytes:
    """A zip with this competition.yaml and these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        if isinstance(text, dict):
            text = yaml.safe_dump(text, sort_keys=False)
        archive.writestr("competition.yaml", text)
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def zipped(files: dict[str, str | bytes]) -> bytes:
    """A zip with these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


PROGRAM = {"metadata.yaml": "command: python /app/program/s.py", "s.py": "pass"}
MORE_FILES = {
    **FILES,
    "empty.md": b"",
    "latin.md": "Größe".encode("latin-1"),
    "void/": b"",
    "astray/metadata": b"command: python $program/gone.py",
    "mute/metadata": b"description: nothing",
    "flat.zip": zipped(PROGRAM),
    "nested.zip": zipped({f"score/{name}": content for name, content in PROGRAM.items()}),
}


def changed(field: str, value: object) -> dict:
    """`COMPETITION` with one field, named as `phases.0.start`, changed or `REMOVED`."""
    whole = competition()
    *path, last = [int(part) if part.isdigit() else part for part in field.split(".")]
    place = whole
    for part in path:
        place = place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return whole


def checked(path: Path, text: str | bytes | dict, files: dict[str, bytes] = MORE_FILES) -> list[Problem]:
    """What the check finds in a bundle of this text, written to `path`."""
    path.write_bytes(bundle_bytes(text, files))
    return check_bundle(path)


def accepted(path: Path, folder: Path) -> bool:
    """Whether the platform's unpacker takes it."""
    try:
        unpack_bundle(path, folder)
    except RefusedError:
        return False
    return True


@functools.cache
def tiny_bundle(home: Path) -> Path:
    """The bundle of the tiny contest, made once in `home`."""
    from tiny_contest import make_contest

    return build_bundle(make_contest(home / "contest"), Settings(START))
