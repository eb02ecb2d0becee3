"""Files of the kit: whole or not there, whatever ends the writing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import atomic_path, read_json, sha256_file, write_json, write_text
from submission.kit.image_set import image_id, open_image_set, write_image_set
from submission.kit.probs_file import Probs, load_probs, save_probs
from submission.kit.seeds import derive_seed

ROOT = Path(__file__).parents[1]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_at_the_end_only(tmp_path):
    path = tmp_path / "deep" / "value.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as new:
        new.write_text("half")
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"
    assert left(path.parent) == ["value.txt"]


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (OSError("300000 requested and 11248 written"), True),  # numpy's, on a full disk
        (OSError(28, "No space left on device", "x"), True),
        (OSError("something else"), False),
        (OSError(2, "300000 requested and 11248 written"), False),
    ],
)
def test_a_full_disk_ends_a_command_without_a_traceback(error, ours, capsys):
    def main(argv):
        raise error

    with pytest.raises(SystemExit if ours else OSError) as caught:
        run_main(main)
    if ours:
        assert caught.value.code == 1
        assert capsys.readouterr().err.startswith(f"error: {error}. Nothing was half-written")


def test_a_folder_is_replaced_at_the_end_only(tmp_path):
    path = tmp_path / "folder"
    for text in ("old", "new"):
        with atomic_path(path) as new:
            new.mkdir()
            (new / "inside.txt").write_text(text)
    assert (path / "inside.txt").read_text() == "new"
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as new:
        new.mkdir()
        raise KeyboardInterrupt
    assert (path / "inside.txt").read_text() == "new"
    assert left(tmp_path) == ["folder"]


def test_an_interrupt_between_the_renames_brings_the_old_folder_back(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inside.txt").write_text("old")
    rename = Path.replace

    def interrupted(self, target):
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as new:
        new.mkdir()
    assert (path / "inside.txt").read_text() == "old"
    assert left(tmp_path) == ["folder"]


@pytest.mark.parametrize("ended", ["limit", "kill"])
def test_a_full_disk_or_a_kill_leaves_the_old_file(tmp_path, ended):
    """A child process writes a second image set over the first; it meets a limit on file sizes, or kill -9."""
    program = f"""
import os, resource, signal, sys
import numpy as np
from submission.kit.console import run_main
from submission.kit.image_set import write_image_set
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit is then an error, as on a full disk

def batches():
    yield np.ones((4, 8, 8, 3), np.uint8), np.zeros(4, int)
    if "{ended}" == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    yield np.ones((100_000, 8, 8, 3), np.uint8), np.zeros(100_000, int)

def main(argv):
    write_image_set(r"{tmp_path / "set"}", batches(), 100_004, (8, 8, 3), {{"class_names": ["a"]}})
    return 0

