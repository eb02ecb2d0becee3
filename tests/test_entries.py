"""Leaderboard scores in the ledger, and the command that adds them."""

import itertools
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_eval.entries import (
    add_score,
    describe_ledger,
    judged_evidence,
    leaderboard_scores,
    others_judged,
    regression_entries,
)
from local_eval.forecasting.severity import Shift
from local_eval.ledger import append_record, main, read_records
from submission.kit.errors import KitError

ROOT = Path(__file__).parents[1]
PRINTS = {"clean": "of clean", "an2dl": "of an2dl"}
ONE, TWO, TWIN = "aabbcc" + "0" * 58, "ddeeff" + "1" * 58, "aabbcc" + "7" * 58


def judged(sha256, suite, accuracy, **changes):
    about = {"part": "judge", "limit_images": None, "status": "Finished", "images": 900, "zip": f"{sha256[:4]}.zip"}
    of = {"fingerprint": PRINTS[suite], "strengths": {"3": [-0.1, 0.2]}}
    return {"sha256": sha256, "suite": suite, "scores": {"accuracy": accuracy}, **about, **of, **changes}


@pytest.fixture
def artifacts(tmp_path):
    for sha256, suite, accuracy in ((ONE, "clean", 0.98), (ONE, "an2dl", 0.9), (TWO, "an2dl", 0.8)):
        append_record(tmp_path / "ledger.jsonl", judged(sha256, suite, accuracy))
    return tmp_path


def records(artifacts):
    return read_records(artifacts / "ledger.jsonl")[0]


def test_a_score_is_added_once_by_any_unique_beginning(artifacts):
    assert "aabb.zip (aabbcc00) scored 0.87 in phase final; 1 leaderboard" in add_score(
        artifacts, "AABBCC", 0.87, "final"
    )
    before = (artifacts / "ledger.jsonl").read_bytes()
    assert "nothing was added" in add_score(artifacts, ONE, 0.87, " final ")
    assert (artifacts / "ledger.jsonl").read_bytes() == before
    (entry,), left_out = regression_entries(records(artifacts), PRINTS)
    assert left_out == [] and entry.evidence["an2dl"].strengths == {"3": Shift(-0.1, 0.2)}
    assert (entry.score, entry.phase) == (0.87, "final")
    assert {name: one.accuracy for name, one in entry.evidence.items()} == {"clean": 0.98, "an2dl": 0.9}


@pytest.mark.parametrize(
    ("sha256", "score", "phase", "message"),
    [
        ("123456", 0.5, "p", r"expected a zip that was judged or packaged in .*Known: aabbcc00 \(aabb.zip\), ddeeff11"),
        ("aabbc", 0.5, "p", "6 hex digits or more. Received: 'aabbc'"),
        ("nothex", 0.5, "p", "6 hex digits or more. Received: 'nothex'"),
        (ONE, 1.01, "p", "from 0 to 1. Received: 1.01. As a share that is 0.0101"),
        (ONE, 96.5, "p", "Received: 96.5. As a share that is 0.965"),
        (ONE, -0.1, "p", r"from 0 to 1. Received: -0.1\.$"),
        (ONE, float("nan"), "p", "Received: nan"),
        (ONE, 0.5, " ", "expected a name of the phase"),
        (
            TWO,
            0.5,
            "done",
            r"one score a zip and phase. Received: 0.5 for ddee.zip \(ddeeff11\) in phase done, which has 0.7",
        ),
    ],
)
def test_bad_input_is_named_and_leaves_the_ledger_alone(artifacts, sha256, score, phase, message):
    add_score(artifacts, TWO, 0.7, "done")
    before = (artifacts / "ledger.jsonl").read_bytes()
    with pytest.raises(KitError, match=message):
        add_score(artifacts, sha256, score, phase)
    assert (artifacts / "ledger.jsonl").read_bytes() == before


def test_a_beginning_of_two_zips_lists_them(artifacts):
    append_record(artifacts / "ledger.jsonl", judged(TWIN, "clean", 0.5))
    with pytest.raises(KitError, match=r"with which 2 begin: aabbcc0000000000 \(aabb.zip\), aabbcc7777777777"):
        add_score(artifacts, "aabbcc", 0.5, "p")


def test_replacing_appends_and_the_last_counts(artifacts):
    add_score(artifacts, ONE, 0.5, "p")
    add_score(artifacts, ONE, 0.6, "p", replace=True)
    add_score(artifacts, ONE, 0.7, "other")
    assert [(one.phase, one.score) for one in leaderboard_scores(records(artifacts))] == [("p", 0.6), ("other", 0.7)]
    assert sum("kind" in record for record in records(artifacts)) == 3


