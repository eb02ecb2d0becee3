"""`python -m training.data --set NAME`: published sets from a server, embedded ones, and their options."""

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from http_files import serve
from odd_pictures import pixels
from PIL import Image

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.data import bloodmnist, pbc
from training.data.__main__ import main
from training.data.download.fetch import RemoteFile
from training.data.resize import resized
from training.data.sets import OPTIONS, PLAIN, WITH_PATH, parse_set

COUNTS = {"train": 20, "val": 12, "test": 9}


@pytest.fixture(scope="module")
def running():
    with serve() as server:
        yield server


def blood(seed=0):
    """Images and labels of each part at 28 px, as BloodMNIST has them."""
    rng = np.random.default_rng(seed)
    return {
        part: (rng.integers(0, 256, (n, 28, 28, 3), np.uint8), (np.arange(n) % 8).astype(np.uint8)[:, None])
        for part, n in COUNTS.items()
    }


@pytest.fixture
def published(running, monkeypatch):
    """A small BloodMNIST of 28 px on the server, with its own checksum."""
    file = io.BytesIO()
    parts = blood()
    arrays = {f"{part}_images": images for part, (images, _) in parts.items()}
    np.savez(file, **arrays, **{f"{part}_labels": labels for part, (_, labels) in parts.items()})
    running.content = file.getvalue()
    running.asked.clear()
    monkeypatch.setattr(bloodmnist, "_RECORD", running.url + "good/")
    monkeypatch.setattr(bloodmnist, "_MD5", {28: hashlib.md5(running.content).hexdigest(), 128: "0" * 32})
    return running


def load(folder, *arguments):
    return main(["--artifacts", str(folder / "A"), "--cache", str(folder / "cache"), *arguments])


def test_the_published_numbers():
    """As in medmnist/info.py of the published package, version 3."""
    assert [bloodmnist.remote_file(pixels).name for pixels in bloodmnist.PIXELS] == [
        "bloodmnist.npz", "bloodmnist_64.npz", "bloodmnist_128.npz", "bloodmnist_224.npz",
    ]  # fmt: skip
    file = bloodmnist.remote_file(128)
    assert file.url == "https://zenodo.org/records/10519652/files/bloodmnist_128.npz?download=1"
    assert file.known_hash == "md5:adace1e0ed228fccda1f39692059dd4c"
    assert len(bloodmnist.CLASS_NAMES) == 8 and pbc.IMAGES == 17092


def test_bloodmnist_keeps_the_official_test_part_apart(published, tmp_path, capsys):
    assert load(tmp_path, "--set", "bloodmnist", "--pixels", "28") == 0
    parts = blood()
    found = open_image_set(tmp_path / "A/data", "")
    np.testing.assert_array_equal(found.images, np.concatenate([parts["train"][0], parts["val"][0]]))
    np.testing.assert_array_equal(found.labels, np.concatenate([np.arange(20) % 8, np.arange(12) % 8]))
    assert found.class_names == list(bloodmnist.CLASS_NAMES)
    assert found.meta["parts"] == {"train": 20, "val": 12} and found.meta["test_images"] == 9
    test = open_image_set(tmp_path / "A/data/test", "")
    np.testing.assert_array_equal(test.images, parts["test"][0])
    assert test.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0] and test.class_names == found.class_names
    told = capsys.readouterr().out
    assert "20 of its part train and 12 of its part val; its part test, 9 images that no step reads" in told
    for words in ("CC BY 4.0", "10.1038/s41597-022-01721-8", "10.1016/j.dib.2020.105474"):
        assert words in told and words in (tmp_path / "A/data/LICENSE.txt").read_text(encoding="utf-8")
    asked = len(published.asked)
    assert load(tmp_path, "--set", "bloodmnist", "--pixels", "28", "--offline") == 0
    assert "up to date" in capsys.readouterr().out
    assert len(published.asked) == asked == 1
    shutil.rmtree(tmp_path / "A/data/test")
    assert load(tmp_path, "--set", "bloodmnist", "--pixels", "28", "--offline") == 0
    assert len(open_image_set(tmp_path / "A/data/test", "")) == 9  # made again


