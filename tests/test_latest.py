"""latest.json and stored paths: they hold when A is moved, and tell when a zip is not the packaged one."""

from pathlib import Path

import pytest

from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json, write_text
from submission.kit.latest import Latest, read_latest, stored_path, write_latest


@pytest.fixture
def packaged(tmp_path):
    """A, whose zip is inside."""
    path = tmp_path / "A" / "submissions" / "x.zip"
    write_text(path, "zip")
    write_latest(tmp_path / "A", path, sha256_file(path), 3)
    return tmp_path / "A"


def test_paths_are_relative_inside_and_absolute_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stored_path("A/submissions/x.zip", "A") == "submissions/x.zip"
    assert stored_path(tmp_path / "A/b/../x.zip", "A") == "x.zip"
    assert stored_path("other/x.zip", "A") == str(tmp_path / "other/x.zip")
    assert Path("A") / stored_path("AB/x.zip", "A") == tmp_path / "AB/x.zip"


def test_it_holds_when_the_folder_is_moved(packaged, tmp_path, monkeypatch):
    moved = packaged.rename(tmp_path / "moved")
    found = read_latest(moved)
    assert found == Latest(moved / "submissions/x.zip", sha256_file(moved / "submissions/x.zip"))
    monkeypatch.chdir(tmp_path)
    assert read_latest(Path("moved")).path == Path("moved/submissions/x.zip")  # a path to paste


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda a: (a / "submissions/latest.json").unlink(),
            "latest.json is missing: run",
        ),
        (
            lambda a: (a / "submissions/x.zip").unlink(),
            "expected the packaged zip at .*x.zip, which does not exist",
        ),
        (
            lambda a: write_text(a / "submissions/x.zip", "other"),
            r"was changed .*expected sha256 \w+. Received: ",
        ),
        (
            lambda a: write_json(a / "submissions/latest.json", {"zip": "x"}),
            "expected the keys zip and sha256. Delete it",
        ),
        (lambda a: write_json(a / "submissions/latest.json", ["x"]), "expected the keys zip and sha256"),
    ],
)
def test_what_is_wrong_is_named_with_its_command(packaged, spoil, message):
    spoil(packaged)
    with pytest.raises(KitError, match=f"{message}.*--artifacts {packaged}`"):
        read_latest(packaged)
