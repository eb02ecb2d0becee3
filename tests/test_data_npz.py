"""`python -m training.data --data FILE.npz`: every good form comes through unchanged, every bad one is named."""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.image_set import image_id, open_image_set
from training.data.__main__ import main
from training.data.an2dl import CLASS_NAMES
from training.data.npz import open_npz


def _images(shape=(6, 9, 11, 3), dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


_LABELS = np.array([0, 1, 2, 2, 1, 0])


def _write(folder, **arrays):
    path = folder / "set.npz"
    np.savez(path, **{"images": _images(), "labels": _LABELS, **arrays})
    return path


def _run(folder, path, *more):
    return main(["--data", str(path), "--artifacts", str(folder / "A"), *more])


def test_contents_names_and_meta(tmp_path, capsys):
    path = _write(tmp_path)
    assert _run(tmp_path, path) == 0
    data = open_image_set(tmp_path / "A/data", "")
    np.testing.assert_array_equal(data.images, _images())
    np.testing.assert_array_equal(data.labels, _LABELS)
    assert data.labels.dtype == np.int64
    assert data.ids.tolist() == [image_id(image) for image in _images()]
    assert data.meta == {
        "class_names": ["class 0", "class 1", "class 2"],
        "counts": [2, 2, 2],
        "source": "set.npz",
        "source_sha256": sha256_file(path),
        "source_size": path.stat().st_size,
    }
    assert (tmp_path / "A/data/sheet.png").read_bytes()[:4] == b"\x89PNG"
    assert not (tmp_path / "A/data/truth.csv").exists()
    assert capsys.readouterr().out.count("\n") == 1


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 12),
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    tail=st.sampled_from([(), (1,), (3,)]),
    label_dtype=st.sampled_from(["u1", "i1", "<u2", ">i4", "<i8", "<u8"]),
    column=st.booleans(),
    compressed=st.booleans(),
)
def test_every_good_form_comes_through(tmp_path_factory, n, height, width, tail, label_dtype, column, compressed):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    images, labels = _images((n, height, width, *tail)), (np.arange(n) % 2).astype(label_dtype)
    save = np.savez_compressed if compressed else np.savez
    save(path, images=images, labels=labels[:, None] if column else labels)
    contest = open_npz(path)
    batches = list(contest.batches())
    channels = tail[0] if tail else 1
    assert contest.image_shape == (height, width, channels)
    np.testing.assert_array_equal(
        np.concatenate([batch for batch, _ in batches]), images.reshape(n, height, width, channels)
    )
    np.testing.assert_array_equal(np.concatenate([given for _, given in batches]), np.arange(n) % 2)


def test_more_than_one_batch(tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.npz._BATCH_BYTES", 9 * 11 * 3 * 4)
    batches = list(open_npz(_write(tmp_path)).batches())
    assert [len(images) for images, _ in batches] == [4, 2]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), _images())
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), _LABELS)


def test_memory_is_that_of_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.npz._BATCH_BYTES", 1 << 20)
    images = np.zeros((600, 128, 128, 3), np.uint8)  # 29 MB
    path = _write(tmp_path, images=images, labels=np.arange(600) % 2)
    contest = open_npz(path)
    tracemalloc.start()
    assert sum(len(batch) for batch, _ in contest.batches()) == 600
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_names(tmp_path):
    assert open_npz(_write(tmp_path, class_names=np.array(["a", "b", "ç"]))).class_names == ["a", "b", "ç"]
    assert open_npz(_write(tmp_path, class_names=np.array([b"a", b"b", b"c"]))).class_names == ["a", "b", "c"]
    named = open_npz(_write(tmp_path, class_names=np.array(["a", "b", "c"])), ["x", "y", "z"])
    assert named.class_names == ["x", "y", "z"]
    other = _write(tmp_path, images=_images((8, 96, 96, 3)), labels=np.arange(8))
    assert open_npz(other).class_names[7] == "class 7"  # eight classes at 96 pixels are not yet that contest
    grey = _write(tmp_path, images=_images((8, 96, 96)), labels=np.arange(8))
    assert open_npz(grey).class_names[7] == "class 7"


def test_names_of_the_one_contest_that_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.an2dl.COUNTS", (1, 2, 1, 1, 1, 1, 1, 1))
    path = _write(tmp_path, images=_images((9, 96, 96, 3)), labels=np.array([7, 6, 5, 4, 3, 2, 1, 1, 0])[:, None])
    assert open_npz(path).class_names == list(CLASS_NAMES)  # known by its counts
    assert CLASS_NAMES[3] == "Immature granulocytes"
    part = _write(tmp_path, images=_images((8, 96, 96, 3)), labels=np.arange(8))
    assert open_npz(part).class_names[0] == "class 0"
    assert main(["--set", f"an2dl-npz={part}", "--artifacts", str(tmp_path / "A")]) == 0
    assert open_image_set(tmp_path / "A/data", "").class_names == list(CLASS_NAMES)