run_main(main)
"""
    first = np.zeros((2, 8, 8, 3), np.uint8)
    write_image_set(tmp_path / "set", [(first, np.zeros(2))], 2, (8, 8, 3), {"class_names": ["a"]})
    child = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    if ended == "limit":
        assert child.returncode == 1
        assert child.stderr.startswith("error: [Errno 27] File too large")
        assert left(tmp_path) == ["set"]
    else:
        assert child.returncode == -9
    again = open_image_set(tmp_path / "set", "make data")
    np.testing.assert_array_equal(again.images, first)
    write_image_set(tmp_path / "set", [(first, np.zeros(2))], 2, (8, 8, 3), {"class_names": ["a"]})
    assert left(tmp_path) == ["set"]  # the next write sweeps up what a killed one left


@pytest.fixture
def ended_pid() -> int:
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(child.stdout)


def moved_aside(tmp_path: Path, pid: int, machine: str) -> Path:
    """A folder as a process that was killed between two renames left it."""
    scratch = tmp_path / f".folder.{pid}-{machine}.abc"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "inside.txt").write_text("old")
    return scratch


def test_a_folder_that_a_killed_process_had_moved_aside_comes_back(tmp_path, ended_pid):
    with atomic_path(tmp_path / "folder") as new:
        machine = new.parent.name.split(".")[2].partition("-")[2]
        new.mkdir()
    shutil.rmtree(tmp_path / "folder")
    moved_aside(tmp_path, ended_pid, machine)
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "folder"):
        raise RuntimeError
    assert (tmp_path / "folder" / "inside.txt").read_text() == "old"
    assert left(tmp_path) == ["folder"]


def test_what_another_machine_is_writing_is_left_alone(tmp_path, ended_pid):
    """On a shared disk no process of another machine can be asked for."""
    scratch = moved_aside(tmp_path, ended_pid, "elsewhere_1")
    write_text(tmp_path / "folder", "new")
    assert (scratch / "old" / "inside.txt").read_text() == "old"


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        ("KitError('expected a zip')", 1, "error: expected a zip\n"),
        ("KeyboardInterrupt", 130, "interrupted: run the same command again to go on\n"),
        ("OSError(28, 'No space left on device', 'x.npy')", 1, "error: [Errno 28] No space left on device: 'x.npy'"),
    ],
)
def test_a_command_ends_with_its_code_and_no_traceback(capsys, raised, code, message):
    def main(argv):
        raise eval(raised)

    with pytest.raises(SystemExit) as end:
        run_main(main)
    assert end.value.code == code
    assert capsys.readouterr().err.startswith(message)


def test_a_bug_keeps_its_traceback():
    def main(argv):
        raise FileNotFoundError(2, "No such file", "x")

    with pytest.raises(FileNotFoundError):
        run_main(main)


def test_json_round_trip_and_its_errors(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json", "make x") == {"b": [1, 2.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert read_json(tmp_path / "a.json", "make x") == {"b": [1, 2.5, None]}
    with pytest.raises(KitError, match="c.json is missing: run `make x` first"):
        read_json(tmp_path / "c.json", "make x")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(KitError, match="is not valid JSON .* delete it and run `make x`"):
        read_json(tmp_path / "a.json", "make x")


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.integers(0, 2**62), st.text(), st.text())
def test_seeds_are_fixed_in_range_and_differ_by_name(seed, one, other):
    assert derive_seed(seed, one) == derive_seed(seed, one)
    assert 0 <= derive_seed(seed, one) < 2**31
    if one != other:
        assert derive_seed(seed, one) != derive_seed(seed, other)
    assert derive_seed(0, "a") != derive_seed(1, "a")


def test_image_ids_follow_pixels_and_shape():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert image_id(image) == image_id(np.asfortranarray(image))
    assert image_id(image) != image_id(image.reshape(2, 8, 3))
    changed = image.copy()
    changed[0, 0, 0] ^= 1
    assert image_id(image) != image_id(changed)


def test_image_sets_come_back_and_stay_on_disk(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), np.uint8)
    batches = [(images[:3], [0, 1, 0]), (images[3:], [1, 1])]
    write_image_set(tmp_path / "set", batches, 5, (6, 7, 3), {"class_names": ["a", "b"]})
    back = open_image_set(tmp_path / "set", "make data")
    assert isinstance(back.images, np.memmap)
    np.testing.assert_array_equal(back.images, images)
    assert back.labels.tolist() == [0, 1, 0, 1, 1]
    assert back.ids.tolist() == [image_id(image) for image in images]
    assert (back.image_shape, back.num_classes, len(back)) == ((6, 7, 3), 2, 5)


def test_fewer_images_than_announced(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (1000, 8, 8, 1), np.uint8)
    names = {"class_names": ["a", "b"]}
    write_image_set(tmp_path / "set", [(images[:9], np.arange(9) % 2)], 1000, (8, 8, 1), names, at_most=True)
    back = open_image_set(tmp_path / "set", "make data")
    np.testing.assert_array_equal(back.images, images[:9])
    assert (len(back), len(back.labels)) == (9, 9)
    with pytest.raises(ValueError, match="Received: 0"):
        write_image_set(tmp_path / "other", [], 5, (8, 8, 1), names, at_most=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "labels.npy").unlink(), "labels.npy is missing: run `make data` first"),
        (lambda folder: np.save(folder / "labels.npy", np.zeros(3)), "Received: 2 images, 3 labels, 2 ids"),
        (lambda folder: os.truncate(folder / "images.npy", 200), "an array in .* is damaged"),
        (lambda folder: (folder / "meta.json").unlink(), "meta.json is missing"),
    ],
)
def test_damaged_image_sets(tmp_path, damage, message):
    images = np.zeros((2, 8, 8, 3), np.uint8)
    write_image_set(tmp_path / "set", [(images, [0, 0])], 2, (8, 8, 3), {"class_names": ["a"]})
    damage(tmp_path / "set")
    with pytest.raises(KitError, match=message):
        open_image_set(tmp_path / "set", "make data")


@pytest.mark.parametrize(
    ("batch", "count", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), 2, "expected uint8 images .* Received: float32"),
        (np.zeros((2, 8, 9, 3), np.uint8), 2, r"Received: uint8 \(8, 9, 3\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), 3, "expected 3 images in all. Received: 2"),
    ],
)
def test_image_sets_refuse_what_does_not_fit(tmp_path, batch, count, message):
    with pytest.raises(ValueError, match=message):
        write_image_set(tmp_path / "set", [(batch, [0, 0])], count, (8, 8, 3), {"class_names": ["a"]})
    assert left(tmp_path) == []


def test_probs_are_joined_by_id(tmp_path):
    probs = Probs(np.array(["x", "y"]), np.array([0, 1]), np.array([[[0.25, 0.75], [1.0, 0.0]]]), ["identity"])
    save_probs(tmp_path / "probs.npz", probs)
    back = load_probs(tmp_path / "probs.npz").at(np.array(["y", "x", "y"]))
    assert back.labels.tolist() == [1, 0, 1]
    assert back.probs_vnk[0, :, 0].tolist() == [1.0, 0.25, 1.0]
    with pytest.raises(KitError, match=r"none for 1, \['z'\] first"):
        probs.at(np.array(["x", "z"]))


@pytest.mark.parametrize(
    ("values", "message"),
    [([[[np.nan, 1.0]]], "expected finite probabilities"), ([[[0.9, 0.9]]], "whose rows sum to 1")],
)
def test_probs_that_are_none(tmp_path, values, message):
    save_probs(tmp_path / "p.npz", Probs(np.array(["x"]), np.array([0]), np.array(values), ["identity"]))
    with pytest.raises(KitError, match=message):
        load_probs(tmp_path / "p.npz")
    (tmp_path / "p.npz").write_bytes(b"PK nothing")
    with pytest.raises(KitError, match="p.npz cannot be read"):
        load_probs(tmp_path / "p.npz")
    with pytest.raises(KitError, match="q.npz is missing"):
        load_probs(tmp_path / "q.npz")
