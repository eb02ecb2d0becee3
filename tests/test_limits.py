"""Limits: what is refused, how a breach is told, and that nothing outlives its step."""

import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_eval.bounded_log import BoundedLog
from local_eval.child import ChildResult, Program, run_programs
from local_eval.limits import Breach, Limits
from submission.kit.errors import KitError


def run_python(tmp_path: Path, code: str, limits: Limits) -> ChildResult:
    [result] = run_programs([program(tmp_path, [sys.executable, "-c", code])], limits, [tmp_path])
    return result


def program(tmp_path: Path, command: list[str]) -> Program:
    return Program(command, tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "out", tmp_path / "err")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit_s": 0}, "limit_s must be above 0"),
        ({"limit_s": float("nan")}, "limit_s must be above 0"),
        ({"limit_mb": -1}, "limit_mb must be above 0"),
        ({"log_bytes": 10}, "log_bytes must be at least 1024"),
        ({"max_processes": 0}, "max_processes must be at least 1"),
    ],
)
def test_senseless_limits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Limits(**arguments)


def test_breach_says_which_limit_and_by_how_much():
    assert str(Breach("memory", 100, 130.26)) == (
        "hit the memory limit: allowed 100.0 MiB, used 130.3 MiB (30.3 MiB over) when stopped"
    )
    assert str(Breach("processes", 512, 700)) == (
        "hit the limit of processes: allowed 512 at a time, 700 were running (188 over) when stopped"
    )
    assert "allowed 6000.0 s, still running when stopped at 6000.1 s" in str(Breach("time", 6000, 6000.1))


@pytest.mark.parametrize(
    ("code", "expected"), [("", 0), ("import sys; sys.exit(3)", 3), ("import os; os.abort()", 134)]
)
def test_exit_codes_come_back(tmp_path, code, expected):
    result = run_python(tmp_path, code, Limits(10))
    assert (result.exit_code, result.breach) == (expected, None)


def test_a_program_that_cannot_start_has_exit_code_127(tmp_path):
    [result] = run_programs([program(tmp_path, ["/no/such/program"])], Limits(10))
    assert result.exit_code == 127
    assert "cannot start '/no/such/program'" in (tmp_path / "err").read_text()


def test_time_limit(tmp_path):
    started = time.monotonic()
    result = run_python(tmp_path, "import time; print('begun', flush=True); time.sleep(60)", Limits(0.5))
    assert result.breach is not None and result.breach.kind == "time"
    assert 0.5 <= result.breach.reached < 2
    assert time.monotonic() - started < 5
    assert (tmp_path / "out").read_text() == "begun\n"


def test_memory_limit_counts_the_children(tmp_path):
    hog = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(200 << 20); input()'])"
    code = hog.replace("input()", "import time; time.sleep(30)")
    result = run_python(tmp_path, code, Limits(20, limit_mb=150))
    assert result.breach is not None and result.breach.kind == "memory"
    assert result.breach.allowed == 150 < result.breach.reached
    assert result.peak_mb == result.breach.reached


# a few thousand processes, each of which ends by itself: harmless where the limit fails
BOMB = """
import mmap, os, struct, time
root, end, count = os.getpid(), time.monotonic() + 20, mmap.mmap(-1, 8)
while time.monotonic() < end:
    made = struct.unpack('q', count[:8])[0]
    if made < 2000:
        count[:8] = struct.pack('q', made + 1)
        if {leave}:
            os._exit(0)
    else:
        time.sleep(0.1)
"""


@pytest.mark.parametrize(
    "leave", ["os.fork() and False", "os.fork() and os.fork() and os.getpid() != root"], ids=["tree", "orphans"]
)
def test_a_fork_bomb_is_stopped(tmp_path, leave):
    started = time.monotonic()
    result = run_python(tmp_path, BOMB.format(leave=leave), Limits(15, max_processes=100))
    assert result.breach is not None and result.breach.kind == "processes"
    assert result.breach.allowed == 100 < result.breach.reached
    assert time.monotonic() - started < 12
    assert not [one for one in psutil.process_iter(["cmdline"]) if "made < 2000" in str(one.info["cmdline"])]