def test_class_names_option(tmp_path):
    _run(tmp_path, _write(tmp_path), "--class-names", "red, green,blue")
    assert open_image_set(tmp_path / "A/data", "").class_names == ["red", "green", "blue"]


_BAD_ARRAYS = [
    ({"images": _images(dtype=np.float32)}, r"expected uint8.*dtype=float32.*\* 255"),
    ({"images": _images(dtype=np.int64)}, r"expected uint8.*dtype=int64.*astype\(np.uint8\)"),
    ({"images": _images() > 99}, r"dtype=bool.*\* 255"),
    ({"images": _images((6, 3, 9, 9))}, r"shape=\(6, 3, 9, 9\).*transpose\(0, 2, 3, 1\)"),
    ({"images": _images((6, 9, 9, 4))}, r"shape=\(6, 9, 9, 4\).*\[\.\.\., :3\]"),
    ({"images": _images((6, 9, 9, 2))}, r"Received: shape=\(6, 9, 9, 2\)"),
    ({"images": _images((6, 7, 9, 3))}, r"at least 8. Received: shape=\(6, 7, 9, 3\)"),
    ({"images": _images((6, 243))}, r"Received: shape=\(6, 243\)"),
    ({"images": np.uint8(3)}, r"Received: shape=\(\)"),
    ({"images": _images((0, 9, 9, 3)), "labels": _LABELS[:0]}, r"at least one image. Received: shape=\(0, 9, 9, 3\)"),
    ({"images": np.asfortranarray(_images())}, "Fortran order.*ascontiguousarray"),
    ({"images": np.array([None, 1], dtype=object)}, "never loaded.*np.stack"),
    ({"labels": np.array([0, 1, None, 1, 2, 0], dtype=object)}, "`labels`.*dtype=object"),
    ({"labels": _LABELS.astype(float)}, r"dtype=float64. Convert them: labels.astype"),
    ({"labels": np.array([0, 1, np.nan, 2, np.inf, 0])}, r"nan, inf at rows \[2, 4\], 2 that are no whole number"),
    ({"labels": np.array([0, 1, 0.5, 2, 1, 0])}, r"0.5 at rows \[2\]"),
    ({"labels": np.array(list("abccba"))}, "np.unique"),
    ({"labels": _LABELS > 0}, "expected integers. Received: dtype=bool"),
    ({"labels": np.eye(3, dtype=int)[_LABELS]}, r"shape=\(6, 3\). Is it one-hot\? Then labels.argmax\(1\)"),
    ({"labels": _LABELS.reshape(6, 1, 1)}, r"shape=\(6, 1, 1\).*reshape\(-1\)"),
    ({"labels": np.int64(3)}, r"shape=\(\)"),
    ({"labels": _LABELS[:5]}, "each of the 6 images. Received: 5"),
    ({"labels": np.array([0, -1, 2, 2, 1, -7])}, r"Received: \[-1, -7\] at rows \[1, 5\], 2 such"),
    ({"labels": np.array([0, 1, 4, 4, 1, 0])}, r"each class 0 to 4. Received: none of class 2, 3\. .*return_inverse"),
    ({"labels": np.array([0, 1, 0, 0, 1, 2**63], np.uint64)}, r"none of class 2, 3, 4, 5, 6, \.\.\."),
    ({"labels": np.zeros(6, int)}, "two classes or more. Received: only label 0"),
    ({"class_names": np.array(["a", "b"])}, r"0 to 1 \(2 class names\). Received: \[2, 2\] at rows \[2, 3\]"),
    ({"class_names": np.array(list("abcd"))}, "none of class 3"),
    ({"class_names": np.array(["a", "b", "a"])}, r"different names.*Received: \['a', 'b', 'a'\]"),
    ({"class_names": np.arange(3)}, r"`class_names` to be strings \(K,\). Received: int64 \(3,\)"),
]


@pytest.mark.parametrize(("arrays", "message"), _BAD_ARRAYS)
def test_bad_arrays(tmp_path, arrays, message):
    with pytest.raises(KitError, match=message):
        _run(tmp_path, _write(tmp_path, **arrays))
    assert not (tmp_path / "A").exists()


def _missing(folder):
    return folder / "nowhere.npz"


def _folder(folder):
    return folder


def _npy(folder):
    np.save(folder / "x.npy", _images())
    return folder / "x.npy"


def _text(folder):
    (folder / "x.npz").write_text("version https://git-lfs")
    return folder / "x.npz"


def _empty(folder):
    (folder / "x.npz").write_bytes(b"")
    return folder / "x.npz"


def _other_keys(folder):
    np.savez(folder / "x.npz", X=_images(), labels=_LABELS)
    return folder / "x.npz"


