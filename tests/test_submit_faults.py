"""Whatever breaks between us and Codabench: one submission, nothing lost, no token shown."""

from contextlib import suppress

import codabench_server as faults
import pytest
import submit_contest
from codabench_server import TOKEN, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submit_contest import make_contest

from submission.kit.errors import KitError

contest, no_secret_anywhere = submit_contest.contest, submit_contest.no_secret_anywhere


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
    with make_contest(tmp_path_factory.mktemp("any")) as contest:
        contest.state.faults = list(chosen)
        for _ in chosen:
            with suppress(KitError):
                contest.submit(wait_s=None)
        assert "submission 700 Finished" in contest.submit()
        assert len(contest.state.submissions) == 1 and len(contest.lines()) == 1
        used = contest.state.submissions[0]["data"]
        assert contest.state.uploads[used]["bytes"] == contest.zip.read_bytes()


def test_back_off_doubles_and_heeds_retry_after(contest, capsys):
    throttled = answer(429, {"detail": "Request was throttled."}, Retry_After="100")
    contest.state.faults = [("GET /api/can_make", answer(503))] * 3 + [("GET /api/can_make", throttled)]
    contest.submit(wait_s=None)
    assert contest.clock.waits == [1, 2, 4, 100]
    assert (
        capsys.readouterr().err.splitlines()[-1].endswith("too many requests (Request was throttled). Again in 100 s.")
    )


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
