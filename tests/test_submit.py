"""Submitting to a local server that behaves like Codabench."""

import json
import re
import zipfile

import pytest
import submit_contest
from codabench_server import PHASE, TOKEN, answer
from submit_contest import FastClock

from local_eval.codabench.connection import check_server
from local_eval.submit import main
from submission.kit.errors import KitError
from submission.kit.files import read_json

contest, no_secret_anywhere = submit_contest.contest, submit_contest.no_secret_anywhere


def test_the_whole_way(contest):
    told = contest.submit()
    folder = contest.artifacts / "submitted/700"
    assert told == f"submission.zip: submission 700 Finished: accuracy 0.9600 -> {folder}"
    assert contest.state.uploads["key-0"]["bytes"] == contest.zip.read_bytes()
    assert (folder / "logs/prediction_ingestion_stdout.txt").read_text() == "hello\n"
    assert read_json(folder / "scores.json", "") == {"accuracy": 0.96}
    assert read_json(folder / "submission.json", "")["status"] == "Finished"
    (line,) = contest.lines()
    expected = {"submission": 700, "phase": PHASE, "status": "Finished", "scores": {"accuracy": 0.96}, "forced": False}
    assert expected.items() <= line.items() and line["sha256"] == contest.sha256
    assert contest.receipt()["state"] == "ended"
    assert all("Authorization" not in headers for line, headers in contest.state.requests if "/storage/" in line)
    asked = [re.sub(r"\?.*", "", line) for line, _ in contest.state.requests][:5]
    assert asked == [
        f"GET /api/can_make_submission/{PHASE}/",
        "POST /api/datasets/",
        "PUT /storage/key-0",
        "PUT /api/datasets/completed/key-0/",
        "POST /api/submissions/",
    ]


def test_a_second_run_submits_nothing(contest):
    contest.submit()
    before = len(contest.state.requests)
    assert "was submitted to phase 41 before, as 700, Finished" in contest.submit()
    assert len(contest.state.requests) == before and len(contest.lines()) == 1


def test_again_submits_once_more_and_keeps_the_old_receipt(contest):
    contest.submit()
    contest.state.statuses = ["Finished"]
    assert "submission 701 Finished" in contest.submit(again=True)
    names = sorted(path.name for path in (contest.artifacts / "submitted").glob("*.json"))
    assert len(names) == 2 and names[0].endswith(".700.json") and len(contest.lines()) == 2


def test_without_waiting_and_waiting_later(contest):
    assert contest.submit(wait_s=None) == "submission.zip: submitted to phase 41 as 700; without --no-wait it waits"
    assert contest.lines() == [] and contest.receipt()["state"] == "submitted"
    assert "700 Finished" in contest.submit()
    assert len(contest.state.submissions) == 1 and len(contest.lines()) == 1


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("Reached maximum allowed submissions for today for this phase", "starts again at 00:00 UTC"),
        ("Reached maximum allowed submissions for this phase", "does not start again"),
        ("User not approved to participate in this competition", "Join the competition"),
        (None, "no reason given"),
    ],
)
def test_the_phase_takes_nothing(contest, reason, advice):
    contest.state.can = {"can": False, "reason": reason}
    contest.refused(f"phase 41 takes no submission from this user now: .*{advice}")
    assert contest.state.count("POST") == 0


def test_quota(contest):
    contest.state.quota_bytes = 1
    contest.refused("the quota is used up: Insufficient space. Your available space is 1 KB.*Resources page")


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_failed_submission_shows_its_log(contest, status):
    contest.state.statuses = ["Running", status]
    contest.state.logs = {
        "prediction_ingestion_stderr": "Traceback\nKeyError: 'x'\n",
        "../../../etc/scoring_stderr": "",
    }
    told = contest.refused(f"submission 700 {status}. Its logs are in ")
    assert told.endswith("    Traceback\n    KeyError: 'x'")
    assert contest.lines()[0]["status"] == status
    names = [path.name for path in (contest.artifacts / "submitted/700/logs").iterdir()]
    assert sorted(names) == ["_.._.._etc_scoring_stderr.txt", "prediction_ingestion_stderr.txt"]
    contest.refused("was submitted to phase 41 before, as 700, .*--again submits it once more")
    assert len(contest.state.submissions) == 1


def test_finished_without_a_score(contest):
    contest.state.scores = [{"column_key": "accuracy", "score": None}, {"column_key": "other", "score": "NaN"}]
    contest.refused("Finished without a score: the platform shows n/a")
    assert contest.lines()[0]["scores"] == {}


def test_a_failed_task_is_a_failure_though_the_platform_says_finished(contest):
    contest.state.children, contest.state.child_status = [801], "Failed"
    contest.refused("submission 700 Failed")
    assert (contest.artifacts / "submitted/700/task-801/logs/prediction_ingestion_stdout.txt").exists()


def test_hidden_logs_are_told_and_the_score_stays(contest):
    contest.state.hide_output = True
    told = contest.submit()
    assert "Finished: accuracy 0.9600" in told and "not fetched: the logs of submission 700: not allowed" in told
    contest.state.hide_output = False
    assert "not fetched" not in contest.submit()  # the next run asks for them again
    assert len(contest.lines()) == 1 and len(contest.state.submissions) == 1


