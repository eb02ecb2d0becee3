"""Downloads against a real server: cut, redirected, wrong, missing, resumed, mirrored, cached, on a full disk."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from http_files import CONTENT, CUT, serve

from submission.kit.errors import KitError
from training.data.download.fetch import ATTEMPTS, RemoteFile, fetch
from training.data.download.resumed import Resumed

MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def running():
    with serve() as server:
        yield server


@pytest.fixture
def server(running):
    running.asked.clear()
    running.calls.clear()
    return running


def remote(server, path, known_hash=MD5):
    return RemoteFile("set.npz", server.url + path, known_hash)


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize(
    ("path", "ranges"),
    [
        ("good/a", [None]),
        ("good/a?download=1", [None]),
        ("redirect/a", [None, None]),
        ("busy/a", [None, None, None]),
        ("cut/a", [None, "bytes=131072-", "bytes=262144-"]),
        ("cut-without-ranges/a", [None, "bytes=131072-"]),
        ("cut-and-changed/a", [None, "bytes=131072-"]),
        ("wrong-once/a", [None, None]),
        ("wrong-range/a", [None, "bytes=131072-", None]),
    ],
)
def test_it_comes_whole(server, tmp_path, path, ranges):
    waits = []
    found = fetch(remote(server, path), tmp_path, sleep=waits.append)
    assert found == tmp_path / "set.npz"
    assert found.read_bytes() == CONTENT
    assert left(tmp_path) == ["set.npz"]
    assert [asked for _, asked in server.asked] == ranges
    assert len(waits) == len([name for name, _ in server.asked if not name.startswith("redirect")]) - 1


def test_the_server_says_how_long_to_wait(server, tmp_path):
    waits = []
    fetch(remote(server, "busy/a"), tmp_path, sleep=waits.append)
    assert waits == [2, 4]  # more than the second that it asks for


@pytest.mark.parametrize(
    ("path", "message", "calls"),
    [
        ("missing/a", r"missing/a: HTTP 404 Not Found\. Try again later.*`--mirror URL`, or download it by hand", 1),
        ("broken/a", "HTTP 500", ATTEMPTS + 1),
        ("wrong/a", f"wrong checksum, expected {MD5}", 2),
        ("circle/a", "TooManyRedirects", 31),
        ("cut-for-ever/a", "Connection", ATTEMPTS + 1),
    ],
)
def test_it_does_not_come(server, tmp_path, path, message, calls):
    with pytest.raises(KitError, match=message):
        fetch(remote(server, path), tmp_path, sleep=lambda s: None)
    assert abs(sum(server.calls.values()) - calls) <= 1  # the first attempt that is cut has brought bytes
    assert not (tmp_path / "set.npz").exists()


def test_no_server_at_all(tmp_path):
    with pytest.raises(KitError, match=r"127\.0\.0\.1:1/a: ConnectionError"):
        fetch(RemoteFile("set.npz", "http://127.0.0.1:1/a", MD5), tmp_path, sleep=lambda s: None)


def test_mirrors_come_first_and_the_published_address_last(server, tmp_path):
    mirrors = [server.url + "missing/a", server.url + "good/folder/"]
    fetch(remote(server, "broken/a"), tmp_path / "one", mirrors, sleep=lambda s: None)
    assert [name for name, _ in server.asked] == ["missing/a", "good/folder/set.npz"]
    server.asked.clear()
    fetch(remote(server, "good/a"), tmp_path / "two", [server.url + "wrong/a"], sleep=lambda s: None)
    assert [name for name, _ in server.asked] == ["wrong/a", "wrong/a", "good/a"]


def test_the_cache_answers_without_the_network(server, tmp_path):
    fetch(remote(server, "good/a"), tmp_path)
    assert fetch(RemoteFile("set.npz", "http://127.0.0.1:1/a", MD5), tmp_path, offline=True).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_damaged_cache_is_mended_but_not_offline(server, tmp_path):
    (tmp_path / "set.npz").write_bytes(b"damaged")
    with pytest.raises(KitError, match=r"one with a wrong checksum\. Leave it out, or download it by hand"):
        fetch(remote(server, "good/a"), tmp_path, offline=True)
    assert fetch(remote(server, "good/a"), tmp_path).read_bytes() == CONTENT
    with pytest.raises(KitError, match="--offline asks no server. Received: none"):
        fetch(remote(server, "good/a"), tmp_path / "other", offline=True)
    assert len(server.asked) == 1


def test_a_later_call_goes_on_where_an_interrupted_one_was(server, tmp_path):
    def broken_off(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(remote(server, "cut/a"), tmp_path, sleep=broken_off)
    assert (tmp_path / "set.npz.part").stat().st_size == CUT
    server.calls.clear()
    fetch(remote(server, "cut/a"), tmp_path, sleep=lambda s: None)
    assert server.asked[1] == ("cut/a", "bytes=131072-")


def test_a_part_of_another_address_is_not_taken(server, tmp_path):
    (tmp_path / "set.npz.part").write_bytes(b"x" * 500)
    (tmp_path / "set.npz.part.json").write_text(json.dumps({"url": "http://elsewhere/a", "mark": '"1"'}))
    fetch(remote(server, "good/a"), tmp_path)
    assert server.asked == [("good/a", None)]


def test_a_part_that_is_whole_already_is_taken(server, tmp_path):
    (tmp_path / "set.npz.part").write_bytes(CONTENT)
    (tmp_path / "set.npz.part.json").write_text(json.dumps({"url": server.url + "good/a", "mark": ""}))
    assert fetch(remote(server, "good/a"), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("good/a", f"bytes={len(CONTENT)}-")]


def test_without_checksum_and_mark_nothing_is_resumed(server, tmp_path):
    part = tmp_path / "p"
    part.write_bytes(b"x" * 500)
    part.with_name("p.json").write_text(json.dumps({"url": server.url + "good/a", "mark": ""}))
    Resumed(part, checked=False)(server.url + "good/a", tmp_path / "out", None)
    assert server.asked == [("good/a", None)]
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_file_without_a_published_checksum(server, tmp_path):
    assert fetch(remote(server, "cut/a", None), tmp_path, sleep=lambda s: None).read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, as on Linux")
def test_a_full_disk(server, tmp_path):
    (tmp_path / "set.npz.part").symlink_to("/dev/full")  # every write ends with ENOSPC, as on a full disk
    with pytest.raises(KitError, match=r"expected room for set.npz.*No space left on device.*--cache DIR"):
        fetch(remote(server, "good/a"), tmp_path)
    assert not (tmp_path / "set.npz").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_no_room_in_a_small_quota_is_told_and_what_came_is_kept(server, tmp_path):
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "from training.data.download.fetch import RemoteFile, fetch\n"
        "from submission.kit.console import run_main\n"
        "run_main(lambda argv: fetch(RemoteFile('set.npz', sys.argv[1], sys.argv[2]), sys.argv[3]) and 0)\n"
    )
    command = [sys.executable, "-c", script, server.url + "good/a", MD5, str(tmp_path)]
    root = Path(__file__).parents[1]
    child = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=60, check=False)
    assert child.returncode == 1
    assert "error: expected room for set.npz" in child.stderr and "Traceback" not in child.stderr
    assert 0 < (tmp_path / "set.npz.part").stat().st_size <= 150_000
    assert fetch(remote(server, "good/a"), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1][1] is not None  # resumed


def test_no_room_is_told_before_anything_comes(server, tmp_path, monkeypatch):
    class Usage:
        free = 1 << 20

    monkeypatch.setattr("training.data.download.resumed.shutil.disk_usage", lambda path: Usage)
    with pytest.raises(KitError, match=r"MB free for the download.*Received: 1 MB.*--cache DIR"):
        fetch(remote(server, "good/a"), tmp_path)
    assert not (tmp_path / "set.npz.part").exists()


def test_two_at_once_download_once(server, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: fetch(remote(server, "good/a"), tmp_path), range(3)))
    assert [path.read_bytes() == CONTENT for path in found] == [True] * 3
    assert len(server.asked) == 1


def test_the_cache_may_not_be_a_file(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KitError, match="--cache to be a folder"):
        fetch(remote(server, "good/a"), tmp_path / "file")
