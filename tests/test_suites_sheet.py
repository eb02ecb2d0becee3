"""Picture sheets of suites, and the table of what was done to each image."""

import numpy as np
import pytest
from PIL import Image
from suites_contest import LONG_FIELD, make_contest, run

from local_eval.operations_file import read_cells, read_operations, write_operations
from local_eval.sheet import main as sheet_main
from submission.kit.errors import KitError


@pytest.fixture
def contest(tmp_path):
    make_contest(tmp_path)
    return tmp_path


def test_the_sheet_shows_original_examples_and_operations(contest, capsys):
    out = contest / "sheet.png"
    assert sheet_main(["--artifacts", str(contest), "--images", "2", "--examples", "3", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"Wrote {out}: 2 images under an2dl, 17 operations.\n"
    with Image.open(out) as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1] > 10 * 112  # two operations of five severities side by side
    assert pixels.shape[0] > (2 + 9) * 112  # two images, nine rows of operations
    assert not (contest / "suites").exists()


def test_the_sheet_lies_beside_the_suites(contest, capsys, monkeypatch):
    (contest / "elsewhere").mkdir()
    monkeypatch.chdir(contest / "elsewhere")
    run(contest, "--suite", "an2dl-mild")
    capsys.readouterr()
    arguments = ["--artifacts", str(contest), "--suite", "an2dl-mild", "--images", "1", "--examples", "1"]
    assert sheet_main(arguments) == 0
    out = contest / "sheets" / "an2dl-mild.png"
    assert capsys.readouterr().out.startswith(f"Wrote {out}: 1 images under an2dl-mild")
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert list((contest / "elsewhere").iterdir()) == []
    run(contest, "--suite", "an2dl-mild")
    assert capsys.readouterr().out.startswith("Up to date: an2dl-mild")


def test_the_sheet_of_a_table_and_of_few_operations(contest, capsys):
    for name, told in (("bloodmnist-c", "11 corruptions"), ("stain", "6 operations"), ("prior", "0 operations")):
        assert sheet_main(["--artifacts", str(contest), "--suite", name, "--images", "2", "--examples", "2"]) == 0
        assert capsys.readouterr().out.endswith(f"under {name}, {told}.\n")


def test_operations_file_keeps_order_and_tells_when_it_is_damaged(tmp_path):
    path = tmp_path / "operations.csv"
    write_operations(path, ["a", "b"], [("shear", "bar", "border"), ()])
    assert path.read_text() == "id,operations\na,shear+bar+border\nb,\n"
    assert read_operations(path) == {"a": ("shear", "bar", "border"), "b": ()}
    path.write_text("id,operations\na\n")
    with pytest.raises(KitError, match="expected lines of id,operations"):
        read_operations(path)
    for content in (LONG_FIELD, b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(KitError, match=r"operations\.csv: expected UTF-8 lines of cells .*local_eval\.suites"):
            read_operations(path)
    with pytest.raises(KitError, match=r"nowhere\.csv is missing: run `python -m local_eval\.suites` first"):
        read_operations(tmp_path / "nowhere.csv")


def test_cells_of_a_suite_that_is_no_table(tmp_path):
    write_operations(tmp_path / "operations.csv", ["a"], [("shear",)])
    with pytest.raises(KitError, match=r"expected lines of id,operations,severity, as of a table of corruptions"):
        read_cells(tmp_path / "operations.csv")
    write_operations(tmp_path / "operations.csv", ["a", "b"], [("fog",), ("snow",)], [1, 5])
    assert read_cells(tmp_path / "operations.csv") == {"a": ("fog", 1), "b": ("snow", 5)}
    assert read_operations(tmp_path / "operations.csv") == {"a": ("fog",), "b": ("snow",)}
    write_operations(tmp_path / "operations.csv", ["a"], [("fog",)], [6])
    with pytest.raises(KitError, match="expected lines of id,operations,severity"):
        read_cells(tmp_path / "operations.csv")