def test_bloodmnist_is_resized(published, tmp_path):
    load(tmp_path, "--set", "bloodmnist", "--pixels", "28", "--size", "16")
    found = open_image_set(tmp_path / "A/data", "")
    assert found.image_shape == (16, 16, 3)
    np.testing.assert_array_equal(found.images[:20], resized(blood()["train"][0], (16, 16)))
    with pytest.raises(KitError, match=r"source_sha256 .*ARTIFACTS=OTHER"):  # another size is another contest
        load(tmp_path, "--set", "bloodmnist", "--pixels", "28")


def test_bloodmnist_from_a_mirror_and_from_a_file(published, tmp_path):
    load(tmp_path, "--set", "bloodmnist", "--pixels", "28", "--mirror", published.url + "redirect/")
    assert [name for name, _ in published.asked] == ["redirect/bloodmnist.npz", "good/bloodmnist.npz"]
    own = tmp_path / "mine.npz"
    own.write_bytes(published.content)
    assert main(["--artifacts", str(tmp_path / "B"), "--set", "bloodmnist", "--pixels", "28", "--from", str(own)]) == 0
    own.write_bytes(published.content[:-1])
    with pytest.raises(KitError, match=r"with md5:.* Received: another checksum. Download it again from http"):
        main(["--artifacts", str(tmp_path / "C"), "--set", "bloodmnist", "--pixels", "28", "--from", str(own)])
    with pytest.raises(KitError, match="downloaded by hand. Received: .*nowhere, no such file"):
        main(["--artifacts", str(tmp_path / "C"), "--set", "bloodmnist", "--from", str(tmp_path / "nowhere")])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((4, 28, 28, 3), np.uint8)}, "expected the arrays of BloodMNIST.*without .'train_images'"),
        ("small", r"`train_images` to be uint8 \(N, 28, 28, 3\). Received: uint8 \(9, 14, 14, 3\)"),
    ],
)
def test_a_file_that_is_not_bloodmnist(published, tmp_path, monkeypatch, arrays, message):
    if arrays == "small":
        arrays = {f"{part}_images": np.zeros((9, 14, 14, 3), np.uint8) for part in COUNTS}
        arrays |= {f"{part}_labels": np.arange(9) % 8 for part in COUNTS}
    np.savez(tmp_path / "x.npz", **arrays)
    digest = hashlib.md5((tmp_path / "x.npz").read_bytes()).hexdigest()
    monkeypatch.setattr(bloodmnist, "_MD5", {28: digest})
    with pytest.raises(KitError, match=message):
        load(tmp_path, "--set", "bloodmnist", "--pixels", "28", "--from", str(tmp_path / "x.npz"))
    assert not (tmp_path / "A/data").exists()


def test_pbc(running, tmp_path, monkeypatch, capsys):
    """Class folders in a zip, with one hidden file among them, as the published one."""
    file, whole = io.BytesIO(), pixels(5, 363, 360)
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("ig", "basophil"):
            for index in range(3):
                member = io.BytesIO()
                Image.fromarray(whole).save(member, "JPEG", quality=98)
                archive.writestr(f"PBC_dataset_normal_DIB/{name}/{index}.jpg", member.getvalue())
        archive.writestr("PBC_dataset_normal_DIB/ig/.DS_1.jpg", b"x")
    running.content = file.getvalue()
    monkeypatch.setattr(pbc, "FILE", RemoteFile("pbc.zip", running.url + "good/pbc", None))
    load(tmp_path, "--set", "pbc")
    found = open_image_set(tmp_path / "A/data", "")
    assert found.class_names == ["basophil", "ig"] and found.images.shape == (6, 96, 96, 3)
    expected = Image.fromarray(whole).crop((80, 81, 280, 281)).resize((96, 96), Image.Resampling.LANCZOS)
    assert np.abs(found.images[0].astype(int) - np.asarray(expected)).max() <= 6
    told = capsys.readouterr().out
    assert "1  hidden file" in told and "expected 17092 images in the published file. Received: 6." in told
    assert "data.mendeley.com" in (tmp_path / "A/data/LICENSE.txt").read_text(encoding="utf-8")


