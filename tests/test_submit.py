"""Submitting to a local server that behaves like Codabench: whatever breaks, one submission and no token shown."""

import json
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import codabench_server as faults
import pytest
from codabench_server import PHASE, SIGNATURE, TOKEN, Server, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_eval.codabench.connection import check_server
from local_eval.codabench.patience import Clock
from local_eval.ledger import append_record, read_records
from local_eval.submit import main, submit
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file


class FastClock(Clock):
    """Waits in no time, and keeps the account."""

    connect_s, answer_s, storage_s = 2.0, 0.3, 0.3

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class Contest:
    """An artifacts folder with a judged zip, and the server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.artifacts, self.server, self.clock = folder / "A", server, FastClock()
        self.zip = folder / "submission.zip"
        with zipfile.ZipFile(self.zip, "w") as file:
            file.writestr("model.py", "class Model: ...\n" + "# padding\n" * 50_000)
        self.sha256 = sha256_file(self.zip)
        for suite in ("clean", "an2dl"):
            self.judged(suite, "Finished")

    @property
    def state(self) -> faults.Codabench:
        return self.server.state

    def judged(self, suite: str, status: str, **changes) -> None:
        record = {"sha256": self.sha256, "suite": suite, "part": "judge", "status": status, "limit_images": None}
        append_record(self.artifacts / "ledger.jsonl", {**record, **changes})

    def submit(self, **options) -> str:
        options = {"server": self.server.address, "token": TOKEN, "clock": self.clock} | options
        return submit(self.zip, PHASE, self.artifacts, **options)

    def refused(self, message: str, **options) -> str:
        with pytest.raises(KitError, match=message) as caught:
            self.submit(**options)
        assert TOKEN not in str(caught.value) and SIGNATURE not in str(caught.value)
        assert caught.value.__cause__ is None
        return str(caught.value)

    def receipt(self) -> dict:
        (path,) = (self.artifacts / "submitted").glob("*.json")
        return read_json(path, "")

    def lines(self) -> list[dict]:
        """What the ledger says of submissions."""
        return [record for record in read_records(self.artifacts / "ledger.jsonl")[0] if "submission" in record]


@pytest.fixture
def contest(tmp_path):
    server = Server()
    yield Contest(tmp_path, server)
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_secret_anywhere(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    printed = capsys.readouterr()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (TOKEN, SIGNATURE):
        assert secret not in printed.out + printed.err
        assert not any(secret.encode() in text for text in written)


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


# What happens on the way and passes: still one submission, with the whole file.
PASSING = [
    ("GET /api/can_make", answer(503)),
    ("GET /api/can_make", answer(200, "<html>down for maintenance</html>")),
    ("POST /api/datasets/", answer(502)),
    ("POST /api/datasets/", faults.response_lost),
    ("PUT /storage/", faults.cut),
    ("PUT /storage/", faults.lost),
    ("PUT /storage/", faults.hang),
    ("PUT /storage/", answer(503, "<Code>SlowDown</Code>")),
    ("PUT /storage/", answer(403, "<Code>AccessDenied</Code><Message>Request has expired</Message>")),
    ("PUT /api/datasets/completed/", answer(500)),
    ("POST /api/submissions/", answer(429, {"detail": "Request was throttled."}, Retry_After="7")),
    ("POST /api/submissions/", answer(500)),
    ("POST /api/submissions/", faults.lost),
    ("POST /api/submissions/", faults.response_lost),
    ("POST /api/submissions/", faults.hang),
    ("POST /api/submissions/", faults.acts_late),
    ("POST /api/submissions/", faults.acted(504)),
    ("POST /api/submissions/", faults.acted(201, "<html>")),
    ("POST /api/submissions/", faults.acted(201, {"pk": 700})),
    ("POST /api/submissions/", faults.acted(201, [])),
    ("GET /api/submissions/?", answer(502)),
    ("GET /api/submissions/700/", answer(500)),
    ("GET /api/submissions/700/", faults.lost),
    ("GET /api/submissions/700/get_details/", faults.lost),
    ("GET /storage/prediction", faults.lost),
]
IDS = [f"{n} {prefix} {getattr(fault, '__name__', '')}" for n, (prefix, fault) in enumerate(PASSING)]


@pytest.mark.parametrize("paged", [True, False], ids=["paged", "plain list"])
@pytest.mark.parametrize("one", PASSING, ids=IDS)
def test_failures_that_pass(contest, one, paged):
    contest.state.paged = paged
    contest.state.faults = [one, ("POST /api/submissions/", faults.response_lost)]
    assert "submission 700 Finished" in contest.submit()
    assert len(contest.state.submissions) == 1
    used = contest.state.submissions[0]["data"]
    assert contest.state.uploads[used]["bytes"] == contest.zip.read_bytes()
    assert (contest.artifacts / "submitted/700/logs/prediction_ingestion_stdout.txt").exists()
    assert len(contest.lines()) == 1


# the fixture that looks for secrets stays for all examples
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.sampled_from([one for one in PASSING if one[1] is not faults.hang]), max_size=12))
def test_never_two_whatever_breaks_how_often(tmp_path_factory, chosen):
    server = Server()
    try:
        contest = Contest(tmp_path_factory.mktemp("any"), server)
        server.state.faults = list(chosen)
        for _ in chosen:
            with suppress(KitError):
                contest.submit(wait_s=None)
        assert "submission 700 Finished" in contest.submit()
        assert len(server.state.submissions) == 1 and len(contest.lines()) == 1
        used = server.state.submissions[0]["data"]
        assert server.state.uploads[used]["bytes"] == contest.zip.read_bytes()
    finally:
        server.shutdown()
        server.server_close()


def test_back_off_doubles_and_heeds_retry_after(contest):
    throttled = answer(429, {"detail": "Request was throttled."}, Retry_After="100")
    contest.state.faults = [("GET /api/can_make", answer(503))] * 3 + [("GET /api/can_make", throttled)]
    contest.submit(wait_s=None)
    assert contest.clock.waits == [1, 2, 4, 100]


@pytest.mark.parametrize(
    ("fault", "state"),
    [(faults.lost, "submitting"), (answer(500), "submitting"), (answer(429), "created")],
    ids=["lost", "500", "429"],
)
def test_failures_that_stay_lose_nothing(contest, fault, state):
    contest.state.faults = [("POST /api/submissions/", fault)] * 8
    contest.refused(r"It was tried 8 times and the server's list shows no submission")
    assert contest.receipt()["state"] == state and contest.state.submissions == []
    assert "submission 700 Finished" in contest.submit()
    assert contest.state.count("PUT /storage/") == 1  # the upload was not lost


def test_a_dead_server_is_told_and_the_next_run_goes_on(contest):
    contest.state.faults = [("PUT /storage/", faults.cut)] * 8
    contest.refused("the upload: the connection to 127.0.0.1 was lost. It was tried 8 times")
    assert contest.receipt()["state"] == "uploading"
    assert "700 Finished" in contest.submit()
    with pytest.raises(KitError, match="no connection to 127.0.0.1"):
        contest.submit(again=True, server="http://127.0.0.1:9")


@pytest.mark.parametrize(
    "where", ["POST /api/datasets/", "PUT /storage/", "PUT /api/datasets/c", "POST /api/submissions/"]
)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_crash_anywhere_and_the_same_command_again(contest, monkeypatch, where, before):
    """Killed before a request left, or after the server acted on it: the next run ends with one submission."""
    from local_eval.codabench import connection

    real = connection.send

    def killed(session, method, address, what, **options):
        hit = f"{method} {address.removeprefix(contest.server.address)}".startswith(where)
        if hit and before:
            raise KeyboardInterrupt
        response = real(session, method, address, what, **options)
        if hit:
            raise KeyboardInterrupt
        return response

    monkeypatch.setattr(connection, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        contest.submit()
    monkeypatch.setattr(connection, "send", real)
    assert "submission 700 Finished" in contest.submit()
    assert len(contest.state.submissions) == 1


def test_a_crash_between_the_ledger_and_the_receipt_adds_no_second_line(contest, monkeypatch):
    from local_eval.codabench.receipt import Receipt

    real = Receipt.note
    monkeypatch.setattr(
        Receipt, "note", lambda self, **changes: real(self, **changes) if "missing" not in changes else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        contest.submit()
    monkeypatch.undo()
    contest.submit(server=contest.server.address)
    assert len(contest.lines()) == 1


# What the user has to mend: told at once, not tried again.
REFUSED = [
    ("GET /api/can_make", answer(401, {"detail": "Invalid token."}), r"does not accept the token \(401: Invalid"),
    ("GET /api/can_make", answer(403, {"detail": "Invalid token."}), r"does not accept the token \(403"),
    ("GET /api/can_make", answer(403, {"detail": f"Bad Token {TOKEN}"}), r"token \(403: Bad Token \[token\]\)"),
    ("GET /api/can_make", answer(404, {"detail": "Not found."}), r"does not know it \(Not found\). Check --phase"),
    ("GET /api/can_make", answer(404, "<html><style>a{}</style><h1>Not  Found</h1></html>"), r"\(Not Found\)"),
    ("GET /api/can_make", answer(301, {}, Location="https://example.org/x?y"), "redirects to https://example.org:"),
    ("GET /api/can_make", answer(200, [1]), "expected an object with can .bool.. Received: list"),
    ("GET /api/can_make", answer(200, {"ok": 1}), "expected an object with can .bool.. Received: an object with ok"),
    ("POST /api/datasets/", answer(201, {"key": 3, "sassy_url": "x"}), "expected an object with key .str."),
    ("POST /api/datasets/", answer(201, {"key": "k"}), "with sassy_url .str.. Received: an object with key"),
    ("POST /api/datasets/", answer(413, "too large"), "too large for this server"),
    ("PUT /storage/", answer(405, "<Code>MethodNotAllowed</Code>"), r"the storage refused \(405 MethodNotAllowed\)"),
    ("POST /api/submissions/", answer(403, {"detail": "You do not have access to this competition"}),
     r"not allowed \(You do not have access to this competition.*Join the competition"),
    ("POST /api/submissions/", answer(400, {"non_field_errors": ["This phase is not active."]}),
     r"refused \(400: This phase is not active\)"),
    ("POST /api/submissions/", answer(400, {"data_file": ["The uploaded file is not a valid ZIP archive."]}),
     r"refused \(400: The uploaded file is not a valid ZIP"),
    ("POST /api/submissions/", answer(400, {"phase": ["Invalid pk"]}), r"refused \(400: phase: Invalid pk\)"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "fault", "message"), REFUSED, ids=[message[:40] for *_, message in REFUSED])
def test_what_the_user_has_to_mend(contest, where, fault, message):
    contest.state.faults = [(where, fault)]
    contest.refused(message)
    assert contest.state.submissions == [] and contest.clock.waits == []
    assert contest.receipt()["state"] in ("uploading", "created")
    assert "submission 700 Finished" in contest.submit()  # nothing was lost


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


def test_expired_addresses_end(contest):
    contest.state.faults = [("PUT /storage/", answer(403, "<Code>SignatureDoesNotMatch</Code>"))] * 3
    contest.refused(r"does not take the server's signed address \(403 SignatureDoesNotMatch\)")
    assert contest.state.count("POST /api/datasets/") == 3


def test_a_list_that_cannot_be_read_stops_before_a_second_submission(contest):
    contest.state.faults = [
        ("POST /api/submissions/", faults.response_lost),
        ("GET /api/submissions/?", answer(200, [{"id": 700}])),
    ]
    contest.refused("the submissions of phase 41: expected an object with filename .str.")
    assert contest.receipt()["state"] == "submitting"
    assert "submission 700 Finished" in contest.submit() and len(contest.state.submissions) == 1


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
    with pytest.raises(KitError, match="latest.json is missing: run `python -m submission.package` first"):
        main(["--phase", "1", "--artifacts", str(tmp_path)])


def test_json_that_python_alone_takes_is_no_json(contest):
    contest.state.faults = [("GET /api/submissions/700/", answer(200, '{"id": 700, "status": "Finished", "x": NaN}'))]
    assert "Finished" in contest.submit()
    assert json.loads((contest.artifacts / "submitted/700/submission.json").read_text())["id"] == 700
