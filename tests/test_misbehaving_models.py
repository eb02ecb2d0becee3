"""Models that misbehave: none gets a score, and each outcome names its cause."""

import pytest
from platform_run import assert_failed, make_data, run
from submission_zips import make_zip, model

from local_eval.isolation import choose_isolation
from local_eval.limits import Limits

FORGED = "np.savez(OUT / 'predictions.npz', ids=np.load(INPUT / 'ids.npy'), labels=good(X))\n"
SEALED = """(OUT / 'timing.json').write_text('{"prediction_seconds": 0.1}')
import hashlib
digest = hashlib.sha256((OUT / 'predictions.npz').read_bytes()).hexdigest()
(OUT / f'predictions-{digest}.seal').touch()
(OUT / 'failed.json').unlink(missing_ok=True)
"""
FORGE_METHOD = "    def forge(self, X):\n" + "".join(f"        {line}\n" for line in (FORGED + SEALED).splitlines())
FORK_AND_HANG = "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nreturn 1 / 0"
SLEEP = "time.sleep(60)"
HOG = "x = np.ones((400, 1 << 17))\ntime.sleep(30)"
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
    "predict wants more": (model().replace("predict(self, X)", "predict(self, X, y)"), "missing 1 required positional"),
    "no predict": (model().replace("def predict", "def forecast"), "has no attribute 'predict'"),
    "returns None": (model("good(X)"), "predict returned None"),
    "too few": (model("return good(X)[:-1]"), "for each of 12 images. Received: shape \\(11,\\)"),
    "too many": (model("return np.r_[good(X), 0]"), "for each of 12 images. Received: shape \\(13,\\)"),
    "one-hot": (model("return np.eye(3)[good(X)]"), "not one-hot rows"),
    "floats": (model("return good(X).astype(float)"), "integer class indices"),
    "class names": (model("return np.array(['a', 'b', 'c'])[good(X)]"), "integer class indices"),
    "ragged list": (model("return [[0], [1, 2]]"), "ragged list"),
    "NaN": (model("return good(X) * np.nan"), "NaN or infinite"),
    "out of range": (model("return good(X) + 1"), "in \\[0, 3\\). Received: values from 1 to 3"),
    "negative": (model("return good(X) - 1"), "in \\[0, 3\\). Received: values from -1 to 1"),
    "endless recursion": (model("return self.predict(X)"), "RecursionError"),
    "sys.exit(0)": (model("sys.exit(0)"), "SystemExit: 0"),
    "KeyboardInterrupt": (model("raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "os._exit(0)": (model("os._exit(0)"), "ended without a word"),
    "os._exit(137)": (model("os._exit(137)"), "exit code 137, killed from outside: out of memory"),
    "crash": (model("import ctypes\nctypes.string_at(0)"), "ended without a word"),
    "forges predictions, then raises": (model(FORGED + "raise ValueError('oops')"), "ValueError: oops"),
    "forges predictions, then exits 0": (model(FORGED + "os._exit(0)"), "ended without a word"),
    "forges and unmarks, then exits 0": (
        model(FORGED + "(OUT / 'failed.json').unlink()\nos._exit(0)"),
        "ended without a word",
    ),
    "forges everything, seal and all": (model(FORGED + SEALED + "os._exit(0)"), "ended without a word: os._exit"),
    "forges everything at its exit": (
        model("import atexit\natexit.register(self.forge, X)\nreturn 1 / 0") + FORGE_METHOD, "ZeroDivisionError"
    ),
    "forges everything in a thread": (
        model("import threading\nthreading.Thread(target=lambda: [self.forge(X) for _ in range(99)]).start()\n"
              "return 1 / 0") + FORGE_METHOD, "ZeroDivisionError"
    ),
    "forges everything in a process left behind": (
        model("if os.fork() == 0:\n    os.setsid()\n    while True: self.forge(X)\nreturn 1 / 0") + FORGE_METHOD,
        "ZeroDivisionError",
    ),
    "patches the program that runs it": (
        model(top="main = sys.modules['__main__']\n"
                  "for name in ('check_predictions', 'run_model'):\n    setattr(main, name, lambda *a, **k: None)\n"
                  "json = sys.modules['json']\njson.dumps = lambda *a, **k: '{}'", predict="raise ValueError('oops')"),
        "KeyError: 'error'|ended without a word",
    ),
    "patches the check": (
        model("sys.modules['__main__'].check_predictions = lambda labels, *_: labels\nreturn np.eye(3)[good(X)]"),
        "not one-hot rows",
    ),
    "says that it is done": (
        model("for fd in range(3, 99):\n    try: os.write(fd, b'{\"done\": true}\\n')\n    except OSError: pass\n"
              "time.sleep(9)"),
        "KeyError: ''",
    ),
    "says what is no JSON": (
        model("for fd in range(3, 99):\n    try: os.write(fd, b'\\xff\\n{\\n')\n    except OSError: pass\n"
              "time.sleep(9)"),
        "UnicodeDecodeError|JSONDecodeError",
    ),
    "kills the program that runs it": (
        model("os.kill(os.getppid(), 9)\nreturn 1 / 0"), "ZeroDivisionError|ended without a word",
    ),
    "forges scores": (model("(OUT / 'scores.json').write_text('{\"accuracy\": 1}')\nreturn None"), "returned None"),
    "prints scores": (model("print('accuracy: 1.0')\nreturn None"), "returned None"),
    "writes where scoring reads": (
        model("Path('/app/input/res').mkdir(parents=True, exist_ok=True)\nreturn None"),
        "returned None|Permission denied",
    ),
    "deletes what is in the output": (
        model("[p.unlink() for p in OUT.iterdir()]\nos._exit(0)"),
        "ended without a word",
    ),
    "forks and hangs": (model(FORK_AND_HANG), "ZeroDivisionError"),
    "sleeps in predict": (model(SLEEP), "prediction hit the time limit: allowed 4.0 s, .* in predict, after [0-3].. s"),
    "sleeps in init": (model(init=SLEEP), "hit the time limit: .* while starting up .*Predict larger batches"),
    "takes too much memory": (
        model(HOG),
        "prediction hit the memory limit: allowed 200.0 MiB, used .* over\\).*Predict batch by batch",
    ),
    "fills the disk": (
        model("with open('/app/output/x' if os.path.isdir('/app') else OUT / 'x', 'wb') as f:\n"
              "    for _ in range(40): f.write(bytes(1 << 20)); f.flush()\ntime.sleep(30)"),
        r"prediction hit the disk limit: allowed 19.1 MiB, wrote [234]\d.* MiB",
    ),
    "fills the disk with many files": (
        model("for n in range(400): (OUT / str(n)).write_bytes(bytes(100_000))\ntime.sleep(30)"),
        "prediction hit the disk limit: allowed 19.1 MiB, wrote .* MiB .* when stopped in predict.*Write less to",
    ),
    "fills the disk beside its own code": (
        model("for n in range(400): (INPUT / str(n)).write_bytes(bytes(100_000))\ntime.sleep(30)"),
        "prediction hit the disk limit: allowed 19.1 MiB",
    ),
    "forks without end": (  # 2,000 times at most, should no limit hold
        model("for _ in range(2000):\n    if os.fork() == 0: time.sleep(20); os._exit(0)\ntime.sleep(20)"),
        "prediction hit the limit of processes: allowed 200 at a time, .* over\\) when stopped in predict, after .*"
        "Start a pool of as many workers as there are cores.*--max-processes",
    ),
}  # fmt: skip
FULL = Limits(20, disk_bytes=20_000_000)
LIMITS = {
    "sleeps in predict": Limits(4),  # enough for a busy machine to begin
    "sleeps in init": Limits(4),
    "takes too much memory": Limits(20, limit_mb=200),
    "fills the disk": FULL,
    "fills the disk with many files": FULL,
    "fills the disk beside its own code": FULL,
    "forks without end": Limits(20, max_processes=200),
}


def judged(tmp_path, name, isolation=None):
    source, message = MISBEHAVING[name]
    data = make_data(tmp_path)
    zip_path = make_zip(data / "s.zip", {"model.py": source})
    outcome = run(data, zip_path, LIMITS.get(name, Limits(20)), isolation=isolation)
    assert_failed(outcome, data)
    assert outcome.step in ("prediction", "scoring") and outcome.statuses[-1] == "Failed"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome.message)
    return outcome


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_broken_model_never_gets_a_score(tmp_path, name):
    judged(tmp_path, name)


@pytest.mark.parametrize(
    "name", ["raises in predict", "os._exit(0)", "forks and hangs", "fills the disk", "forks without end"]
)
def test_nor_without_isolation(tmp_path, name):
    judged(tmp_path, name, choose_isolation("none"))


def test_there_are_thirty():
    assert len(MISBEHAVING) >= 30


def test_the_traceback_is_the_contestants(tmp_path):
    outcome = judged(tmp_path, "raises in predict")
    lines = outcome.tail.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "/app/ingested_program/model.py", line ')
    assert "ingestion.py" not in outcome.tail
    assert outcome.timing["startup"] >= 0


def test_out_of_memory_without_isolation_is_named(tmp_path):
    """As the kernel ends it: the process cannot tell."""
    data = make_data(tmp_path)
    zip_path = make_zip(data / "s.zip", {"model.py": model("os.kill(os.getpid(), 9)")})
    outcome = run(data, zip_path, isolation=choose_isolation("none"))
    assert_failed(outcome, data)
    assert outcome.exit_codes["prediction"] == 137
    assert "killed from outside: out of memory, as on the platform" in outcome.message