def test_threads_are_no_processes(tmp_path):
    code = "import threading, time\nfor _ in range(60): threading.Thread(target=time.sleep, args=(1,)).start()"
    assert run_python(tmp_path, code, Limits(20, max_processes=1)).breach is None


MANY = """
for n in range(400):
    with open('sub/%d' % n, 'wb') as file:
        file.write(bytes({size}))
import time; time.sleep(30)
"""


@pytest.mark.parametrize(
    ("size", "disk_bytes"), [(100_000, 10_000_000), (0, 1_000_000)], ids=["small files", "empty files"]
)
def test_many_small_files_fill_the_disk_too(tmp_path, size, disk_bytes):
    (tmp_path / "sub").mkdir()
    (tmp_path / "before").write_bytes(bytes(20_000_000))
    result = run_python(tmp_path, MANY.format(size=size), Limits(20, disk_bytes=disk_bytes))
    assert result.breach is not None and result.breach.kind == "disk" and result.seconds < 10
    assert result.breach.allowed == disk_bytes / (1 << 20) < result.breach.reached < 45


def test_a_file_without_a_name_fills_the_disk_too(tmp_path):
    code = (
        "import tempfile, time\nfile = tempfile.TemporaryFile(dir='.')\nfile.write(bytes(60 << 20))\nfile.flush()\n"
        "time.sleep(30)"
    )
    spare = shutil.disk_usage(tmp_path).free - (30 << 20)
    result = run_python(tmp_path, code, Limits(20, spare_bytes=spare))
    assert result.breach is not None and result.breach.kind == "disk" and result.breach.reached > 30


def test_a_disk_that_is_nearly_full_at_first_is_said(tmp_path):
    spare = 2 * shutil.disk_usage(tmp_path).free
    with pytest.raises(KitError, match=r"nearly full: a step must leave \d+ MiB free\. Received: \d+ MiB"):
        run_python(tmp_path, "open('made', 'w')", Limits(20, spare_bytes=spare))
    assert not (tmp_path / "made").exists()


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {close}
        open('pid', 'w').write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
while not os.path.exists('pid') or not open('pid').read():
    time.sleep(0.01)
{then}
"""


@pytest.mark.parametrize("close", ["pass", "os.close(1); os.close(2)"])
@pytest.mark.parametrize("then", ["", "time.sleep(60)"], ids=["program ends", "time-out"])
def test_daemons_end_with_their_program(tmp_path, close, then):
    run_python(tmp_path, DAEMON.format(close=close, then=then), Limits(1))
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_logs_are_bounded_and_keep_both_ends(tmp_path):
    code = "print('first'); print('x' * 3_000_000); print('last')"
    run_python(tmp_path, code, Limits(10, log_bytes=4096))
    log = (tmp_path / "out").read_text()
    assert len(log) < 4200
    assert log.startswith("first\n") and log.endswith("x\nlast\n")
    assert f"[... {3_000_000 + 12 - 4096} bytes left out ...]" in log


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.binary(max_size=900), max_size=8), limit=st.integers(2, 600).map(lambda half: 2 * half))
def test_bounded_log_is_the_text_or_its_two_ends(tmp_path_factory, pieces, limit):
    path = tmp_path_factory.mktemp("log") / "log"
    log, text = BoundedLog(path, limit), b"".join(pieces)
    with log:
        for piece in pieces:
            log._keep(piece)
    half = limit // 2
    if len(text) <= limit:
        assert path.read_bytes() == text
    else:
        dropped = b"\n[... %d bytes left out ...]\n" % (len(text) - limit)
        assert path.read_bytes() == text[:half] + dropped + text[-half:]
