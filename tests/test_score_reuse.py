"""Runs that are there are taken when they are of the same inputs and unchanged, and never otherwise."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_artifacts import make_contest
from submission_zips import make_zip, model, tiny_set

from local_eval import kept_run
from local_eval.isolation import choose_isolation
from local_eval.judged import open_judged
from local_eval.kept_run import is_kept, keep_run, made_of
from local_eval.ledger import read_records
from local_eval.score import describe, main, score
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json

ROOT = Path(__file__).parents[1]


class Contest:
    """A made-up contest whose judge copies runs that were made before, and notes on which suites it was called."""

    def __init__(self, folder):
        self.fake = make_contest(folder / "A", n=12, size=8)
        self.artifacts = self.fake.artifacts
        self.home = self.run("clean").parent
        self.runs = folder / "runs"
        shutil.move(self.home, self.runs)
        self.judged = []

    def run(self, suite):
        return self.fake.judge(self.artifacts, self.fake.zip, suite, "judge", "an2dl")

    def add(self, *names):
        """More suites, of which a run is known."""
        for name in names:
            shutil.copytree(self.artifacts / "suites/an2dl", self.artifacts / "suites" / name)
            shutil.copytree(self.runs / "an2dl-judge", self.runs / f"{name}-judge")

    def judge(self, artifacts, zip_path, suite, part, profile):
        self.judged.append(suite)
        shutil.rmtree(self.run(suite), ignore_errors=True)  # as `local_eval.judge` does
        return Path(shutil.copytree(self.runs / f"{suite}-{part}", self.run(suite)))

    def score(self, **options):
        """What was judged in this call."""
        before = len(self.judged)
        self.value = score(self.artifacts, **{"judge": self.judge} | options)
        return self.judged[before:]


@pytest.fixture
def contest(tmp_path):
    return Contest(tmp_path)


def test_one_more_suite_is_one_more_run(contest):
    contest.add("stain", "occlusion")
    assert contest.score(suites=["clean", "an2dl"]) == ["clean", "an2dl"]
    assert contest.score(suites=["clean", "an2dl", "stain"]) == ["stain"]
    assert contest.score() == ["occlusion"]
    assert list(contest.value["suites"]) == ["clean", "an2dl", "occlusion", "stain"]
    assert contest.score(suites=["clean"]) == []
    assert contest.value["forecast"] is None
    assert "no forecast: it needs the suite an2dl" in describe(contest.value, contest.artifacts)
    assert contest.score() == []


def test_up_to_date_is_the_same_score_and_writes_nothing(contest):
    contest.score()
    first, path = contest.value, contest.artifacts / "judge/score.json"
    before = path.stat().st_mtime_ns
    assert contest.score() == []
    assert contest.value == json.loads(json.dumps(first)) == read_json(path, "")
    assert path.stat().st_mtime_ns == before


def test_force_takes_nothing(contest):
    contest.score()
    assert contest.score(force=True) == ["clean", "an2dl"]
    assert contest.score() == []


@pytest.mark.parametrize("option", [[], ["--force"]])
def test_the_command_takes_force(contest, monkeypatch, option):
    contest.score()
    monkeypatch.setattr("local_eval.score._judge_zip", lambda *arguments, isolation: contest.judge(*arguments))
    before = len(contest.judged)
    assert main(["--artifacts", str(contest.artifacts), "--brief", *option]) == 0
    assert contest.judged[before:] == (["clean", "an2dl"] if option else [])


def test_another_profile_isolation_or_platform_is_judged_again(contest, monkeypatch):
    contest.score()
    assert contest.score(profile="codabench-default") == ["clean", "an2dl"]
    assert contest.score(profile="codabench-default") == []
    plain = replace(choose_isolation("none"), reason="another one")
    assert contest.score(isolation=plain) == ["clean", "an2dl"]
    assert contest.score(isolation=plain) == []
    assert contest.value["isolation"] == plain.as_json()
    monkeypatch.setattr(kept_run, "library_versions", lambda: {"python": "3.99"})
    assert contest.score(isolation=plain) == ["clean", "an2dl"]
    monkeypatch.setattr(kept_run, "_programs", lambda: "newer")
    assert contest.score(isolation=plain) == ["clean", "an2dl"]


def test_isolation_is_told(contest, capsys):
    plain = choose_isolation("none")
    contest.score(isolation=plain)
    assert "limit 6000 s a step (an2dl); not isolated (switched off); not guaranteed: no net" in describe(
        contest.value, contest.artifacts
    )
    assert main(["--artifacts", str(contest.artifacts), "--isolation", "none"]) == 0  # nothing is run
    assert "not isolated (switched off)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["images", "labels", "ids"])
def test_a_suite_that_was_written_anew_is_judged_again_alone(contest, name):
    contest.score()
    path = contest.artifacts / f"suites/clean/judge/{name}.npy"
    values = np.load(path)
    if name == "ids":
        values = values[::-1]
    else:
        values[0] = (values[0] + 1) % 8
    np.save(path, values)
    assert contest.score() == ["clean"]
    assert contest.score() == []


def test_another_zip_with_the_same_first_digits_takes_nothing(contest, monkeypatch):
    contest.score()
    whole = sha256_file(contest.fake.zip)
    monkeypatch.setattr("local_eval.score.sha256_file", lambda _: whole[:8] + "0" * 56)
    assert contest.score() == ["clean", "an2dl"]


def edit(path):
    path.write_bytes(path.read_bytes() + b"x")


def edit_json(path, **changes):
    write_json(path, read_json(path, "") | changes)


DAMAGES = {
    "predictions edited": lambda run: edit(run / "predictions.npz"),
    "table gone": lambda run: (run / "table.npz").unlink(),
    "outcome edited": lambda run: edit_json(run / "outcome.json", seconds={}),
    "outcome gone": lambda run: (run / "outcome.json").unlink(),
    "folder gone": shutil.rmtree,
    "no fingerprint": lambda run: (run / "fingerprint.json").unlink(),
    "no json": lambda run: (run / "fingerprint.json").write_text("{"),
    "a list": lambda run: write_json(run / "fingerprint.json", []),
    "no files": lambda run: write_json(run / "fingerprint.json", {"made_of": None, "files": []}),
    "of another zip": lambda run: edit_json(
        run / "fingerprint.json", made_of=read_json(run / "fingerprint.json", "")["made_of"] | {"sha256": "0" * 64}
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_run_that_is_not_as_it_was_left_is_made_anew_alone(contest, damage):
    contest.score()
    first = contest.value
    damage(contest.run("an2dl"))
    assert contest.score() == ["an2dl"]
    assert contest.value == first
    assert contest.score() == []


def test_what_is_put_beside_a_run_does_not_matter(contest):
    contest.score()
    write_json(contest.run("an2dl") / "corruption_error.json", {})
    assert contest.score() == []


@pytest.mark.parametrize("value", ["{", "[1]", '{"suites": {"clean": 1}}', '{"suites": null, "rows": []}', None])
def test_a_score_that_nothing_can_be_made_of_costs_no_run(contest, value):
    contest.score()
    first, path = contest.value, contest.artifacts / "judge/score.json"
    path.write_text(value) if value else path.unlink()
    assert contest.score() == []
    assert contest.value == first == read_json(path, "")


def test_a_failed_run_is_tried_again_and_the_finished_one_is_kept(contest):
    contest.add("stain")
    good = contest.runs / "an2dl-judge/outcome.json"
    text = good.read_text()
    write_json(good, {"status": "Failed", "message": "out of memory", "tail": "", "seconds": {}})
    with pytest.raises(KitError, match="ended as Failed: out of memory"):
        contest.score()
    with pytest.raises(KitError, match="ended as Failed: out of memory"):
        contest.score()
    assert not (contest.artifacts / "judge/score.json").exists()
    assert contest.judged == ["clean", "an2dl", "an2dl"]
    good.write_text(text)
    assert contest.score() == ["an2dl", "stain"]


def test_a_kept_run_is_not_read_with_other_images(contest):
    contest.score()
    suite = contest.artifacts / "suites/clean/judge"
    np.save(suite / "labels.npy", np.zeros(12, np.int64))
    with pytest.raises(KitError, match=r"clean-judge was run on other images than .* holds now: .*Run `again`"):
        open_judged(contest.run("clean"), suite, "again")
    write_json(contest.run("clean") / "fingerprint.json", {})
    with pytest.raises(KitError, match=r"fingerprint\.json has another form: delete .* and run `again`"):
        open_judged(contest.run("clean"), suite, "again")


def test_a_fingerprint_is_the_same_after_json(tmp_path):
    made = made_of("0" * 64, "images", "an2dl", choose_isolation("none"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/one.txt").write_text("x")
    assert not is_kept(tmp_path, made)
    keep_run(tmp_path, made)
    assert is_kept(tmp_path, made)
    assert not is_kept(tmp_path, made | {"images": "others"})
    (tmp_path / "logs/one.txt").write_text("y")
    assert not is_kept(tmp_path, made)


WAITING = """with open({log!r}, "a") as file:
    file.write("x")