def _cut_off(folder):
    path = _write(folder)
    path.write_bytes(path.read_bytes()[:900])
    return path


def _bad_checksum(folder):
    path = _write(folder)
    data = bytearray(path.read_bytes())
    data[data.index(_images().tobytes()[:50]) + 10] ^= 255
    path.write_bytes(data)
    return path


def _bad_deflate(folder):
    path = folder / "x.npz"
    np.savez_compressed(path, images=_images((6, 40, 40, 3)), labels=_LABELS)
    data = bytearray(path.read_bytes())
    data[5000:5400] = bytes(400)
    path.write_bytes(data)
    return path


def _header_lies(folder):
    """As many bytes as it says in the zip, fewer than the array's header says."""
    path = _write(folder)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["images.npy"] = members["images.npy"][:-100]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _no_array(folder):
    with zipfile.ZipFile(folder / "x.npz", "w") as archive:
        archive.writestr("images.npy", "not an array")
        archive.writestr("labels.npy", "not an array")
    return folder / "x.npz"


_BAD_FILES = [
    (_missing, "which does not exist.*--data synthetic"),
    (_folder, "a folder"),
    (_npy, r"a single array \(npy\).*np.savez"),
    (_text, "is not one"),
    (_empty, "is not one"),
    (_other_keys, r"Received: \['X', 'labels'\], without \['images'\]"),
    (_cut_off, "damaged, cut off"),
    (_bad_checksum, "Bad CRC-32.*download it again"),
    (_bad_deflate, "damaged, cut off"),
    (_header_lies, "images ends after image 5"),
    (_no_array, "damaged"),
]


@pytest.mark.parametrize(("make", "message"), _BAD_FILES)
def test_bad_files_leave_nothing_behind(tmp_path, make, message):
    with pytest.raises(KitError, match=message):
        _run(tmp_path, make(tmp_path))
    assert not (tmp_path / "A/data").exists()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), compressed=st.booleans())
def test_one_wrong_byte_is_an_error_or_harmless(tmp_path_factory, place, flip, compressed):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    images = _images((4, 8, 8, 3))
    save = np.savez_compressed if compressed else np.savez
    save(path, images=images, labels=np.array([0, 1, 0, 1]))
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    try:
        contest = open_npz(path)
        batches = list(contest.batches())
    except KitError:
        return
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), images)
    assert contest.labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("names", ["a", "a,b,", "a,b,a"])
def test_bad_class_names_option(tmp_path, names):
    with pytest.raises(KitError, match="--class-names: expected two or more different names"):
        _run(tmp_path, _write(tmp_path), "--class-names", names)


def test_a_second_call_changes_nothing(tmp_path, capsys):
    path = _write(tmp_path)
    _run(tmp_path, path)
    before = (tmp_path / "A/data/meta.json").stat().st_mtime_ns
    capsys.readouterr()
    assert _run(tmp_path, path) == 0
    assert "up to date" in capsys.readouterr().out
    assert (tmp_path / "A/data/meta.json").stat().st_mtime_ns == before


def test_an_incomplete_folder_is_made_again(tmp_path):
    path = _write(tmp_path)
    _run(tmp_path, path)
    (tmp_path / "A/data/sheet.png").unlink()
    _run(tmp_path, path)
    assert (tmp_path / "A/data/sheet.png").exists()


def test_other_data_are_not_written_over(tmp_path):
    path = _write(tmp_path)
    _run(tmp_path, path)
    meta = (tmp_path / "A/data/meta.json").read_text()
    _write(tmp_path, labels=_LABELS[::-1].copy()[[1, 0, 2, 3, 4, 5]])
    with pytest.raises(KitError, match=r"source_sha256 .*ARTIFACTS=OTHER"):
        _run(tmp_path, path)
    with pytest.raises(KitError, match=r"source 'set.npz' instead of 'synthetic'"):
        main(["--artifacts", str(tmp_path / "A"), "--images", "80", "--size", "24"])
    assert (tmp_path / "A/data/meta.json").read_text() == meta


def test_a_strange_data_folder_is_not_written_over(tmp_path):
    (tmp_path / "A/data").mkdir(parents=True)
    (tmp_path / "A/data/thesis.txt").write_text("mine")
    with pytest.raises(KitError, match=r"something else.*delete"):
        _run(tmp_path, _write(tmp_path))
    (tmp_path / "A/data/meta.json").write_text(json.dumps({"class_names": []}))
    with pytest.raises(KitError, match=r"to be complete. Received.*images.npy is missing"):
        _run(tmp_path, _write(tmp_path))
    assert (tmp_path / "A/data/thesis.txt").read_text() == "mine"


def test_artifacts_is_a_file(tmp_path):
    (tmp_path / "A").write_text("")
    with pytest.raises(KitError, match="--artifacts to be a folder"):
        _run(tmp_path, _write(tmp_path))
