"""Cleaning: the files that it writes: table, edits, findings, sheet and gallery."""

import csv
import re

import numpy as np
import pytest
from clean_pictures import make_set, picture
from PIL import Image

from submission.kit.errors import KitError
from training.cleaning import gallery, sheet
from training.cleaning.edits import MADE, read_edits, with_edits
from training.cleaning.findings import Finding, write_findings
from training.cleaning.kinds import KINDS
from training.cleaning.table import CleanTable, read_clean, write_clean


def test_table_round_trip_and_spreadsheet_edits(tmp_path):
    path = tmp_path / "clean.csv"
    table = CleanTable(np.array(["x", "y"]), np.array([True, False]), ["", 'a, "b"'], np.array([0, 0]))
    write_clean(path, table)
    assert path.read_text().splitlines() == ["index,id,keep,reason,group", "0,x,1,,0", '1,y,0,"a, ""b""",0']
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    again = read_clean(path, "none")
    assert again.ids.tolist() == ["x", "y"] and again.keep.tolist() == [True, False]
    assert again.reasons == table.reasons and again.groups.tolist() == [0, 0]


def test_table_without_groups(tmp_path):
    (tmp_path / "clean.csv").write_text("index,id,keep,reason\n0,x,1,\n1,y,1,\n")
    assert read_clean(tmp_path / "clean.csv", "none").groups.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Missing: index, id, keep, reason"),
        ("index;id;keep;reason\n", "separated by commas"),
        ("index,id,keep\n", "Missing: reason"),
        ("index,id,keep,reason,group\n0,x,yes,,0\n", r"line 2: .*keep 0 or 1.*keep='yes'"),
        ("index,id,keep,reason,group\n0,x,1,,0\n2,y,1,,0\n", r"line 3: expected index 1.*index='2'"),
        ("index,id,keep,reason,group\n0,,1,,0\n", "an id"),
        ("index,id,keep,reason,group\n0\n", "keep=None"),
        ('index,id,keep,reason,group\n0,x,1,,0\n1,y,0,"out of focus,1\n2,z,1,,2\n', "line 3: .*every quote closed"),
        ('index,id,keep,reason,group\n0,x,0,"' + "y,\n" * 50_000, "line 2: .*every quote closed.*larger than"),
        ('"' + "y,\n" * 50_000, "line 1: .*every quote closed"),
        ("index,id,keep,reason,group\n0,x,1,,-1\n", "group='-1'"),
        ("index,id,keep,reason,group\n0,x,1,,99999999999999999999\n", "whole number as group"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    (tmp_path / "clean.csv").write_text(text)
    with pytest.raises(KitError, match=message) as error:
        read_clean(tmp_path / "clean.csv", "mend it")
    assert "run `mend it`" in str(error.value)


def test_table_missing_or_not_text(tmp_path):
    with pytest.raises(KitError, match="is missing: run `mend it` first"):
        read_clean(tmp_path / "clean.csv", "mend it")
    (tmp_path / "clean.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KitError, match="expected UTF-8 text"):
        read_clean(tmp_path / "clean.csv", "mend it")


def test_sheet_of_many_grey_pictures_and_of_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "MAX_PICTURES", 3)
    image_set = make_set(tmp_path, [picture(seed, 24, 1) for seed in range(5)], [0] * 5)
    blank = CleanTable(image_set.ids, np.zeros(5, bool), ["blank (one colour)"] * 5, np.arange(5))
    sheet.write_sheet(tmp_path / "many.png", image_set, blank)
    none = CleanTable(image_set.ids, np.ones(5, bool), [""] * 5, np.arange(5))
    sheet.write_sheet(tmp_path / "none.png", image_set, none)
    with Image.open(tmp_path / "many.png") as many, Image.open(tmp_path / "none.png") as empty:
        assert many.height > sheet.TILE > empty.height
        row = np.asarray(many)[60]
        assert (row[3 * 120 + 20 :] == 255).all() and not (row[2 * 120 + 20] == 255).all()


def test_edits_are_what_differs_from_the_copy(tmp_path):
    path = tmp_path / "clean.csv"
    ids = np.array(list("vwxyz"))
    made = CleanTable(ids, np.array([True, True, False, True, True]), ["", "", "dark", "", ""], np.arange(5))
    with pytest.raises(KitError, match=r"clean.csv is missing"):
        read_edits(path, "anew")
    write_clean(path, made)
    with pytest.raises(KitError, match=r"made.csv is missing, so that edits .* `anew`"):
        read_edits(path, "anew")
    write_clean(tmp_path / MADE, made)
    text = path.read_text()
    for line, edit in (("1,w,1,,1", "1,w,0,ugly,1"), ("2,x,0,dark", "2,x,1,"), ("4,z,1,,4", "4,z,1,,3")):
        text = text.replace(line, edit)
    path.write_text(text)
    edited, by_hand = read_edits(path, "anew")
    assert by_hand.tolist() == [False, True, True, False, True]
    new = CleanTable(ids, np.zeros(5, bool), ["off topic"] * 5, np.array([0, 1, 2, 3, 0]))
    joined = with_edits(new, edited, by_hand)
    assert joined.keep.tolist() == [False, False, True, False, True]
    assert joined.reasons == ["off topic", "ugly", "", "off topic", ""]
    assert joined.groups.tolist() == [0, 1, 2, 3, 3]
    write_clean(tmp_path / MADE, CleanTable(ids[:4], made.keep[:4], made.reasons[:4], made.groups[:4]))
    with pytest.raises(KitError, match="is of other images than clean.csv"):
        read_edits(path, "anew")


def test_a_table_that_is_so_already_is_not_touched(tmp_path):
    path = tmp_path / "clean.csv"
    table = CleanTable(np.array(["x"]), np.array([True]), [""], np.array([0]))
    write_clean(path, table)
    before = path.stat().st_mtime_ns
    write_clean(path, table)
    assert path.stat().st_mtime_ns == before


@pytest.fixture
def found(tmp_path):
    image_set = make_set(tmp_path, [picture(0), picture(1), picture(0), picture(0)], [0, 1, 0, 0], ["<a>", "b & c"])
    findings = [
        Finding(2, "exact duplicate", 1.0, twin=0),
        Finding(3, "exact duplicate", 1.0, twin=0),
        Finding(1, "off topic", 2.51234, "by colours and grain"),
    ]
    keep = np.array([True, True, False, False])
    return image_set, CleanTable(image_set.ids, keep, ["", "", "x", "x"], np.array([0, 1, 0, 0])), findings


def test_findings_csv(tmp_path, found):
    image_set, _, findings = found
    write_findings(tmp_path / "findings.csv", image_set, findings, {"exact duplicate"})
    with open(tmp_path / "findings.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["kind"], row["score"], row["twin"], row["dropped"]) for row in rows] == [
        ("2", "exact duplicate", "1.0000", "0", "1"),
        ("3", "exact duplicate", "1.0000", "0", "1"),
        ("1", "off topic", "2.5123", "", "0"),
    ]
    assert rows[0]["reason"] == "exact duplicate of 0" and rows[2]["reason"] == "off topic (by colours and grain)"
    assert rows[2]["label"] == "b & c"


def test_gallery_is_one_file_with_a_picture_for_every_finding(tmp_path, found):
    image_set, table, findings = found
    gallery.write_gallery(tmp_path / "gallery.html", image_set, table, findings, "label errors by a net")
    page = (tmp_path / "gallery.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3  # equal ones once, beside it what it repeats
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "&lt;a&gt;" in page and "b &amp; c" in page and "<a>" not in page
    assert "Exact duplicate: 2" in page and "&times; 2" in page and "score 2.512" in page
    assert "Label errors by a net." in page
    assert 'name="viewport"' in page


def test_gallery_of_many_small_grey_ones_and_of_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MAX_PICTURES", 3)
    image_set = make_set(tmp_path, [picture(seed, 24, 1) for seed in range(5)], [0] * 5)
    table = CleanTable(image_set.ids, np.ones(5, bool), [""] * 5, np.arange(5))
    gallery.write_gallery(tmp_path / "many.html", image_set, table, [Finding(row, "dark", 9.0) for row in range(5)])
    page = (tmp_path / "many.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "2 more pictures are in findings.csv" in page
    gallery.write_gallery(tmp_path / "none.html", image_set, table, [])
    assert "Nothing was noticed" in (tmp_path / "none.html").read_text()


def test_kinds_explain_themselves():
    for kind in KINDS.values():
        assert kind.told and kind.score and " " not in kind.option