while Path({gate!r}).exists() and len(Path({log!r}).read_text()) > 1:
    time.sleep(0.02)"""


def test_what_had_finished_before_a_kill_is_not_run_again(tmp_path):
    """Real processes: the command is killed while the second of two suites runs, and then given again."""
    for suite, seed in (("clean", 0), ("an2dl", 1)):
        tiny_set(tmp_path / "A/suites" / suite / "judge", seed=seed)
    log, gate = tmp_path / "starts.txt", tmp_path / "gate"
    gate.touch()
    text = model(init=WAITING.format(log=str(log), gate=str(gate)))
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": text})
    command = [sys.executable, "-m", "local_eval.score", "--artifacts", str(tmp_path / "A"), "--zip", str(zip_path)]
    command += ["--isolation", "none", "--brief"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    runs = tmp_path / "A/judge" / sha256_file(zip_path)[:8]
    killed = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (log.exists() and log.read_text() == "xx"):
            assert time.monotonic() < deadline and killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    finally:
        killed.kill()
        gate.unlink()  # the submission that outlived its judge ends, too
    assert (runs / "clean-judge/fingerprint.json").exists()
    assert not (runs / "an2dl-judge/fingerprint.json").exists()
    assert not (runs / "score.json").exists()
    finished = (runs / "clean-judge/outcome.json").stat().st_mtime_ns
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "clean 1.0000, shifted (an2dl) 1.0000" in done.stdout
    assert (runs / "clean-judge/outcome.json").stat().st_mtime_ns == finished
    assert log.read_text() == "xxx"  # clean, the killed one, and that one again
    records, damaged = read_records(tmp_path / "A/ledger.jsonl")
    assert (damaged, [record["suite"] for record in records]) == (0, ["clean", "an2dl"])
