"""Two versions of the platform: one prediction where it cannot differ, two wherever it might."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from platform_run import INGESTION, LIMITS, SCORING, make_data
from submission_zips import GOOD, make_zip, model

from local_eval.isolation import choose_isolation
from local_eval.outcome import Outcome
from local_eval.own_program import is_own_ingestion
from local_eval.worker import PLATFORMS, run_on_platforms, run_submission

ISOLATIONS = {"isolated": choose_isolation(), "plain": choose_isolation("none")}


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


def run_both(
    data: Path, zip_path: Path, ingestion: Path = INGESTION, isolation=ISOLATIONS["isolated"]
) -> list[Outcome]:
    folders = (data / "in", data / "ref")
    return list(
        run_on_platforms(
            zip_path, folders, data / "work", LIMITS, PLATFORMS,
            ingestion_program=ingestion, scoring_program=SCORING, isolation=isolation,
        )
    )  # fmt: skip


def changed_ingestion(data: Path) -> Path:
    """An organiser's own program: here ours, but for a comment."""
    folder = shutil.copytree(INGESTION, data / "foreign", ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "ingestion.py", "a") as file:
        file.write("# another one\n")
    return folder


@pytest.mark.parametrize("isolation", ISOLATIONS.values(), ids=ISOLATIONS)
def test_one_prediction_is_scored_in_both_layouts(data, isolation):
    first, second = run_both(data, make_zip(data / "s.zip", {"model.py": GOOD}), isolation=isolation)
    assert [first.status, second.status] == ["Finished", "Finished"]
    assert first.scores == second.scores and first.scores["accuracy"] == 1
    assert [first.predicted_by, second.predicted_by] == ["1.25", "1.25"]
    assert [first.platform, second.platform] == ["1.25", "1.27"]
    assert not (data / "work/1.27/prediction").exists()
    assert first.seconds["prediction"] == second.seconds["prediction"]
    assert first.logs["scoring_stdout"] != second.logs["scoring_stdout"]
    layouts = [(data / "work" / platform / "scoring/input/res/model.py").exists() for platform in PLATFORMS]
    assert layouts == [False, True]
    told = json.loads((data / "work/1.27/outcome.json").read_text())
    assert (told["platform"], told["predicted_by"]) == ("1.27", "1.25")


def test_what_the_second_layout_breaks_still_fails(data):
    zip_path = make_zip(data / "s.zip", {"model.py": GOOD, "predictions.npz": b"old"})
    first, second = run_both(data, zip_path)
    assert (first.status, second.status, second.scores) == ("Finished", "Failed", None)
    assert second.predicted_by == "1.25" and "Is an old one in the zip?" in second.message


@pytest.mark.parametrize(
    ("files", "foreign"),
    [
        ({"model.py": GOOD}, True),
        ({"model.py": GOOD, "metadata": "command: sh -c true"}, False),
        ({"model.py": GOOD, "metadata.yaml": "description: no command"}, False),
    ],
    ids=["a foreign program", "a command of its own", "metadata without a command"],
)
def test_whatever_might_differ_runs_twice(data, files, foreign):
    ingestion = changed_ingestion(data) if foreign else INGESTION
    first, second = run_both(data, make_zip(data / "s.zip", files), ingestion)
    assert [first.status, second.status] == ["Finished", "Finished"]
    assert [first.predicted_by, second.predicted_by] == ["1.25", "1.27"]
    assert (data / "work/1.27/prediction/output/predictions.npz").is_file()


def test_a_broken_prediction_is_not_shared(data):
    first, second = run_both(data, make_zip(data / "s.zip", {"other.py": GOOD}))
    assert [first.status, second.status] == ["Failed", "Failed"]
    (data / "s.zip").write_bytes(b"no zip")
    shutil.rmtree(data / "work")
    first, second = run_both(data, data / "s.zip")
    assert [first.predicted_by, second.predicted_by] == ["1.25", "1.27"]  # neither has predicted


def test_the_second_prediction_may_take_other_data(data):
    shutil.copytree(data / "in", data / "small_in")
    shutil.copytree(data / "ref", data / "small_ref")
    for name in ("small_in/images", "small_in/ids", "small_ref/labels", "small_ref/ids"):
        np.save(data / f"{name}.npy", np.load(data / f"{name}.npy")[:5])
    options = {"ingestion_program": changed_ingestion(data), "scoring_program": SCORING}
    zip_path, folders = make_zip(data / "s.zip", {"model.py": GOOD}), (data / "in", data / "ref")
    outcomes = run_on_platforms(
        zip_path, folders, data / "work", LIMITS, PLATFORMS,
        isolation=choose_isolation(), other_data=(data / "small_in", data / "small_ref"), **options,
    )  # fmt: skip
    logs = [outcome.logs["prediction_ingestion_stdout"].read_text() for outcome in outcomes]
    assert logs[0].startswith("12 predictions") and logs[1].startswith("5 predictions")


# all but the times, which are in compiled files and in the marker too
LOOK = """
import hashlib, json
for path in sorted(OUT.parent.rglob('*')):
    kind = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else oct(path.stat().st_mode)
    if path.suffix != '.pyc':
        print(path.relative_to(OUT.parent), kind if path.parent != OUT else sorted(json.loads(path.read_text())))
print(os.getcwd() == str(OUT.parent / 'program'), sorted(os.environ), sys.argv[0].split('/')[-1], os.getuid())
print(sorted(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else '')
return good(X)
"""


@pytest.mark.parametrize("isolation", ISOLATIONS.values(), ids=ISOLATIONS)
def test_a_model_sees_the_same_on_both(data, isolation):
    """The ground for sharing: with old results and folders in the zip too."""
    files = {"model.py": model(LOOK), "predictions.npz": b"old", "deep/er/x": b"x", ".hidden": b"", "failed.json": b"{"}
    zip_path = make_zip(data / "s.zip", files)
    seen = []
    for platform in PLATFORMS:
        outcome = run_submission(
            zip_path, data / "in", data / "ref", data / "w" / platform, LIMITS,
            ingestion_program=INGESTION, scoring_program=None, platform=platform, isolation=isolation,
        )  # fmt: skip
        seen.append(outcome.logs["prediction_ingestion_stdout"].read_text().replace(f"/{platform}/", "/"))
    look = [text.rsplit("\n", 2)[0] for text in seen]  # without the seconds
    assert look[0] == look[1] and "ingested_program/deep/er/x" in look[0] and "output/deep" not in look[0]
    assert "output/failed.json" in look[0]


def test_our_own_program_is_known_by_its_files(data, tmp_path):
    own = shutil.copytree(INGESTION, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__"))
    assert is_own_ingestion(own)
    (own / "__pycache__").mkdir()
    assert is_own_ingestion(own)
    assert not is_own_ingestion(changed_ingestion(data))
    assert not is_own_ingestion(SCORING)
    (own / "more.py").touch()
    assert not is_own_ingestion(own)
    (own / "more.py").unlink()
    (own / "predicting.py").rename(own / "other.py")
    assert not is_own_ingestion(own)
    (own / "predicting.py").symlink_to(own / "other.py")
    (own / "other.py").unlink()
    assert not is_own_ingestion(own)
