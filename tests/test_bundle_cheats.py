"""Submissions that are broken or cheat, run by the programs of an unpacked bundle: none gets a score not earned.

Real zips, real child processes, several suites in one run.
"""

import contextlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from codabench_unpacker import unpack_bundle
from small_bundle import tiny_bundle
from submission_zips import make_zip

from local_eval.limits import Limits
from local_eval.worker import PLATFORMS, run_submission

LIMITS = Limits(20)
TOP = """
import os, sys, time, json, signal, subprocess, hashlib
from pathlib import Path
import numpy as np
APP = Path(__file__).resolve().parent.parent
OUT, INPUT, PROGRAM, WORK = APP / "output", APP / "input_data", APP / "program", APP.parent
CALLS = []
def guess(X):
    return np.arange(len(X)) % 8
def forge(suite, labels=None):
    ids = np.load(INPUT / suite / "ids.npy")
    (OUT / suite).mkdir(exist_ok=True)
    np.savez(OUT / suite / "predictions.npz", ids=ids, labels=guess(ids) if labels is None else labels)
    (OUT / suite / "timing.json").write_text('{"prediction_seconds": 0.1}')
def seal(suite):
    digest = hashlib.sha256((OUT / suite / "predictions.npz").read_bytes()).hexdigest()
    (OUT / suite / f"predictions-{digest}.seal").touch()
"""


def model(predict: str, init: str = "pass") -> str:
    """model.py whose methods have these bodies; `guess` gives labels that are valid and mostly wrong."""
    lines = ["class Model:", "    def __init__(self):", *(f"        {line}" for line in init.splitlines())]
    lines += [
        "    def predict(self, X):",
        "        CALLS.append(len(X))",
        *(f"        {line}" for line in predict.splitlines()),
    ]
    return TOP + "\n".join(lines) + "\n"


FAKE = "json.dumps({'accuracy_an2dl': 1.0, 'accuracy_clean': 1.0})"
LEAVE = "(OUT / 'failed.json').unlink()\nos._exit(0)"
FORGE_ALL = "forge('an2dl'); forge('clean')\n"
SEAL_ALL = "seal('an2dl'); seal('clean')\n"
CHEATS = {
    "raises": ("return 1 / 0", "ZeroDivisionError"),
    "raises on the second suite": (
        "if len(CALLS) > 1: raise ValueError('second')\nreturn guess(X)",
        "ValueError: second",
    ),
    "one-hot": ("return np.eye(8)[guess(X)]", "not one-hot rows"),
    "integer one-hot": ("return np.eye(8, dtype=int)[guess(X)]", "not one-hot rows"),
    "probabilities": ("return np.full((len(X), 8), 0.125)", "not one-hot rows or probabilities"),
    "NaN": ("return np.full(len(X), np.nan)", "NaN or infinite"),
    "class 8 of 8": ("return guess(X) + 1", "in \\[0, 8\\)"),
    "too few": ("return guess(X)[1:]", "one class index for each of"),
    "labels of both suites at once": ("return np.r_[guess(X), guess(X)]", "one class index for each of"),
    "a marker removed": (LEAVE, "ended without a word: os._exit"),
    "output removed": ("import shutil\nshutil.rmtree(OUT)\nos._exit(0)", "ended without a word|busy"),
    "forged, marker left": (FORGE_ALL + "os._exit(0)", "ended without a word"),
    "forged without seal": (FORGE_ALL + LEAVE, "ended without a word"),
    "forged, sealed and unmarked": (FORGE_ALL + SEAL_ALL + LEAVE, "ended without a word"),
    "forged, sealed and unmarked, then raises": (
        FORGE_ALL + SEAL_ALL + "(OUT / 'failed.json').unlink()\nreturn 1 / 0",
        "ZeroDivisionError",
    ),
    "ids of the other suite": (
        "(INPUT / 'clean/ids.npy').write_bytes((INPUT / 'an2dl/ids.npy').read_bytes())\nreturn 1 / 0",
        "ZeroDivisionError",
    ),
    "prints scores and leaves": (f"print({FAKE}, flush=True)\nos._exit(0)", "ended without a word"),
    "writes scores and leaves": (
        f"(OUT / 'scores.json').write_text({FAKE})\n" + LEAVE,
        "ended without a word",
    ),
    "a child goes on after the end": (
        "if os.fork():\n    os._exit(0)\ntime.sleep(0.5)\n" + FORGE_ALL + "return guess(X)",
        "ended without a word",
    ),
}


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """The folders of the development task, as the platform would have them after unpacking twice."""
    home = tmp_path_factory.mktemp("cheats")
    created = unpack_bundle(tiny_bundle(home), home / "platform")
    for part, packed in created.tasks[0].items():
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(home / part)
    return home


