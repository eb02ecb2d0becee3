"""Where picture files lie: folders, links, zips and tables, with all that can be wrong about paths and labels."""

import csv
import os
import shutil
import sys
import unicodedata
import zipfile

import numpy as np
import pytest
from odd_pictures import pixels, write_classes

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set
from training.data.__main__ import main
from training.data.pictures.problems import KINDS


def load(kind, path, *more):
    """Load into A beside the path; the image set, and kind of problem to the paths that have it."""
    artifacts = path.parent / "A"
    assert main(["--set", f"{kind}={path}", "--artifacts", str(artifacts), *more]) == 0
    with open(artifacts / "data/problems.csv", newline="", encoding="utf-8") as file:
        lines = [(line["path"], line["problem"]) for line in csv.DictReader(file)]
    titles = {title: kind for kind, (title, _) in KINDS.items()}
    found: dict[str, list[str]] = {}
    for name, title in lines:
        found.setdefault(titles[title], []).append(name)
    return open_image_set(artifacts / "data", ""), found


def test_deeper_folders_and_wrappers_and_litter(tmp_path):
    root = write_classes(tmp_path / "set" / "wrapped" / "again")
    (root / "a" / "deeper").mkdir()
    shutil.copy(root / "b" / "0.png", root / "a" / "deeper" / "x.PNG")
    for name in (".DS_Store", "Thumbs.db", ".hidden.png", "notes.txt"):
        (root / "a" / name).write_text("x")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "._0.png").write_text("x")
    (root / "nothing").mkdir()
    shutil.copy(root / "b" / "0.png", root / "lost.png")
    found, problems = load("folder", tmp_path / "set")
    assert found.class_names == ["a", "b"] and found.meta["counts"] == [4, 3]
    assert problems == {
        "hidden": ["wrapped/again/a/.hidden.png"],
        "not an image": ["wrapped/again/a/notes.txt"],
        "unlabelled": ["wrapped/again/lost.png"],
        "empty class": ["wrapped/again/nothing"],
    }


@pytest.mark.skipif(sys.platform == "win32", reason="no links")
def test_links_are_followed_but_not_in_circles(tmp_path):
    root = write_classes(tmp_path / "set")
    write_classes(tmp_path / "elsewhere", ("c",))
    (root / "c").symlink_to(tmp_path / "elsewhere" / "c")
    (root / "b" / "up").symlink_to(root)
    (root / "b" / "self.png").symlink_to("self.png")
    (root / "b" / "gone.png").symlink_to("gone.jpg.png")
    os.mkfifo(root / "b" / "pipe.png")
    found, problems = load("folder", root)
    assert found.meta["counts"] == [3, 3, 3]
    assert problems == {"link": ["b/gone.png", "b/self.png", "b/up"], "not an image": ["b/pipe.png"]}


def test_names_of_all_scripts(tmp_path):
    root = write_classes(tmp_path / "set", ("ä ö", "細胞"))
    shutil.copy(root / "細胞" / "0.png", root / "ä ö" / 'фото, "1"\n.png')
    found, problems = load("folder", root)
    assert found.class_names == ["ä ö", "細胞"] and found.meta["counts"] == [4, 3] and problems == {}


@pytest.mark.skipif(sys.platform != "linux", reason="names must be Unicode there")
def test_names_that_are_no_unicode(tmp_path):
    root = write_classes(tmp_path / "set")
    shutil.copy(root / "a" / "0.png", os.fsencode(root) + b"/a/\xff.png")
    (root / "a" / os.fsdecode(b"\xfe.png")).write_bytes(b"")
    found, problems = load("folder", root)
    assert found.meta["counts"] == [4, 3] and problems == {"empty": ["a/\\xfe.png"]}


