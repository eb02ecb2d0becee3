"""Isolation: what is chosen, what is told where it is missing, and what a container keeps in."""

import os
import socket
import sys
import uuid
from pathlib import Path

import pytest

from local_eval import isolation
from local_eval.child import ChildResult, Program, run_programs
from local_eval.container import Container
from local_eval.isolation import GUARANTEES, choose_isolation
from local_eval.limits import Limits
from local_eval.traceback_text import end_of_log
from submission.kit.errors import KitError

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")


def test_nothing_is_promised_where_it_is_switched_off():
    assert choose_isolation("none").as_json() == {
        "active": False,
        "reason": "switched off",
        "network": False,
        "missing": list(GUARANTEES),
    }


def test_a_machine_that_cannot_is_told_or_refused(monkeypatch):
    monkeypatch.setattr(isolation, "why_not", lambda: "darwin has no namespaces")
    assert choose_isolation().missing == list(GUARANTEES)
    assert choose_isolation().container(Path("/x"), {}, ()) is None
    with pytest.raises(KitError, match=r"can isolate a run .* Received: darwin has no namespaces\. Run as root"):
        choose_isolation("require")


def test_unknown_mode():
    with pytest.raises(KitError, match="one of auto, require, none. Received: isolation='maybe'"):
        choose_isolation("maybe")


def contained(tmp_path: Path, code: str, limits=None, **folders) -> tuple[ChildResult, str, str]:
    container = Container(tmp_path / "c", {name: (path, False) for name, path in folders.items()})
    env = {"PATH": os.defpath}
    program = Program([sys.executable, "-I", "-c", code], tmp_path, env, tmp_path / "out", tmp_path / "err", container)
    [result] = run_programs([program], limits or Limits(10), [tmp_path])
    return result, (tmp_path / "out").read_text(), (tmp_path / "err").read_text()


@ISOLATED
def test_a_server_of_this_machine_is_out_of_reach(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _, out, err = contained(tmp_path, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
    assert "ConnectionRefusedError" in err and out == ""


@ISOLATED
def test_the_loopback_works_inside(tmp_path):
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); print(1)"
    )
    assert contained(tmp_path, code)[1] == "1\n"


@ISOLATED
def test_files_of_this_machine_are_out_of_sight_and_reach(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("labels")
    written = Path("/tmp", f"written-{uuid.uuid4()}")
    code = (
        "import os, sys\n"
        f"print(os.path.exists({str(secret)!r}), os.path.exists({str(Path(__file__).parent)!r}))\n"
        "for path in ('/usr/x', '/etc/x', '/x', '/proc/sys/kernel/hostname', '/sys/x', sys.prefix + '/x'):\n"
        "    try: open(path, 'w').write('x'); print(path)\n"
        "    except OSError: pass\n"
        f"for path in ('{written}', os.path.expanduser('~root') + '/x', '/app/x', '/dev/shm/x'):\n"
        "    open(path, 'w').write('x')"
    )
    result, out, err = contained(tmp_path, code)
    assert (result.exit_code, out, err) == (0, "False False\n", "")
    assert not written.exists()


@ISOLATED
def test_shared_memory_is_64_mb(tmp_path):
    code = "for n in (60, 9): open(f'/dev/shm/{n}', 'wb').write(bytes(n << 20)); print(n, flush=True)"
    result, out, err = contained(tmp_path, code)
    assert (result.exit_code, out) == (1, "60\n") and "No space left on device" in err


@ISOLATED
@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("import ctypes; ctypes.string_at(0)", 139),
        ("import os; os.kill(1, 9); print('process 1 does not kill itself')", 0),
        ("import os\nif os.fork(): raise SystemExit(4)\nimport time; time.sleep(60)", 4),
    ],
)
def test_exit_codes(tmp_path, code, exit_code):
    result, _, _ = contained(tmp_path, code)
    assert (result.exit_code, result.breach) == (exit_code, None) and result.seconds < 8


@ISOLATED
def test_limits_hold_inside(tmp_path):
    result, _, _ = contained(tmp_path, "import time; time.sleep(60)", Limits(0.7))
    assert result.breach.kind == "time" and result.exit_code == 137 and result.seconds < 4
    (tmp_path / "again").mkdir()
    hog = "import os\nos.fork()\nx = bytearray(120 << 20)\nimport time; time.sleep(60)"
    result, _, _ = contained(tmp_path / "again", hog, Limits(20, limit_mb=150))
    assert result.breach.kind == "memory" and result.peak_mb > 150


@ISOLATED
def test_an_unprivileged_user_gets_the_same(tmp_path, monkeypatch):
    """In a user namespace, as on a machine where one is not root: root stands in for the user."""
    monkeypatch.setattr("local_eval.container.os.geteuid", lambda: 1000)
    code = "import os; print(os.getuid(), open('/proc/self/status').read()); open('/app/x', 'w'); open('/usr/x', 'w')"
    result, out, err = contained(tmp_path, code)
    assert (result.exit_code, out.split()[0]) == (1, "0"), err
    assert "CapEff:\t0000000000000000" in out and "Read-only file system: '/usr/x'" in err


LOG = """warning: x
Traceback (most recent call last):
  File "/app/program/ingestion.py", line 9, in <module>
    main()
  File "/app/ingested_program/model.py", line 3, in predict
    return net(x)
  File "/usr/lib/net.py", line 1, in net
    raise ValueError("bad")
ValueError: bad
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LOG, "\n".join(["Traceback (most recent call last):", *LOG.splitlines()[4:]])),
        (LOG.replace("/ingested_program/", "/program/"), LOG.replace("/ingested_program/", "/program/").rstrip()),
        ("", ""),
        ("\n".join(map(str, range(40))), "\n".join(map(str, range(25, 40)))),
        (LOG + "During handling\n" + LOG, "\n".join(["Traceback (most recent call last):", *LOG.splitlines()[4:]])),
    ],
)
def test_the_contestants_part_of_a_log(text, expected):
    assert end_of_log(text) == expected