def run(
    contest: Path,
    work: Path,
    files: dict,
    limits: Limits = LIMITS,
    platform: str = "1.27",
    reference: Path | None = None,
) -> dict:
    """What outcome.json says in the end: the worker's word, whatever happened to the worker."""
    zip_path = make_zip(work.parent / "submission.zip", files)
    with contextlib.suppress(OSError):  # a submission outside of a container can stand in the worker's way
        run_submission(
            zip_path,
            contest / "input_data",
            reference or contest / "reference_data",
            work,
            limits,
            ingestion_program=contest / "ingestion_program",
            scoring_program=contest / "scoring_program",
            platform=platform,
        )
    return json.loads((work / "outcome.json").read_text())


def assert_failed(outcome: dict, message: str) -> None:
    assert (outcome["status"], outcome["scores"]) == ("Failed", None)
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome["message"])


def accuracy(contest: Path, suite: str) -> float:
    """What `guess` has earned."""
    labels = np.load(contest / "reference_data" / suite / "labels.npy")
    return float((labels == np.arange(len(labels)) % 8).mean())


def assert_earned(outcome: dict, contest: Path) -> None:
    """The scores of `guess` and nothing else."""
    assert outcome["status"] == "Finished", outcome["message"]
    for suite in ("an2dl", "clean"):
        assert outcome["scores"][f"accuracy_{suite}"] == pytest.approx(accuracy(contest, suite))
        assert accuracy(contest, suite) < 0.5


@pytest.mark.parametrize("platform", PLATFORMS)
def test_honest_guesses_get_the_score_of_guesses(contest, tmp_path, platform):
    outcome = run(contest, tmp_path / "work", {"model.py": model("return guess(X)")}, platform=platform)
    assert_earned(outcome, contest)
    assert {key for key in outcome["scores"] if "accuracy" in key} == {
        *("accuracy_an2dl", "accuracy_clean", "balanced_accuracy_an2dl", "balanced_accuracy_clean")
    }


@pytest.mark.parametrize(("predict", "message"), CHEATS.values(), ids=CHEATS)
def test_broken_and_cheating_models_get_no_score(contest, tmp_path, predict, message):
    assert_failed(run(contest, tmp_path / "work", {"model.py": model(predict)}), message)


@pytest.fixture(scope="module")
def old_results(contest, tmp_path_factory):
    """Everything that an earlier honest run left in its output."""
    work = tmp_path_factory.mktemp("earlier") / "work"
    assert run(contest, work, {"model.py": model("return guess(X)")})["status"] == "Finished"
    output = work / "prediction/output"
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    "predict",
    [
        "return 1 / 0",
        "os._exit(0)",
        "(OUT / 'failed.json').unlink()\nreturn 1 / 0",
        "(OUT / 'failed.json').unlink()\nos._exit(0)",
        "time.sleep(60)",
    ],
)
def test_stale_predictions_do_not_help_a_broken_model(contest, tmp_path, old_results, platform, predict):
    old = {name: data for name, data in old_results.items() if name != "metadata"}
    assert "an2dl/predictions.npz" in old and any(name.endswith(".seal") for name in old)
    files = {**old, "model.py": model(predict), "scores.json": '{"accuracy_an2dl": 1}'}
    message = "ZeroDivisionError|predictions.npz is missing|ended without a word|hit the time limit"
    assert_failed(run(contest, tmp_path / "work", files, Limits(1.5), platform), message)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_stale_predictions_beside_a_working_model_never_count(contest, tmp_path, old_results, platform):
    """1.25: emptied before prediction. 1.27: laid over the new ones before scoring, and the seals tell."""
    old = {name: data for name, data in old_results.items() if name != "metadata"}
    files = {**old, "model.py": model("return (guess(X) + 1) % 8")}
    outcome = run(contest, tmp_path / "work", files, platform=platform)
    if platform == "1.25":
        assert outcome["status"] == "Finished"
        assert outcome["scores"]["accuracy_an2dl"] != pytest.approx(accuracy(contest, "an2dl"))
    else:
        assert_failed(outcome, "Is an old one in the zip")


