"""One run of the worker on twelve tiny images, for the tests of the judge."""

import json
from pathlib import Path

import numpy as np
from submission_zips import CLASSES, tiny_images

from local_eval.limits import Limits
from local_eval.outcome import Outcome
from local_eval.worker import run_submission
from submission.kit.image_set import image_id

PROGRAMS = Path(__file__).parent.parent / "local_eval"
INGESTION, SCORING = PROGRAMS / "ingestion_program", PROGRAMS / "scoring_program"
LIMITS = Limits(20)


def make_data(tmp_path: Path) -> Path:
    """Input and reference folders of twelve images in `tmp_path`."""
    images, labels = tiny_images()
    ids = np.array([image_id(image) for image in images])
    for folder, arrays in (("in", {"images": images, "ids": ids}), ("ref", {"labels": labels, "ids": ids})):
        (tmp_path / folder).mkdir()
        for name, array in arrays.items():
            np.save(tmp_path / folder / f"{name}.npy", array)
        (tmp_path / folder / "class_names.json").write_text(json.dumps(CLASSES))
    return tmp_path


def run(data: Path, zip_path: Path, limits: Limits = LIMITS, **options) -> Outcome:
    programs = {"ingestion_program": INGESTION, "scoring_program": SCORING}
    return run_submission(zip_path, data / "in", data / "ref", data / "work", limits, **{**programs, **options})


def assert_failed(outcome: Outcome, data: Path, status: str = "Failed") -> None:
    """Failed wherever one may look for a score."""
    assert (outcome.status, outcome.scores) == (status, None)
    written = json.loads((data / "work/outcome.json").read_text())
    assert (written["status"], written["scores"], written["message"]) == (status, None, outcome.message)
    assert not list((data / "work").glob("scoring/output/scores.json"))
