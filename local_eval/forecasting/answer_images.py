"""A zip's answers for images without labels: it runs in a place of its own, as for the judge."""

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import write_json

from ..isolation import Isolation
from ..limits import Limits
from ..worker import run_submission

_PROGRAMS = Path(__file__).parents[1]
_KIT_FILES = {"manifest.json", "kit/predictor.py"}
_CHUNK = 1024


@dataclass(frozen=True)
class ImageAnswers:
    """labels: int64 (N,); probs_nk: float32 (N, K), or None for a zip that another kit made: the contract is labels."""

    labels: np.ndarray
    probs_nk: np.ndarray | None


def answer_images(
    zip_path: Path, images: np.ndarray, class_names: list[str], limits: Limits, isolation: Isolation | None = None
) -> ImageAnswers:
    """Run a zip on images.

    Args:
        zip_path: the submission; never the working tree.
        images: uint8 (N, H, W, C).
        class_names: K names.
        limits: of the run.
        isolation: by default `choose_isolation("auto")`.

    Raises:
        KitError: the run failed.
    """
    ours = _made_by_kit(zip_path)
    with tempfile.TemporaryDirectory(prefix="forecast-") as scratch:
        input_dir = Path(scratch, "input")
        input_dir.mkdir()
        with open(input_dir / "images.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": tuple(images.shape)}
            )
            for start in range(0, len(images), _CHUNK):
                file.write(np.ascontiguousarray(images[start : start + _CHUNK]).data)
        np.save(input_dir / "ids.npy", np.array([f"{n:09d}" for n in range(len(images))]))
        write_json(input_dir / "class_names.json", class_names)
        outcome = run_submission(
            zip_path,
            input_dir,
            None,
            Path(scratch, "work"),
            limits,
            ingestion_program=_PROGRAMS / ("table_program" if ours else "ingestion_program"),
            scoring_program=None,
            platform="1.27",
            isolation=isolation,
        )
        name = "table.npz" if ours else "predictions.npz"
        if outcome.status != "Finished" or outcome.output_dir is None or not (outcome.output_dir / name).is_file():
            log = outcome.logs.get("prediction_ingestion_stderr")
            tail = outcome.tail or (log.read_text(errors="replace").strip()[-2000:] if log and log.is_file() else "")
            raise KitError(
                f"{zip_path.name} did not answer the unlabelled images: {outcome.message or 'no answers'}.\n{tail}"
            )
        with np.load(outcome.output_dir / name, allow_pickle=False) as arrays:
            if ours:
                return ImageAnswers(arrays["blended"].argmax(-1).astype(np.int64), arrays["blended"])
            return ImageAnswers(arrays["labels"].astype(np.int64), None)


def _made_by_kit(zip_path: Path) -> bool:
    try:
        with zipfile.ZipFile(zip_path) as archive:
            return _KIT_FILES.issubset(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise KitError(f"expected a zip. Received: {zip_path} ({error}).") from None