def test_a_page_in_place_of_the_zip_does_not_stay_in_the_cache(running, tmp_path, monkeypatch):
    running.content = b"<html>Too many requests.</html>"
    monkeypatch.setattr(pbc, "FILE", RemoteFile("pbc.zip", running.url + "good/pbc", None))
    with pytest.raises(KitError, match=r"expected pbc.zip, a zip. Received: .*by hand from https://data.mendeley.com"):
        load(tmp_path, "--set", "pbc")
    assert not (tmp_path / "cache/pbc.zip").exists()
    (tmp_path / "own.zip").write_bytes(running.content)
    with pytest.raises(KitError, match="own.zip, which is not one"):
        load(tmp_path, "--set", "pbc", "--from", str(tmp_path / "own.zip"))
    assert (tmp_path / "own.zip").exists()  # the user's


def test_digits(tmp_path, capsys):
    from sklearn.datasets import load_digits

    assert main(["--set", "digits", "--artifacts", str(tmp_path / "A"), "--size", "8"]) == 0
    found, known = open_image_set(tmp_path / "A/data", ""), load_digits()
    np.testing.assert_array_equal(found.images[..., 0], (known.images * 255 / 16).round())
    np.testing.assert_array_equal(found.labels, known.target)
    assert found.image_shape == (8, 8, 1) and found.class_names == list("0123456789")
    assert "10.24432/C50P49" in capsys.readouterr().out
    main(["--set", "digits", "--artifacts", str(tmp_path / "B"), "--images", "120"])
    assert open_image_set(tmp_path / "B/data", "").images.shape == (120, 32, 32, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cifar", r"expected a data set: synthetic, digits, .*csv=PATH. Received: 'cifar'\.$"),
        ("epochs=20", "Received: 'epochs=20'. Fields of a recipe are changed with FIELDS"),
        ("digits=3", "the set digits has no path"),
        ("folder", "expected a path for the set folder. .*folder=PATH"),
        ("csv=", "expected a path for the set csv"),
    ],
)
def test_no_such_set(text, message):
    with pytest.raises(KitError, match=message):
        parse_set(text)


def test_paths_may_hold_equal_signs():
    assert str(parse_set("folder=a=b/c")) == "folder=a=b/c"


def test_a_home_folder_is_found():
    """Shells replace ~ after a space, or after the first equal sign at the most."""
    assert parse_set("folder=~/cells").path == Path.home() / "cells"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "digits", "--crop", "20"], r"options of the set digits \(--images, --size\). Received: --crop. "),
        (["--set", "bloodmnist", "--strict", "--seed", "3"], "Received: --seed, --strict. Leave them out"),
        (["--data", "x.npz", "--size", "32"], r"set npz \(--class-names\). Received: --size"),
        (["--set", "an2dl-npz=x.npz", "--class-names", "a,b"], r"an2dl-npz \(none\)"),
        (["--set", "digits", "--from", "x"], "Received: --from"),
        (["--set", "digits", "--data", "x.npz"], "expected one of --set and --data"),
        (["--set", "bloodmnist", "--pixels", "96"], r"published at 28, 64, 128, 224 pixels. Received: --pixels 96"),
        (["--set", "digits", "--images", "3"], "Received: --images 3"),
        (["--set", "digits", "--images", "0"], "Received: --images 0"),
        (["--set", "digits", "--seed", "0"], "Received: --seed"),
        (["--set", "bloodmnist", "--pixels", "0"], "Received: --pixels 0"),
        (["--set", "bloodmnist", "--offline", "--cache", "/nowhere/x"], "expected /nowhere/x/bloodmnist_128.npz"),
    ],
)
def test_options_that_do_not_fit(tmp_path, arguments, message):
    with pytest.raises(KitError, match=message):
        main([*arguments, "--artifacts", str(tmp_path / "A")])
    assert not (tmp_path / "A").exists()


def test_every_option_belongs_to_a_set():
    assert all(options <= OPTIONS for options in (*PLAIN.values(), *WITH_PATH.values()))
    with pytest.raises(SystemExit):
        main(["--set", "folder=x", "--size", "7"])


def test_a_disk_without_room(tmp_path, monkeypatch):
    class Usage:
        free = 1 << 10

    monkeypatch.setattr("training.data.folder.shutil.disk_usage", lambda path: Usage)
    with pytest.raises(KitError, match=r"MB free for the images in .*Received: 0 MB.*--size"):
        main(["--set", "digits", "--artifacts", str(tmp_path / "A")])
    assert not (tmp_path / "A").exists()
