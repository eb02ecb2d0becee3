"""The benchmark of recipes: its table, its limits of memory and time, bad input."""

import subprocess
import sys

import pytest

from benchmarks.bench_recipes import Timing, Watch, main, table
from submission.kit.errors import KitError

TIMING = Timing("small_cnn", 1_320_000, 5.3, 0.5, 64, 1.25)


def test_rates_follow_from_the_step():
    assert TIMING.images_per_core_s == 128
    assert TIMING.epoch_core_s == pytest.approx(78.125)


def test_the_table_tells_timings_and_reasons():
    lines = table({"small_cnn": TIMING, "eleventh": "more than 2 GiB"}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2] == "| `small_cnn` | small_cnn | own | 64 | 1.3 M | 5 MB | 0.50 s | 128.0 | 1.3 min | 1.2 GiB |"
    assert lines[3].startswith("| `eleventh` | efficientnet_v2_l | 512 | 8 | more than 2 GiB |")


@pytest.mark.parametrize(
    ("program", "limits", "reason"),
    [
        ("x = b'1' * (300 << 20); import time; time.sleep(60)", (0.1, 1.0), "more than 0.1 GiB"),
        ("import time; time.sleep(60)", (8.0, 0.005), "more than 0.005 minutes"),
        ("pass", (8.0, 1.0), ""),
    ],
)
def test_a_process_beyond_a_limit_is_stopped(program, limits, reason):
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        watch = Watch(child.pid, *limits)
        watch.start()
    watch.join(timeout=10)
    assert watch.reason == reason
    assert (child.returncode == 0) == (not reason)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--names", "small_cnn,nobody"], "unknown recipe. Received: 'nobody'"),
        (["--steps", "0"], "--steps must be at least 1. Received: 0"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(KitError, match=message):
        main(arguments)