def test_a_packaged_zip_is_known_before_it_is_judged(tmp_path):
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "s.zip").write_bytes(b"zip")
    sha256 = "8d42b5aa"  # of other bytes
    with pytest.raises(KitError, match=r"Known: \w{8} \(s.zip\)") as told:
        add_score(tmp_path, sha256, 0.5, "p")
    known = re.search(r"Known: (\w{8})", str(told.value))
    assert "s.zip" in add_score(tmp_path, known[1], 0.5, "p")
    entries, left_out = regression_entries(records(tmp_path), PRINTS)
    assert entries == [] and len(left_out) == 1  # nothing to learn from before it is judged


def test_finished_submissions_count_by_themselves():
    line = {"sha256": ONE, "phase": 7, "submission": 3, "status": "Finished", "scores": {"accuracy": 0.9, "time": 5.0}}
    assert leaderboard_scores([line])[0].score == 0.9
    for wrong in ({"status": "Failed"}, {"scores": {"a": 0.5, "b": 0.6}}, {"scores": {"rank": 12.0}}, {"scores": None}):
        assert leaderboard_scores([line | wrong]) == []


def test_only_full_finished_runs_on_the_judge_part_are_evidence():
    good = judged(ONE, "an2dl", 0.9)
    assert judged_evidence([good])[ONE]["an2dl"].n == 900
    for change in ({"part": "select"}, {"limit_images": 5}, {"status": "Failed"}, {"scores": None}, {"images": 0}):
        assert judged_evidence([good | change]) == {}
    assert judged_evidence([good, good | {"status": "Failed"}]) == {}
    assert judged_evidence([good, judged(ONE, "an2dl", 0.8)])[ONE]["an2dl"].accuracy == 0.8


def test_others_are_those_on_the_same_images(artifacts):
    append_record(artifacts / "ledger.jsonl", judged(TWIN, "an2dl", 0.7, fingerprint="another"))
    assert others_judged(records(artifacts), ONE, PRINTS) == {"an2dl": [0.8], "clean": []}


def test_lines_of_other_suites_or_of_before_fingerprints_are_not_mixed_in(artifacts):
    add_score(artifacts, ONE, 0.87, "final")
    add_score(artifacts, TWO, 0.77, "final")
    entries, left_out = regression_entries(records(artifacts), PRINTS | {"an2dl": "drawn anew"})
    assert [(one.score, list(one.evidence)) for one in entries] == [(0.87, ["clean"])]
    assert [one.sha256 for one in left_out] == [TWO]  # it was judged on an2dl alone
    old = [{key: value for key, value in line.items() if key != "fingerprint"} for line in records(artifacts)]
    assert regression_entries(old, PRINTS)[0] == [] and judged_evidence(old).keys() == {ONE, TWO}
    append_record(artifacts / "ledger.jsonl", judged(TWO, "an2dl", 0.81, fingerprint="drawn anew"))
    again = regression_entries(records(artifacts), PRINTS | {"an2dl": "drawn anew"})
    assert len(again[0]) == 2 and again[1] == []


def test_the_command_adds_and_lists(artifacts, capsys):
    assert main(["--artifacts", str(artifacts), "add", "ddeeff", "0.75", "final", "phase"]) == 0
    assert "0.75 in phase final phase" in capsys.readouterr().out
    with open(artifacts / "ledger.jsonl", "ab") as file:
        file.write(b'{"sha256": "torn')
    assert main(["--artifacts", str(artifacts)]) == 0
    told = capsys.readouterr().out
    assert "ddeeff11 ddee.zip: an2dl 0.8000, leaderboard final phase 0.7500" in told
    assert "2 zips, 1 leaderboard scores" in told and "1 damaged lines passed over" in told
    with pytest.raises(SystemExit):
        main(["add", "ddeeff", "much", "p"])


def test_no_ledger_is_an_empty_one(tmp_path):
    assert "0 zips, 0 leaderboard scores" in describe_ledger(tmp_path)


WRITER = """
import sys
from local_eval.ledger import append_record
n = 0
while True:
    append_record(sys.argv[1], {"n": n, "text": "x" * 20000})
    n += 1
    print(n, flush=True)
"""


def test_a_kill_in_the_middle_of_writing_loses_no_told_line_and_leaves_no_lock(tmp_path):
    path = tmp_path / "ledger.jsonl"
    told = 0
    for _ in itertools.repeat(None, 3):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        child.stdout.readline()
        time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        told += 1 + len(child.stdout.read().splitlines())
        child.wait()
        child.stdout.close()
        append_record(path, {"after": True})
    kept, damaged = read_records(path)
    assert damaged <= 3
    assert sum("n" in record for record in kept) >= told - 3
    assert sum("after" in record for record in kept) == 3
