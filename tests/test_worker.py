"""The platform's run: real zips, real processes, and no score for whatever is broken or cheats."""

import json

import numpy as np
import psutil
import pytest
from platform_run import assert_failed, make_data, run
from submission_zips import GOOD, make_zip, model, tiny_images

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


FORGED = """
np.savez(OUT / 'predictions.npz', ids=np.load(INPUT / 'ids.npy'), labels=good(X))
"""
MISBEHAVING = {
    "raises in predict": (model("return 1 / 0"), "ZeroDivisionError: division by zero"),
    "raises in init": (model(init="open('no-such-weights.h5')"), "No such file or directory: 'no-such-weights.h5'"),
    "raises at import": (model(top="import no_such_library"), "No module named 'no_such_library'"),
    "syntax error": ("class Model\n", "SyntaxError"),
    "no Model": ("x = 1\n", "has no attribute 'Model'"),
    "init wants arguments": (
        model().replace("__init__(self)", "__init__(self, path)"),
        "missing 1 required positional",
    ),
    "returns None": (model("good(X)"), "predict returned None"),
    "too few": (model("return good(X)[:-1]"), "for each of 12 images. Received: shape \\(11,\\)"),
    "too many": (model("return np.r_[good(X), 0]"), "for each of 12 images. Received: shape \\(13,\\)"),
    "one-hot": (model("return np.eye(3)[good(X)]"), "not one-hot rows"),
    "floats": (model("return good(X).astype(float)"), "integer class indices"),
    "NaN": (model("return good(X) * np.nan"), "NaN or infinite"),
    "out of range": (model("return good(X) + 1"), "in \\[0, 3\\). Received: values from 1 to 3"),
    "sys.exit(0)": (model("sys.exit(0)"), "SystemExit: 0"),
    "os._exit(0)": (model("os._exit(0)"), "ended without a word"),
    "killed": (model("os.kill(os.getpid(), 9)"), "ended without a word"),
    "crash": (model("import ctypes\nctypes.string_at(0)"), "ended without a word"),
    "forges predictions, then raises": (model(FORGED + "raise ValueError('oops')"), "ValueError: oops"),
    "forges predictions, then exits 0": (model(FORGED + "os._exit(0)"), "ended without a word"),
    "forges and unmarks, then exits 0": (
        model(FORGED + "(OUT / 'failed.json').unlink()\nos._exit(0)"),
        "timing.json is missing",
    ),
    "forges scores": (model("(OUT / 'scores.json').write_text('{\"accuracy\": 1}')\nreturn None"), "returned None"),
    "deletes the output folder": (
        model("import shutil\nshutil.rmtree(OUT)\nos._exit(0)"),
        "predictions.npz is missing",
    ),
    "deletes its marker": (model("(OUT / 'failed.json').unlink()\nos._exit(0)"), "predictions.npz is missing"),
}


@pytest.mark.parametrize(("source", "message"), MISBEHAVING.values(), ids=MISBEHAVING)
def test_a_broken_model_never_gets_a_score(data, source, message):
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}))
    assert_failed(outcome, data)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome.message)


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


def test_time_limit_takes_the_children_too(data):
    source = model(
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}), Limits(1.5))
    assert_failed(outcome, data)
    assert (outcome.step, outcome.breach.kind) == ("prediction", "time")
    assert outcome.message.startswith("prediction hit the time limit: allowed 1.5 s, still running when stopped at 1.5")
    pid = int(outcome.logs["prediction_ingestion_stdout"].read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_memory_limit_says_by_how_much(data):
    source = model("x = np.ones((400, 1 << 17))\ntime.sleep(30)")
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}), Limits(20, limit_mb=200))
    assert_failed(outcome, data)
    assert outcome.breach.kind == "memory" and outcome.breach.reached > 200
    assert "prediction hit the memory limit: allowed 200.0 MiB, used" in outcome.message


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


def test_prediction_sees_no_label_and_little_environment(data, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("A_SECRET", "x")
    source = model(
        "print(sorted(str(p.relative_to(OUT.parent.parent)) for p in OUT.parent.parent.rglob('*.npy')))\n"
        "print(sorted(os.environ), os.getcwd() == str(OUT.parent / 'program'))\nreturn good(X)"
    )
    outcome = run(data, make_zip(data / "s.zip", {"model.py": source}))
    files, environment, *_ = outcome.logs["prediction_ingestion_stdout"].read_text().splitlines()
    assert files == "['prediction/input_data/ids.npy', 'prediction/input_data/images.npy']"
    assert "PYTHONPATH" not in environment and "A_SECRET" not in environment
    assert environment.endswith("True")


def test_ingestion_exit_code_is_ignored_and_scoring_is_not(data):
    """A foreign pair of programs, by the platform's rules."""
    for name in ("i", "s"):
        (data / name).mkdir()
    write = "import sys; open(sys.argv[1] + '/scores.txt', 'w').write('accuracy: 0.5')"
    (data / "i/metadata").write_text("command: python -c 'raise SystemExit(9)'\n")
    (data / "s/metadata").write_text(f'command: python -c "{write}" $output\n')
    zip_path = make_zip(data / "s.zip", {"model.py": GOOD})
    outcome = run(data, zip_path, ingestion_program=data / "i", scoring_program=data / "s")
    assert (outcome.status, outcome.scores) == ("Finished", {"accuracy": 0.5})
    assert outcome.exit_codes == {"prediction": 9, "scoring": 0}

    (data / "work").rename(data / "earlier")
    (data / "s/metadata").write_text(f'command: python -c "{write}; sys.exit(2)" $output\n')
    outcome = run(data, zip_path, ingestion_program=data / "i", scoring_program=data / "s")
    assert (outcome.status, outcome.scores) == ("Failed", None)
    assert "exited with 2" in outcome.message


def test_metadata_without_command_is_harmless_and_stops_the_copy(data):
    zip_path = make_zip(data / "s.zip", {"model.py": GOOD, "metadata.yaml": "description: x"})
    assert run(data, zip_path, platform="1.27").status == "Finished"
    assert not (data / "work/scoring/input/res/model.py").exists()


def test_a_program_that_writes_the_workers_metadata_fails(data):
    (data / "i").mkdir()
    (data / "i/metadata").write_text("""command: python -c "open('../output/metadata', 'w')"\n""")
    outcome = run(data, make_zip(data / "s.zip", {"model.py": GOOD}), ingestion_program=data / "i")
    assert_failed(outcome, data)
    assert "already contains a metadata file" in outcome.message


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
