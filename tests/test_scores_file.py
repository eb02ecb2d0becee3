"""Scores as the platform stores them, and as our own stricter runs take them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from local_eval.competition import Column
from local_eval.leaderboard import describe_row, leaderboard_row
from local_eval.scores_file import read_scores
from submission.kit.errors import KitError

# (file, text, stored, ignored keys, problem)
ROWS = [
    ("scores.json", '{"a": 0.5, "b": 3}', {"a": 0.5, "b": 3.0}, [], ""),
    ("scores.txt", "a: 0.5\n# note\n\nb: 3\n", {"a": 0.5, "b": 3.0}, [], ""),
    ("scores.json", '{"b": 1}', {"b": 1.0}, [], ""),
    ("scores.json", '{"a": 1, "other": 2, "more": [1]}', {"a": 1.0}, ["other", "more"], ""),
    ("scores.json", '{"a": 0.12345678901234}', {"a": 0.1234567890}, [], ""),
    ("scores.json", '{"a": 1, "a": 2}', {"a": 2.0}, [], ""),
    ("scores.json", '{"a": 9999999999}', {"a": 9999999999.0}, [], ""),
    ("scores.txt", "a: .5\nb: -1", {"a": 0.5, "b": -1.0}, [], ""),
    ("scores.txt", "a: 1e-5", {"a": 1e-5}, [], "Received: {'a': '1e-5'}"),  # text in YAML 1.1; Decimal takes it
    ("scores.json", '{"a": true}', {"a": 1.0}, [], "Received: {'a': True}"),
    *(
        (
            "scores.json",
            f'{{"b": 1, "a": {value}}}',
            {"b": 1.0},
            [],
            "finite numbers below 1e10.*no score is stored for a",
        )
        for value in ("null", "[1]", "{}", '"good"', "1e10", "-1e11", '"NaN"')
    ),
    ("scores.json", '{"a": null, "b": 1}', {}, [], "no score is stored for a, b"),
    *(
        ("scores.json", f'{{"b": 1, "a": {value}}}', {}, [], "expected finite numbers.*no score arrives at all")
        for value in ("NaN", "Infinity", "-Infinity", "1e999")
    ),
    ("scores.json", '{"a": 1, "other": NaN}', {}, ["other"], "no score arrives at all"),
    ("scores.txt", "a: .nan", {}, [], "no score arrives at all"),
    ("scores.txt", "a: good", {}, [], "finite numbers below 1e10"),
    ("scores.txt", "a: nan", {}, [], "finite numbers below 1e10"),  # text in YAML
    ("scores.txt", "a:0.5", {}, [], "expected `key: value` pairs"),
    ("scores.txt", "a: &x [*x]", {}, [], "finite numbers below 1e10"),
    ("scores.txt", "a: 'x", {}, [], "expected YAML"),
    ("scores.txt", "a: 2026-99-99", {}, [], "expected YAML|finite"),
    ("scores.txt", "", {}, [], "expected `key: value` pairs"),
    ("scores.json", "[1]", {}, [], "expected `key: value` pairs"),
    ("scores.json", "{}", {}, [], "expected one or more scores"),
]


@pytest.mark.parametrize(("name", "text", "stored", "ignored", "problem"), ROWS)
def test_scores_by_the_platforms_rules(tmp_path, name, text, stored, ignored, problem):
    (tmp_path / name).write_text(text)
    scores = read_scores(tmp_path, ["a", "b"])
    assert (scores.stored, scores.ignored) == (stored, ignored)
    with pytest.raises(AssertionError, match=problem or "^$"):
        raise AssertionError("; ".join(scores.problems))
    assert bool(scores.problems) == bool(problem)


def test_of_both_files_json_counts(tmp_path):
    (tmp_path / "scores.json").write_text('{"a": 1}')
    (tmp_path / "scores.txt").write_text("a: 2")
    assert read_scores(tmp_path).stored == {"a": 1}


def test_without_columns_every_key_is_one(tmp_path):
    (tmp_path / "scores.json").write_text('{"a": 1, "z": "x"}')
    scores = read_scores(tmp_path)
    assert scores.stored == {"a": 1} and "no score is stored for z" in scores.problems[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other", "", "Could not find scores file, did the scoring program output it?"),
        ("scores.json", "{", "Could not decode scores json properly, it contains an error"),
        ("scores.json", "", "Could not decode scores json properly"),
    ],
)
def test_what_fails_the_submission(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(KitError, match=message):
        read_scores(tmp_path)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(["scores.json", "scores.txt"]), text=st.binary(max_size=60) | st.text("{}[]a:&*.! -'\"1eN\n")
)
@example(name="scores.txt", text=b"!!int")
@example(name="scores.txt", text="!!timestamp x")
def test_no_file_breaks_the_reader(tmp_path_factory, name, text):
    folder = tmp_path_factory.mktemp("scores")
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        scores = read_scores(folder, ["a"])
    except KitError:
        return
    assert all(abs(value) < 1e10 for value in scores.stored.values())


def column(index, key, computation=None, indexes=()):
    return Column(index, key, key.upper(), computation, list(indexes))


def test_columns_without_a_key_show_na_and_computed_ones_are_computed():
    columns = [column(0, "a"), column(1, "b"), column(2, "c", "avg", [0, 1, 3]), column(3, "d"), column(4, "e", "rank")]
    row = leaderboard_row(columns, {"a": 1.0, "d": 0.5, "other": 9.0})
    assert [value for _, value in row] == [1.0, None, 0.75, 0.5, None]
    shown = [{"key": one.key, "title": one.title, "value": value} for one, value in row]
    assert describe_row(shown) == ["A (a)  1", "B (b)  n/a", "C (c)  0.75", "D (d)  0.5", "E (e)  n/a"]