def test_waiting_ends(contest):
    contest.state.statuses = ["Submitting"]
    contest.refused("submission 700 is Submitting after 100 s and goes on without us. The organiser starts", wait_s=100)
    assert max(contest.clock.waits) <= 60 and contest.lines() == []
    contest.state.statuses = ["Finished"]
    assert "Finished" in contest.submit()


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([("clean", "Failed", {"message": "killed"})], "clean-judge Failed: killed"),
        ([("clean", "Failed", {}), ("clean", "Finished", {"limit_images": 8})], "clean-judge Failed: no message"),
    ],
)
def test_the_judge_has_not_passed_it(contest, records, message):
    for suite, status, changes in records:
        contest.judged(suite, status, **changes)
    contest.refused(f"expected a zip that the local judge has passed.*{message}.*python -m local_eval.run")
    assert contest.state.requests == [] and not (contest.artifacts / "submitted").exists()
    assert "Finished" in contest.submit(force=True) and contest.lines()[0]["forced"] is True


def test_other_bytes_were_judged(contest):
    with zipfile.ZipFile(contest.zip, "a") as file:
        file.writestr("more.txt", "")
    contest.refused("no full run of sha256")


def test_a_zip_that_changes_during_the_upload_is_not_submitted(contest, monkeypatch):
    from local_eval.codabench import once

    real = once.upload

    def changed(connection, address, path, sha256):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        real(connection, address, path, sha256)

    monkeypatch.setattr(once, "upload", changed)
    contest.refused("changed during the upload. Nothing was submitted")
    assert contest.state.submissions == []


@pytest.mark.parametrize("content", [None, b"", b"no zip"])
def test_what_is_no_zip_is_refused(contest, content):
    contest.zip.unlink() if content is None else contest.zip.write_bytes(content)
    contest.refused("expected a zip", force=True)
    assert contest.state.requests == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"state": "created"}', '{"state": "odd"}'])
def test_a_damaged_receipt_is_never_taken_for_none(contest, content):
    contest.submit(wait_s=None)
    (path,) = (contest.artifacts / "submitted").glob("*.json")
    path.write_text(content)
    contest.refused("is damaged .*See on the competition's page whether this zip was submitted")
    assert len(contest.state.submissions) == 1


def test_two_at_a_time(contest):
    from local_eval.codabench.receipt import open_receipt

    arguments = (contest.artifacts / "submitted", contest.zip, contest.sha256, PHASE, contest.server.address)
    with open_receipt(*arguments):
        contest.refused("another process is submitting this zip now")


@pytest.mark.parametrize("token", ["", "short", f"{TOKEN}\n", "with space in it", "ünicode-token"])
def test_tokens_of_the_wrong_form_are_not_shown(contest, token):
    with pytest.raises(KitError, match="CODABENCH_TOKEN") as caught:
        contest.submit(token=token)
    assert not token.strip() or token.strip() not in str(caught.value)
    assert contest.state.requests == []


@pytest.mark.parametrize(
    "server", ["http://www.codabench.org", "www.codabench.org", "https://", "https://me:pw@host", "file:///x"]
)
def test_the_token_never_travels_in_clear(server):
    with pytest.raises(KitError, match="expected --server as https://HOST") as caught:
        check_server(server)
    assert "pw" not in str(caught.value)


def test_server_is_host_and_port():
    assert check_server("https://www.codabench.org/competitions/1/") == "https://www.codabench.org"
    assert check_server("http://localhost:8000/") == "http://localhost:8000"


def test_netrc_does_not_replace_the_token(contest, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "Finished" in contest.submit()
    assert not any("Basic" in headers.get("Authorization", "") for _, headers in contest.state.requests)


def test_a_token_that_the_server_repeats_is_struck_out(contest):
    contest.state.scores = [{"column_key": "accuracy", "score": "1.0", "note": f"Token {TOKEN}"}]
    contest.submit()
    text = (contest.artifacts / "submitted/700/submission.json").read_text()
    assert "Token [token]" in text


def test_command(contest, capsys, monkeypatch):
    monkeypatch.setenv("CODABENCH_TOKEN", TOKEN)
    monkeypatch.setattr("local_eval.submit.Clock", FastClock)
    arguments = [str(contest.zip), "--phase", str(PHASE), "--artifacts", str(contest.artifacts)]
    arguments += ["--server", contest.server.address]
    assert main([*arguments, "--no-wait"]) == 0
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("submission.zip: submission 700 Finished: accuracy 0.9600")


@pytest.mark.parametrize("arguments", [[], ["--phase", "0"], ["--phase", "x"], ["--phase", "1", "--wait-s", "nan"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "--" in capsys.readouterr().err


def test_command_without_a_packaged_zip(tmp_path):
    with pytest.raises(KitError, match="latest.json is missing: run `python -m submission.package --artifacts "):
        main(["--phase", "1", "--artifacts", str(tmp_path)])


def test_json_that_python_alone_takes_is_no_json(contest):
    contest.state.faults = [("GET /api/submissions/700/", answer(200, '{"id": 700, "status": "Finished", "x": NaN}'))]
    assert "Finished" in contest.submit()
    assert json.loads((contest.artifacts / "submitted/700/submission.json").read_text())["id"] == 700
