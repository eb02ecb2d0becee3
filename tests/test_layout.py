"""Commands and environment, by the platform's rules."""

import sys
from pathlib import Path

import pytest

from local_eval.layout import child_environment, expand_command, read_command
from submission.kit.errors import KitError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command: python a.py $input\n", "python a.py $input"),
        ("description: x\ncommand:   python a.py  # why\n", "python a.py"),
        ("command: 'python ''a b''.py'\n", "python 'a b'.py"),
        ('command: "python \\"a b\\".py" # why\n', 'python "a b".py'),
        ("command: python a.py # 1\n", "python a.py"),
        ("command: >\n  python a.py\n  $input\n", "python a.py $input\n"),
        ("- command\n", None),
        ("command: 'python a.py\n", None),  # no YAML: as if there were no command
        ("command: python a#b.py\n", "python a#b.py"),
        ("command:\n", None),
        ("commands: python a.py\n", None),
        ("top:\n  command: nested\n", None),
        ("command:python a.py\n", None),  # not a mapping in YAML
    ],
)
def test_command_of_metadata(tmp_path, text, expected):
    (tmp_path / "metadata.yaml").write_text(text)
    assert read_command(tmp_path) == expected


def test_metadata_yaml_comes_before_metadata(tmp_path):
    assert read_command(tmp_path) is None
    (tmp_path / "metadata").write_text("command: second")
    assert read_command(tmp_path) == "second"
    (tmp_path / "metadata.yaml").write_text("command: first")
    assert read_command(tmp_path) == "first"


@pytest.mark.parametrize(
    ("command", "kind", "expected"),
    [
        ("$program/a $input $output", "ingestion", ["/R/program/a", "/R/input_data", "/R/output"]),
        ("a $input $hidden $shared", "scoring", ["a", "/R/input", "/R/input/ref", "/R/shared"]),
        ("a $ingestion_program $submission_program", "ingestion", ["a", "/R/program", "/R/ingested_program"]),
        ("a $tmp $predictions", "ingestion", ["a", "/R/output", "/R/output"]),
        ("a $tmp $predictions", "scoring", ["a", "/R/output", "/R/input/res"]),
        ("a $input_data", "ingestion", ["a", "/R/input_data_data"]),  # the platform's trap
        ("a $input $predictions $program", "submission", ["a", "/R/input", "/R/output", "/R/program"]),
        ("a && b | $HOME 'c d'", "ingestion", ["a", "&&", "b", "|", "$HOME", "c d"]),
        ("a --in=/app/input /app /apple ./app/x", "scoring", ["a", "--in=/R/input", "/R", "/apple", "./app/x"]),
        ("python x.py", "ingestion", [sys.executable, "x.py"]),
    ],
)
def test_commands_become_the_platforms(command, kind, expected):
    assert expand_command(command, kind, Path("/R")) == expected
    real = [word.replace("/R/", "/app/") if word != "/R" else "/app" for word in expected]
    assert expand_command(command, kind) == [word.replace("=/R", "=/app") for word in real]


def test_a_local_path_with_a_space_stays_one_word():
    assert expand_command("a /app/output", "ingestion", Path("/my dir")) == ["a", "/my dir/output"]


@pytest.mark.parametrize(("command", "message"), [("'a", "can be split"), ("", "an empty one")])
def test_commands_that_cannot_run(command, message):
    with pytest.raises(KitError, match=message):
        expand_command(command, "ingestion", Path("/R"))


def test_child_environment(tmp_path):
    given = {"PATH": "/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": "/x", "SECRET": "y", "HOME": "/root"}
    child = child_environment(tmp_path / "home", given)
    assert set(child) == {"PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "OMP_NUM_THREADS"}
    assert child["HOME"] == str(tmp_path / "home") and child["PYTHONUNBUFFERED"] == "1"
