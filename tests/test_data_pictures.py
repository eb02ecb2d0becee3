"""Picture files of every kind to pixels: what is converted, what is skipped, and what is told of it."""

import csv
import io
import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_pictures import ODD, SIDE, picture, pixels, write_classes
from PIL import Image

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.data.__main__ import main
from training.data.pictures.contest import PictureContest
from training.data.pictures.decode import UnfitError, decode, look
from training.data.pictures.problems import KINDS, Problems, told
from training.data.resize import fitted, resized

SKIPPING = {kind for kind, (_, done) in KINDS.items() if done == "skipped"}


def load(folder, *more):
    return main(["--set", f"folder={folder}", "--artifacts", str(folder.parent / "A"), *more])


def problems(folder):
    with open(folder.parent / "A/data/problems.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def data(folder):
    return open_image_set(folder.parent / "A/data", "")


def test_good_folders_come_through_bit_by_bit(tmp_path, capsys):
    root = write_classes(tmp_path / "set", ("b", "a"))
    assert load(root) == 0
    found = data(root)
    assert found.class_names == ["a", "b"]
    assert found.labels.tolist() == [0] * 3 + [1] * 3
    expected = [pixels(seed) for seed in (10, 11, 12, 0, 1, 2)]
    np.testing.assert_array_equal(found.images, expected)
    assert found.meta["counts"] == [3, 3] and found.meta["problems"] == {} and found.meta["source"] == "folder set"
    assert problems(root) == []
    assert capsys.readouterr().out.count("\n") == 1
    assert load(root) == 0
    assert "up to date" in capsys.readouterr().out


def test_large_pictures_come_in_small_batches(tmp_path, monkeypatch):
    root, sizes = write_classes(tmp_path / "set", ("b", "a"), count=4), []
    monkeypatch.setattr("training.data.pictures.contest._BATCH_BYTES", 3 * SIDE * SIDE * 3 + 1)
    real = PictureContest.batches

    def batches(contest):
        for images, labels in real(contest):
            sizes.append(len(images))
            yield images, labels

    monkeypatch.setattr(PictureContest, "batches", batches)
    assert load(root) == 0
    assert sizes == [3, 3, 2] and len(data(root)) == 8


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder with all oddities in class a, loaded."""
    root = write_classes(tmp_path_factory.mktemp("odd") / "set", count=20)
    for name, (_, write) in ODD.items():
        write(root / "a" / name)
    assert load(root) == 0
    return root


@pytest.mark.parametrize("name", ODD)
def test_each_oddity_is_told(odd, name):
    lines = [line for line in problems(odd) if line["path"] == f"a/{name}"]
    assert [line["problem"] for line in lines] == [KINDS[kind][0] for kind in ODD[name][0]]
    assert [line["done"] for line in lines] == [KINDS[kind][1] for kind in ODD[name][0]]


def test_the_rest_goes_on_and_is_counted(odd):
    found = data(odd)
    skipped = [name for name, (kinds, _) in ODD.items() if SKIPPING & set(kinds)]
    assert len(found) == 40 + len(ODD) - len(skipped)
    assert found.images.shape[1:] == (SIDE, SIDE, 3)
    assert sum(found.meta["counts"]) == len(found)
    assert found.meta["problems"]["grey"] == 4
    assert sum(found.meta["problems"].values()) == len(problems(odd))


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("cmyk.jpg", pixels(30), 6),
        ("palette.png", pixels(31), 14),
        ("deep.png", np.repeat(pixels(32)[..., :1], 3, 2), 0),
        ("deep.tif", np.repeat(pixels(32)[..., :1], 3, 2), 0),
        ("deep_colours.png", pixels(33), 0),
        ("alpha.png", np.where((np.arange(SIDE) < SIDE // 2)[:, None], pixels(34), 255), 0),
        ("turned.jpg", np.rot90(pixels(35), -1), 12),
        ("pages.tif", pixels(36), 0),
        ("plain.bmp", pixels(40), 0),
        ("jpeg.png", pixels(42), 12),
    ],
)
def test_conversions_by_hand(tmp_path, name, expected, tolerance):
    ODD[name][1](tmp_path / name)
    with open(tmp_path / name, "rb") as file:
        found, kinds = decode(file, 3, (SIDE, SIDE))
    assert kinds == ODD[name][0]
    assert np.abs(found.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90), (5, lambda a: a.swapaxes(0, 1))],
)
def test_exif_rotation_is_applied_once(form, orientation, upright):
    exif, file, array = Image.Exif(), io.BytesIO(), pixels(3, 20, 30)
    exif[0x0112] = orientation
    Image.fromarray(array).save(file, form, exif=exif, quality=98)
    size = look(io.BytesIO(file.getvalue())).size
    found, kinds = decode(io.BytesIO(file.getvalue()), 3, size)
    assert kinds == ["rotated"]
    assert found.shape == upright(array).shape
    assert np.abs(found.astype(int) - upright(array)).max() <= (12 if form == "JPEG" else 0)


def test_a_grey_set_has_one_channel(tmp_path):
    root = tmp_path / "set"
    for name in "ab":
        (root / name).mkdir(parents=True)
        for index in range(3):
            picture(index).convert("L").save(root / name / f"{index}.png")
    load(root)
    assert data(root).image_shape == (SIDE, SIDE, 1)
    picture(7).save(root / "a" / "colour.png")
    with pytest.raises(KitError, match="ARTIFACTS=OTHER"):  # the folder has changed
        load(root)
    assert main(["--set", f"folder={root}", "--artifacts", str(tmp_path / "B"), "--channels", "1"]) == 0
    grey = open_image_set(tmp_path / "B/data", "")
    assert grey.image_shape == (SIDE, SIDE, 1) and grey.meta["problems"] == {"coloured": 1}


def test_strict_lists_all_and_writes_nothing(tmp_path):
    root = write_classes(tmp_path / "set")
    for name in ("cut.jpg", "cmyk.jpg", "empty.png"):
        ODD[name][1](root / "a" / name)
    with pytest.raises(KitError, match=r"(?s)without any oddity.*1  file of zero bytes.*too early.*1  CMYK image"):
        load(root, "--strict")
    assert not (tmp_path / "A/data").exists()
    assert load(root) == 0
    with pytest.raises(KitError, match="without any oddity"):  # loaded already, and still odd
        load(root, "--strict")
    assert len(data(root)) == 7


def test_a_class_whose_files_are_all_broken_is_left_out(tmp_path):
    root = write_classes(tmp_path / "set", ("a", "b", "c"))
    for path in (root / "c").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    load(root)
    assert data(root).class_names == ["a", "b"]
    assert data(root).meta["problems"] == {"truncated": 3, "empty class": 1}
    with pytest.raises(KitError, match=r"(?s)readable images of two classes or more. Received: 3 of 1"):
        for path in (root / "b").iterdir():
            path.write_bytes(b"")
        main(["--set", f"folder={root}", "--artifacts", str(tmp_path / "B")])


@pytest.mark.parametrize(
    ("sizes", "options", "shape", "odd"),
    [
        ([(20, 30)] * 4, [], (20, 30), 0),
        ([(20, 30)] * 4 + [(30, 20)] * 2, [], (20, 30), 2),
        ([(20, 30), (30, 20), (40, 40), (50, 20)], [], (96, 96), 4),
        ([(20, 30), (30, 20), (40, 40), (50, 20)], ["--size", "16"], (16, 16), 0),
        ([(40, 41), (41, 40), (40, 40), (42, 50)], ["--crop", "32"], (32, 32), 0),
        ([(40, 41), (41, 40), (40, 40), (42, 50)], ["--crop", "32", "--size", "8"], (8, 8), 0),
    ],
)
def test_sizes(tmp_path, sizes, options, shape, odd):
    root = tmp_path / "set"
    for number, (height, width) in enumerate(sizes):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number, height, width)).save(folder / f"{number}.png")
    load(root, *options)
    assert data(root).image_shape == (*shape, 3)
    assert data(root).meta["problems"].get("size", 0) == odd


def test_the_middle_is_taken_and_nothing_aliases():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (np.asarray(fitted(Image.fromarray(wide), (10, 10))) == 200).all()
    assert (np.asarray(fitted(Image.fromarray(wide), (10, 10), crop=10)) == 200).all()
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)  # every second pixel white
    small = np.asarray(fitted(Image.fromarray(board), (16, 16)))[2:-2, 2:-2]
    assert np.abs(small.astype(int) - 127).max() <= 3
    np.testing.assert_array_equal(resized(wide[None], (10, 30))[0], wide)
    assert resized(np.zeros((2, 8, 8, 1), np.uint8), (16, 12)).shape == (2, 16, 12, 1)


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(["a.png", "a.jpg", "a.bmp", "a.tif"]), place=st.floats(0, 1), cut=st.booleans())
def test_damaged_bytes_are_a_picture_or_told(name, place, cut):
    file = io.BytesIO()
    picture(3).save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:].upper()))
    raw = bytearray(file.getvalue())
    at = int(place * (len(raw) - 1))
    damaged = bytes(raw[:at]) if cut else bytes(raw[:at]) + bytes([raw[at] ^ 255]) + bytes(raw[at + 1 :])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of damaged tags
            look(io.BytesIO(damaged))
            found, _ = decode(io.BytesIO(damaged), 3, (8, 8))
    except UnfitError as error:
        assert error.kind in KINDS
    else:
        assert found.shape == (8, 8, 3)


def test_names_of_any_bytes_are_told(tmp_path):
    assert told(os.fsdecode(b"a\xff\nb")) == "a\\xff\\nb"
    assert told("細胞 é") == "細胞 é"
    found = Problems()
    found.add(told(os.fsdecode(b"\xff.png")), "empty")
    found.write(tmp_path / "problems.csv")
    assert (tmp_path / "problems.csv").read_text() == (
        "path,problem,done,detail\n\\xff.png,file of zero bytes,skipped,\n"
    )
    with pytest.raises(ValueError, match="kind='other'"):
        found.add("x", "other")
