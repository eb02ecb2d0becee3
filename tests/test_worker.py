"""The platform's run: real zips, real processes, and no score for whatever is broken or cheats."""

import json

import numpy as np
import psutil
import pytest
from platform_run import assert_failed, make_data, run
from submission_zips import GOOD, make_zip, model, tiny_images

from local_eval.isolation import choose_isolation
from local_eval.limits import Limits
from submission.kit.errors import KitError


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path)


@pytest.mark.parametrize("platform", ["1.25", "1.27"])
def test_a_good_zip_finishes_on_both_platforms(data, platform):
    outcome = run(data, make_zip(data / "s.zip", {"model.py": GOOD}), platform=platform)
    assert (outcome.status, outcome.message, outcome.step) == ("Finished", "", None)
    assert outcome.scores["accuracy"] == outcome.scores["balanced_accuracy"] == 1
    assert outcome.exit_codes == {"prediction": 0, "scoring": 0}
    assert set(outcome.logs) == {
        *("prediction_ingestion_stdout", "prediction_ingestion_stderr", "scoring_stdout", "scoring_stderr")
    }
    assert "12 predictions" in outcome.logs["prediction_ingestion_stdout"].read_text()
    assert json.loads((data / "work/outcome.json").read_text())["scores"] == outcome.scores
    with np.load(outcome.output_dir / "predictions.npz") as file:
        assert file["labels"].tolist() == tiny_images()[1].tolist()
    assert (data / "work/scoring/input/res/model.py").exists() == (platform == "1.27")


@pytest.mark.parametrize("platform", ["1.25", "1.27"])
@pytest.mark.parametrize("source", [model("return 1 / 0"), model("os._exit(0)")], ids=["raises", "vanishes"])
def test_old_results_in_the_zip_give_no_score(data, tmp_path, platform, source):
    """The platform would score them: a model that raises, with an old predictions file, Finishes."""
    earlier = run(data, make_zip(data / "good.zip", {"model.py": GOOD}))
    names = ("predictions.npz", "predictions.csv", "timing.json")
    old = {name: (earlier.output_dir / name).read_bytes() for name in names}
    (data / "work").rename(data / "earlier")
    zip_path = make_zip(data / "s.zip", {"model.py": source, "scores.json": '{"accuracy": 1}', **old})
    assert_failed(run(data, zip_path, platform=platform), data)


def test_an_old_predictions_file_beside_a_good_model(data):
    """1.25: emptied before prediction, so harmless. 1.27: laid over the predictions, so refused."""
    zip_path = make_zip(data / "s.zip", {"model.py": GOOD, "predictions.npz": b"old"})
    assert run(data, zip_path).scores["accuracy"] == 1
    (data / "work").rename(data / "earlier")
    outcome = run(data, zip_path, platform="1.27")
    assert_failed(outcome, data)
    assert "Is an old one in the zip?" in outcome.message


PLAIN = choose_isolation("none")
CHILD = """
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(61.5)'], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("isolation", [None, PLAIN], ids=["isolated", "plain"])
def test_time_limit_takes_the_children_too(data, isolation):
    outcome = run(data, make_zip(data / "s.zip", {"model.py": model(CHILD)}), Limits(4), isolation=isolation)
    assert_failed(outcome, data)
    assert (outcome.step, outcome.breach.kind) == ("prediction", "time")
    assert outcome.message.startswith("prediction hit the time limit: allowed 4.0 s, still running when stopped at 4.")
    assert int(outcome.logs["prediction_ingestion_stdout"].read_text()) > 0
    left = [one.info for one in psutil.process_iter(["cmdline", "status"]) if "time.sleep(61.5)" in str(one.info)]
    assert [one for one in left if one["status"] != psutil.STATUS_ZOMBIE] == []


def test_much_output_is_bounded_and_the_traceback_survives(data):
    source = model("print('x' * 5_000_000)\nsys.stderr.write('y' * 5_000_000 + '\\n')\nraise ValueError('the end')")
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}), Limits(20, log_bytes=10_000))
    assert_failed(outcome, data)
    assert all(path.stat().st_size < 11_000 for path in outcome.logs.values())
    assert outcome.tail.endswith("ValueError: the end") and "/app/ingested_program/model.py" in outcome.tail


def test_nothing_reaches_the_original_data(data):
    before = {path: path.read_bytes() for path in (data / "in").iterdir()}
    source = model(
        "X[:] = 0\nfor path in INPUT.iterdir():\n    path.write_bytes(b'')\n    path.unlink()\nreturn X[:, 0, 0, 0]"
    )
    run(data, make_zip(data / "s.zip", {"model.py": source}))
    assert {path: path.read_bytes() for path in (data / "in").iterdir()} == before


@pytest.mark.parametrize("isolation", [None, PLAIN], ids=["isolated", "plain"])
def test_prediction_sees_no_label_and_little_environment(data, monkeypatch, isolation):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("A_SECRET", "x")
    source = model(
        "print(sorted(str(p.relative_to(OUT.parent)) for p in OUT.parent.rglob('*.npy')))\n"
        "print(sorted(os.environ), os.getcwd() == str(OUT.parent / 'program'))\n"
        f"print(os.path.exists({str(data / 'ref')!r}))\nreturn good(X)"
    )
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}), isolation=isolation)
    files, environment, labels, *_ = outcome.logs["prediction_ingestion_stdout"].read_text().splitlines()
    assert files == "['input_data/ids.npy', 'input_data/images.npy']"
    assert "PYTHONPATH" not in environment and "A_SECRET" not in environment and "PYTHONUNBUFFERED" in environment
    assert environment.endswith("True")
    if outcome.isolation["active"]:
        assert labels == "False"  # where they lie is out of sight


def test_without_a_scoring_program_there_are_no_scores(data):
    outcome = run(data, make_zip(data / "s.zip", {"model.py": GOOD}), scoring_program=None)
    assert (outcome.status, outcome.scores, outcome.results_dir) == ("Finished", None, None)


def test_wrong_arguments(data):
    zip_path = make_zip(data / "s.zip", {"model.py": GOOD})
    with pytest.raises(KitError, match=r"platform to be one of 1\.25, 1\.27\. Received: platform='2'"):
        run(data, zip_path, platform="2")
    (data / "work").mkdir()
    (data / "work/x").touch()
    with pytest.raises(KitError, match="new or empty work folder"):
        run(data, zip_path)