def test_numbers_are_sorted_by_value_and_names_as_asked(tmp_path):
    root = write_classes(tmp_path / "set", ("10", "9", "2"))
    assert load("folder", root)[0].class_names == ["2", "9", "10"]
    shutil.rmtree(tmp_path / "A")
    found, _ = load("folder", root, "--class-names", "10,2,9")
    assert found.class_names == ["10", "2", "9"]
    np.testing.assert_array_equal(found.images[found.labels == 0], [pixels(0), pixels(1), pixels(2)])
    with pytest.raises(KitError, match=r"in another order. Received: 2, 8; not named: 10, 9; no such class: 8"):
        load("folder", root, "--class-names", "2,8")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("only",), "two or more classes, with images in it. Received: 1 folders with images: only"),
        (("train", "test"), "parts of a split .test, train.. Give one of them, such as `folder=DIR/train`"),
        (("train", "val"), "parts of a split .train, val.. Give one of them, such as `folder=DIR/train`"),
        ((), "Received: 0 folders with images"),
    ],
)
def test_no_class_folders(tmp_path, classes, message):
    (tmp_path / "set").mkdir()
    write_classes(tmp_path / "set", classes)
    with pytest.raises(KitError, match=message):
        load("folder", tmp_path / "set")
    assert not (tmp_path / "A").exists()


def test_no_folder_at_all(tmp_path):
    with pytest.raises(KitError, match="which does not exist"):
        load("folder", tmp_path / "set")
    (tmp_path / "set").write_text("x")
    with pytest.raises(KitError, match="expected a zip of class folders. Received: .*set, which is not one"):
        load("folder", tmp_path / "set")


def test_a_zip_is_read_without_being_unpacked(tmp_path):
    root = write_classes(tmp_path / "set")
    good = (root / "a" / "0.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, f"wrapped/{path.relative_to(root)}")
        archive.mkdir("wrapped/c") if hasattr(archive, "mkdir") else archive.writestr("wrapped/c/", "")
        for name in (
            "../../evil.png",
            "/evil.png",
            "wrapped/a/../../../evil.png",
            "C:\\evil.png",
            "__MACOSX/a/._0.png",
            "wrapped/.ipynb_checkpoints/0-checkpoint.png",
        ):
            archive.writestr(name, good)
        archive.writestr("wrapped/__MACOSX/", "")
        archive.writestr("wrapped\\d\\e\\", "")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("wrapped/a/0.png", good)
        archive.writestr("wrapped/b/notes.txt", "x")
    before = {path for path in tmp_path.rglob("*.png") if "A" not in path.parts}
    found, problems = load("folder", tmp_path / "set.zip")
    assert found.class_names == ["a", "b"] and found.meta["counts"] == [3, 3]
    assert problems == {
        "outside": ["../../evil.png", "/evil.png", "C:/evil.png", "wrapped/a/../../../evil.png"],
        "duplicate": ["wrapped/a/0.png"],
        "not an image": ["wrapped/b/notes.txt"],
        "empty class": ["wrapped/c"],
    }
    after = {path for path in tmp_path.rglob("*.png") if "A" not in path.parts}
    assert after == before and not (tmp_path.parent / "evil.png").exists()


def test_a_damaged_member_is_told(tmp_path):
    root = write_classes(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root))
    raw = bytearray((tmp_path / "set.zip").read_bytes())
    at = raw.index((root / "b" / "1.png").read_bytes())
    raw[at + 60] ^= 255
    (tmp_path / "set.zip").write_bytes(raw)
    found, problems = load("folder", tmp_path / "set.zip")
    assert found.meta["counts"] == [3, 2] and problems == {"unreadable": ["b/1.png"]}


