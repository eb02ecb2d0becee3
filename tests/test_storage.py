"""Runs that travel through a storage: whole or not at all, the furthest first, whoever writes last."""

import errno
import json
import threading
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="needs requirements-ray.txt")

from submission.kit.errors import KitError
from training.loop import CHECKPOINT
from training.sweeping.run_archive import pack, unpack
from training.sweeping.storage import Storage, new_attempt


@pytest.fixture(params=["path", "file://", "memory://"])
def storage(request, tmp_path):
    urls = {
        "path": str(tmp_path / "s"),
        "file://": f"file://{tmp_path / 's'}",
        "memory://": f"memory://{tmp_path.name}",
    }
    made = Storage(urls[request.param])
    made.check()
    return made


def make_run(folder: Path, epochs: int, state: str = "new") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "history.jsonl").write_text("".join(json.dumps({"epoch": n + 1}) + "\n" for n in range(epochs)))
    (folder / CHECKPOINT).write_bytes(bytes(100 * epochs))
    (folder / "state.txt").write_text(state + "\n")
    (folder / "run.lock").write_text("process 1 on a")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_comes_back_as_it_was_without_its_lock(tmp_path, storage):
    folder = make_run(tmp_path / "a" / "r", 3)
    archive = storage.put_run(folder, new_attempt(), done=False, epochs=3)
    assert storage.latest_of("r") == archive and storage.latest() == {"r": archive}
    storage.fetch_run(tmp_path / "b" / "r", archive)
    assert files(tmp_path / "b" / "r") == {name: data for name, data in files(folder).items() if name != "run.lock"}
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["r"]


def test_the_furthest_run_wins_and_lower_ones_are_removed(tmp_path, storage):
    old, new = new_attempt(), new_attempt()
    assert old < new
    storage.put_run(make_run(tmp_path / "r", 9), new, done=False, epochs=9)
    # one that was believed dead still writes
    late = storage.put_run(make_run(tmp_path / "r", 2), old, done=False, epochs=2)
    assert late.startswith("000002-") and storage.latest_of("r").startswith("000009-")
    done = storage.put_run(make_run(tmp_path / "r", 10, "trained"), new, done=True, epochs=10)
    assert storage.latest_of("r") == done
    assert storage._archives("r") == [done]
    storage.put_run(make_run(tmp_path / "r", 3), old, done=False, epochs=3)
    assert storage.latest_of("r") == done
    assert storage.latest_of("none") == ""


def test_who_is_at_work_is_told(storage):
    assert storage.alive("r") == {}
    storage.beat("r", "one", 1, [{"epoch": 1}])
    assert storage.alive("r") == {"attempt": "one", "beat": 1, "history": [{"epoch": 1}]}
    storage.leave("r", "two")
    assert storage.alive("r")["attempt"] == "one"
    storage.leave("r", "one")
    assert storage.alive("r") == {} and storage.latest() == {}


def test_inputs_travel_once_and_without_what_judges(tmp_path, storage):
    for name in (
        "data/images.npy",
        "split/folds.csv",
        "suites/an2dl/select/images.npy",
        "suites/an2dl/judge/images.npy",
    ):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_text(name)
    inputs = storage.put_inputs(tmp_path / "a")
    assert [one.path for one in inputs] == ["data/images.npy", "split/folds.csv", "suites/an2dl/select/images.npy"]
    storage.fetch_inputs(inputs, tmp_path / "b")
    assert [(tmp_path / "b" / one.path).read_text() for one in inputs] == [one.path for one in inputs]
    assert not (tmp_path / "b" / "suites" / "an2dl" / "judge").exists()
    assert storage.put_inputs(tmp_path / "a") == inputs
    (tmp_path / "b" / "split" / "folds.csv").unlink()
    storage.fs.pipe_file(storage._at(f"inputs/{inputs[1].sha256}"), b"other words!!!!")
    with pytest.raises(KitError, match=r"inputs/\w+ is damaged. Remove it there"):
        storage.fetch_inputs(inputs, tmp_path / "b")
    assert not (tmp_path / "b" / "split" / "folds.csv").exists()


def test_files_of_one_checkpoint_go_together(tmp_path):
    """Weights that are older than the checkpoint beside them would be a run that never was."""
    folder, stop = make_run(tmp_path / "r", 1), threading.Event()

    def train():
        number = 0
        while not stop.wait(0.002):
            number += 1
            for name in ("best.weights.h5", CHECKPOINT):  # as a training writes them
                (tmp_path / "new").write_text(str(number))
                (tmp_path / "new").replace(folder / name)

    (folder / "best.weights.h5").write_text("0")
    (folder / CHECKPOINT).write_text("0")
    thread = threading.Thread(target=train)
    thread.start()
    try:
        for turn in range(20):
            with pack(folder) as archive:
                unpack(archive, tmp_path / str(turn))
            weights, checkpoint = (int((tmp_path / str(turn) / n).read_text()) for n in ("best.weights.h5", CHECKPOINT))
            assert checkpoint <= weights <= checkpoint + 1
    finally:
        stop.set()
        thread.join()


def test_a_damaged_archive_is_told(tmp_path):
    (tmp_path / "r.tar").write_bytes(b"no archive" * 200)
    with pytest.raises(KitError, match="r.tar is no archive of a run"):
        unpack(tmp_path / "r.tar", tmp_path / "r")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s4://bucket/x", r"--storage takes a path or a URL such as s3://bucket/folder.* Received: 's4://bucket/x'"),
        ("gs://bucket/x", r"storage gs://bucket/x cannot be opened: .* Run `pip install gcsfs` here and on the nodes"),
        ("/proc/none/x", r"storage /proc/none/x: cannot write and read \((FileNotFound|Permission)Error: .*Mend"),
    ],
)
def test_bad_storages(monkeypatch, url, message):
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(KitError, match=message):
        Storage(url).check()


def test_a_full_storage_keeps_what_was_there(tmp_path, monkeypatch):
    storage = Storage(str(tmp_path / "s"))
    first = storage.put_run(make_run(tmp_path / "r", 1), new_attempt(), done=False, epochs=1)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.fs, "put_file", full)
    with pytest.raises(
        KitError, match=r"cannot write runs/r/000002-.* \(OSError: .*No space left.*it goes on from here"
    ):
        storage.put_run(make_run(tmp_path / "r", 2), new_attempt(), done=False, epochs=2)
    assert storage.latest() == {"r": first} and [p.name for p in (tmp_path / "s/runs/r").iterdir()] == [first]