@pytest.mark.parametrize(
    "spoil",
    [
        f"(WORK / 'scoring/output').mkdir(parents=True)\n(WORK / 'scoring/output/scores.json').write_text({FAKE})",
        "(WORK / 'scoring/program').mkdir(parents=True)\n(WORK / 'scoring/program/scoring.py').write_text('print(1)')",
        "(PROGRAM / 'ingestion.py').write_text('raise SystemExit(0)')",
        "(WORK / 'scoring/input/ref/an2dl').mkdir(parents=True)",
    ],
    ids=["scores", "program", "ingestion", "reference"],
)
def test_writing_into_the_scorers_folder_gains_nothing(contest, tmp_path, spoil):
    outcome = run(contest, tmp_path / "work", {"model.py": model(spoil + "\nreturn guess(X)")})
    if outcome["status"] == "Finished":
        assert_earned(outcome, contest)
    else:
        assert outcome["scores"] is None


@pytest.mark.parametrize(
    "extra",
    [
        f"print({FAKE}); print('accuracy_an2dl: 1.0', file=sys.stderr)",
        f"(OUT / 'scores.json').write_text({FAKE}); (OUT / 'scores.txt').write_text('accuracy_an2dl: 1.0')",
        "(OUT / 'detailed_results.html').write_text('<h1>100 %</h1>')",
        "(OUT / 'junk').write_bytes(bytes(20_000_000))",
        "(OUT / 'an2dl').write_text('a file in the place of a folder')",
        "[(OUT / f'{n}.tmp').touch() for n in range(3000)]",
        "os.fork() or time.sleep(60)",
        "X[:] = 0",
        "import atexit; atexit.register(lambda: (OUT / 'metadata').write_text('exitCode: 0'))",
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
        "[(INPUT / suite / 'ids.npy').write_bytes(b'') for suite in ('an2dl', 'clean')]",
        "os.fork()",
        "import multiprocessing; multiprocessing.get_context('spawn').Pool(1).map(abs, [1])",
    ],
)
def test_tricks_beside_honest_guesses_change_nothing(contest, tmp_path, extra):
    outcome = run(contest, tmp_path / "work", {"model.py": model(f"{extra}\nreturn guess(X)")})
    assert_earned(outcome, contest)
    kept = {path.name for path in (tmp_path / "work/prediction/output").iterdir()}
    assert kept == {"an2dl", "clean", "metadata"}


def test_sleeping_past_the_limit(contest, tmp_path):
    outcome = run(contest, tmp_path / "work", {"model.py": model("time.sleep(60)")}, Limits(1))
    assert_failed(outcome, "prediction hit the time limit: allowed 1.0 s")


def test_sleeping_while_importing_counts_too(contest, tmp_path):
    outcome = run(contest, tmp_path / "work", {"model.py": "import time\ntime.sleep(60)\n"}, Limits(1))
    assert_failed(outcome, "prediction hit the time limit: allowed 1.0 s")


def test_no_label_is_within_reach_of_the_prediction_step(contest, tmp_path):
    find = (
        "tops = {APP, WORK} - {Path('/')}\n"  # in a container /app is all that there is
        "print([p for top in tops for p in top.rglob('*') if 'label' in p.name or 'ref' in p.parts])\n"
    )
    outcome = run(contest, tmp_path / "work", {"model.py": model(find + "return guess(X)")})
    assert_earned(outcome, contest)
    log = Path(outcome["logs"]["prediction_ingestion_stdout"]).read_text()
    assert log.startswith("[]\n[]\n")


def test_predictions_of_another_phase_are_refused(contest, tmp_path):
    """Ids differ from phase to phase: what was predicted in development cannot be scored in the final."""
    final = contest / "platform/unpacked/final/reference_data"
    outcome = run(contest, tmp_path / "work", {"model.py": model("return guess(X)")}, reference=final)
    assert_failed(outcome, "expected one prediction for each of 33 images. Received: 33 missing")