def write_table(path, rows, header="path,label", encoding="utf-8"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def test_a_table(tmp_path):
    write_classes(tmp_path / "set")
    rows = ["a/0.png,cat", "a/1.png,dog", "b/0.png,cat", "b/1.png,dog", "a/2.png,cat", f"{tmp_path}/set/b/2.png,dog"]
    found, problems = load("csv", write_table(tmp_path / "set" / "labels.csv", rows))
    assert found.class_names == ["cat", "dog"] and problems == {}
    assert found.labels.tolist() == [0, 1, 0, 1, 0, 1]  # in the order of the table
    np.testing.assert_array_equal(found.images[:3], [pixels(0), pixels(1), pixels(10)])


@pytest.mark.parametrize(
    ("header", "rows", "encoding"),
    [
        ("Filename;more;CLASS", ["a/0.png;x;cat", "./b/0.png;x;dog"], "utf-8-sig"),
        ("label\timage", ["cat\ta\\0.png", "dog\tb\\0.png"], "utf-8"),
        ('file,"target"', ['"a/0.png"," cat "', '"b/0.png",dog'], "utf-8"),
    ],
)
def test_forms_of_tables(tmp_path, header, rows, encoding):
    write_classes(tmp_path / "set", count=1)
    found, problems = load("csv", write_table(tmp_path / "set" / "labels.csv", rows, header, encoding))
    assert found.class_names == ["cat", "dog"] and len(found) == 2 and problems == {}


def test_labels_and_files_that_miss_each_other(tmp_path):
    write_classes(tmp_path / "set")
    rows = ["a/0.png,0", "a/1.png,1", "gone.png,0", "wég.png,1", ",1", "b/0.png,", "a/0.png,0", "b/1.png,0"]
    found, problems = load("csv", write_table(tmp_path / "set" / "labels.csv", [*rows, "./b/1.png,1"]))
    assert found.class_names == ["0", "1"] and len(found) == 2
    assert problems == {
        "unlabelled": ["a/2.png", "b/0.png", "b/2.png"],
        "missing": ["gone.png", "wég.png"],
        "incomplete row": ["b/0.png", "line 6"],
        "duplicate": ["a/0.png"],
        "two labels": ["b/1.png"],
    }
    with pytest.raises(KitError, match="(?s)--strict is given. Received:.*label without a file"):
        load("csv", tmp_path / "set" / "labels.csv", "--strict")


def test_a_name_in_the_other_unicode_form_is_found(tmp_path):
    root = write_classes(tmp_path / "set")
    (root / "a" / "0.png").rename(root / "a" / unicodedata.normalize("NFD", "zélle.png"))
    rows = [unicodedata.normalize("NFC", "a/zélle.png") + ",x", "a/1.png,x", "a/2.png,y"]
    found, problems = load("csv", write_table(root / "labels.csv", rows))
    assert len(found) == 3
    assert [unicodedata.normalize("NFC", name) for name in problems["name form"]] == ["a/zélle.png"]
    assert "missing" not in problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a/0.png,cat\nb/0.png,dog\n", r"a column of paths \(path, file.*Received: 'a/0.png,cat'"),
        (b"path,name\na/0.png,cat\n", "one of labels"),
        (b"", "Received: ''"),
        ("path,label\nzé,1\n".encode("latin-1"), "expected UTF-8.*Save it as UTF-8"),
        ("path,label\na,1\n".encode("utf-16"), "expected UTF-8"),
        (b"path,label\na/0.png,cat\n", "files of two classes or more. Received: 1 files that exist, 0 that do not"),
        (b"path,label\nx.png,cat\ny.png,dog\n", "Received: 0 files that exist, 2 that do not. Paths are relative to"),
        (b'path,label\n"' + b"x" * 200_000 + b'",cat\n', "expected a CSV. Received: field larger"),
    ],
)
def test_tables_that_are_none(tmp_path, text, message):
    root = write_classes(tmp_path / "set")
    (root / "labels.csv").write_bytes(text)
    with pytest.raises(KitError, match=message):
        load("csv", root / "labels.csv")


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(KitError, match="no such file"):
        load("csv", tmp_path / "labels.csv")
    with pytest.raises(KitError, match="a folder"):
        load("csv", tmp_path)
