"""Commands, environment and score files, by the platform's rules."""

import sys
from pathlib import Path

import pytest

from local_eval.layout import child_environment, expand_command, read_command
from local_eval.scores_file import read_scores
from submission.kit.errors import KitError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command: python a.py $input\n", "python a.py $input"),
        ("description: x\ncommand:   python a.py  # why\n", "python a.py"),
        ("command: 'python ''a b''.py'\n", "python 'a b'.py"),
        ('command: "python \\"a b\\".py" # why\n', 'python "a b".py'),
        ("command: python a.py ' #1'\n", "python a.py '"),  # YAML's rule too: a comment begins at " #"
        ("command: python a#b.py\n", "python a#b.py"),
        ("command:\n", None),
        ("commands: python a.py\n", None),
        ("  command: nested\n", None),
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
    ("command", "scoring", "expected"),
    [
        ("$program/a $input $output", False, ["/R/program/a", "/R/input_data", "/R/output"]),
        ("a $input $hidden $shared", True, ["a", "/R/input", "/R/input/ref", "/R/shared"]),
        ("a $ingestion_program $submission_program", False, ["a", "/R/program", "/R/ingested_program"]),
        ("a $tmp $predictions", False, ["a", "/R/output", "/R/output"]),
        ("a $tmp $predictions", True, ["a", "/R/output", "/R/input/res"]),
        ("a $input_data", False, ["a", "/R/input_data_data"]),  # the platform's trap
        ("a && b | $HOME 'c d'", False, ["a", "&&", "b", "|", "$HOME", "c d"]),
        ("a --in=/app/input /app /apple ./app/x", True, ["a", "--in=/R/input", "/R", "/apple", "./app/x"]),
        ("python x.py", False, [sys.executable, "x.py"]),
    ],
)
def test_commands_become_the_platforms(command, scoring, expected):
    assert expand_command(command, Path("/R"), scoring) == expected


def test_a_local_path_with_a_space_stays_one_word():
    assert expand_command("a /app/output", Path("/my dir"), False) == ["a", "/my dir/output"]


@pytest.mark.parametrize(("command", "message"), [("'a", "can be split"), ("", "an empty one")])
def test_commands_that_cannot_run(command, message):
    with pytest.raises(KitError, match=message):
        expand_command(command, Path("/R"), False)


def test_child_environment(tmp_path):
    given = {"PATH": "/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": "/x", "SECRET": "y", "HOME": "/root"}
    child = child_environment(tmp_path / "home", given)
    assert set(child) == {"PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "OMP_NUM_THREADS"}
    assert child["HOME"] == str(tmp_path / "home") and child["PYTHONUNBUFFERED"] == "1"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"scores.json": '{"accuracy": 0.5, "n": 3}'}, {"accuracy": 0.5, "n": 3.0}),
        ({"scores.txt": "accuracy: 0.5\n# note\n\nn: 3\n"}, {"accuracy": 0.5, "n": 3.0}),
        ({"scores.json": '{"a": 1}', "scores.txt": "a: 2"}, {"a": 1.0}),
    ],
)
def test_scores_are_read(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert read_scores(tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other", "", "Could not find scores file"),
        ("scores.json", "{", "Could not decode scores json"),
        ("scores.json", "[1]", "expected an object"),
        ("scores.json", "{}", "Received: none"),
        *(("scores.json", f'{{"a": {value}}}', "finite numbers below 1e10") for value in
          ("NaN", "Infinity", "1e10", "-1e11", "null", "true", '"0.5"', "[1]", "1e999")),
        ("scores.txt", "a:0.5", "with a space"),
        ("scores.txt", "a: good", "expected a number"),
        ("scores.txt", "a: nan", "finite numbers below 1e10"),
        ("scores.txt", "", "Received: none"),
    ],
)  # fmt: skip
def test_scores_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(KitError, match=message):
        read_scores(tmp_path)
