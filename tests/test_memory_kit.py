"""What is told about memory, from files that are made up."""

import pytest

from submission.kit.errors import KitError
from submission.kit.memory import free_bytes


def test_free_memory_is_the_least_of_what_is_told(tmp_path):
    assert free_bytes({}, tmp_path, tmp_path) is None
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    (tmp_path / "self" / "status").write_text("VmPeak: 9 kB\nVmRSS:\t 1024 kB\n")
    assert free_bytes({}, tmp_path, tmp_path) == 4000 * 1024
    assert free_bytes({"KIT_LIMIT_MB": "3"}, tmp_path, tmp_path) == 2 << 20
    assert free_bytes({"KIT_LIMIT_MB": "0.5"}, tmp_path, tmp_path) == 0
    for name, text in (
        ("memory.max", "max"),
        ("memory.current", "5000"),
        ("memory.stat", "anon 1\ninactive_file 700\n"),
    ):
        (tmp_path / name).write_text(text)
    assert free_bytes({}, tmp_path, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("9000\n")
    assert free_bytes({}, tmp_path, tmp_path) == 4700
    with pytest.raises(KitError, match="KIT_LIMIT_MB to be MiB above 0. Received: 'much'"):
        free_bytes({"KIT_LIMIT_MB": "much"}, tmp_path, tmp_path)
