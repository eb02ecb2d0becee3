"""The check of bundles: each rule of the platform by name, and no rule that the platform does not have."""

import datetime

import pytest
from small_bundle import COMPETITION, REMOVED, accepted, changed, checked, competition

from local_eval.bundle.__main__ import main
from submission.kit.errors import KitError

LONG = "x" * 37
LATER = "2030-02-01 00:00:01"

# field, new value, stage, where, message
CHANGES = [
    ("title", REMOVED, "upload", "title", "Received: nothing"),
    ("title", None, "upload", "title", "Received: None"),
    ("title", True, "upload", "title", "Received: True"),
    ("title", "\0", "upload", "title", "expected a text"),
    ("version", REMOVED, "upload", "version", "expected 2. Received: 1"),
    ("version", 2.0, "upload", "version", "Received: 2.0"),
    ("version", "2", None, "", ""),
    ("image", REMOVED, "upload", "image", "expected a file's name. Received: None"),
    ("image", "terms.md", "upload", "image", "is no picture"),
    ("image", "no.png", "upload", "image", "'no.png' is not in the bundle"),
    ("image", "pictures/logo.png", "upload", "image", "there is 'logo.png'"),
    ("image", "../logo.png", "upload", "image", "outside of the bundle"),
    ("terms", "/nowhere/terms.md", "upload", "terms", "outside of the bundle"),
    ("terms", "kit", "upload", "terms", "is a folder"),
    ("terms", "empty.md", "upload", "terms", "is empty"),
    ("terms", "latin.md", "upload", "terms", "is not UTF-8"),
    ("docker_image", "", "upload", "docker_image", "1 to 128"),
    ("enable_detailed_results", "maybe", "upload", "enable_detailed_results", "expected true or false"),
    ("enable_detailed_results", None, "upload", "enable_detailed_results", "expected true or false"),
    ("enable_detailed_results", "yes", None, "", ""),
    ("pages", REMOVED, "upload", "pages", "at least one entry. Received: nothing"),
    ("pages.0", "overview.md", "upload", "pages[0]", "expected `key: value` lines"),
    ("pages.0.title", REMOVED, "upload", "pages[0].title", "1 to 255"),
    ("pages.0.file", "empty.md", "upload", "pages[0].file", "is empty"),
    ("pages.0.file", 3, "upload", "pages[0].file", "expected a file's name. Received: 3"),
    ("queue", "abc", "notice", "queue", "must exist on the platform"),
    ("tasks", REMOVED, "upload", "tasks", "Received: nothing"),
    ("pages", [], "notice", "pages", "at least one entry. Received: []"),
    ("tasks.0.index", REMOVED, "upload", "tasks[0].index", "expected a number"),
    ("tasks.1.index", 0, "upload", "tasks[1].index", "0 is there twice"),
    ("tasks.0.name", REMOVED, "upload", "tasks[0].name", "1 to 256"),
    ("tasks.0.scoring_program", REMOVED, "upload", "tasks[0].scoring_program", "a task needs one"),
    (
        "tasks.0.ingestion_program",
        "nowhere/",
        "upload",
        "tasks[0].ingestion_program",
        "'nowhere/' is not in the bundle",
    ),
    ("tasks.0.input_data", "terms.md/", "upload", "tasks[0].input_data", "not in the bundle"),
    ("tasks.0.input_data", ".", "run", "tasks[0].input_data", "the whole bundle"),
    ("tasks.0.reference_data", "", "run", "tasks[0].reference_data", "the whole bundle"),
    ("terms", "", "upload", "terms", "the whole bundle"),
    ("tasks.0.input_data", "truth/", "run", "tasks[0].input_data", "submissions could read ['labels.npy']"),
    ("tasks.0.reference_data", "terms.md", "run", "tasks[0].reference_data", "is no zip"),
    ("tasks.0.reference_data", "void/", "run", "tasks[0].reference_data", "is empty"),
    (
        "tasks.0.scoring_program",
        "truth/",
        "run",
        "tasks[0].scoring_program",
        "metadata.yaml at its root. Received: none",
    ),
    ("tasks.0.scoring_program", "nested.zip", "run", "tasks[0].scoring_program", "one in the folder 'score'"),
    ("tasks.0.scoring_program", "flat.zip", None, "", ""),
    (
        "tasks.0.scoring_program",
        "astray/",
        "run",
        "tasks[0].scoring_program/metadata",
        "'gone.py' is not in the program",
    ),
    ("tasks.0.scoring_program", "mute/", "run", "tasks[0].scoring_program/metadata", "expected a command"),
    (
        "tasks.0.ingestion_only_during_scoring",
        True,
        "run",
        "tasks[0].ingestion_only_during_scoring",
        "where the labels",
    ),
    ("phases", [], "upload", "phases", "at least one entry"),
    ("phases.0.index", "first", "upload", "phases[0].index", "expected a number"),
    ("phases.0.name", " ", "upload", "phases[0].name", "1 to 256"),
    ("phases.0.start", REMOVED, "upload", "phases[0].start", "a date is missing"),
    ("phases.0.end", REMOVED, "upload", "phases[0].end", "only the last phase may be without end"),
    ("phases.1.end", REMOVED, None, "", ""),
    ("phases.0.start", "soon", "upload", "phases[0].start", "expected a date. Received: 'soon'"),
    ("phases.0.start", 20300101, "upload", "phases[0].start", "expected a date. Received: 20300101"),
    (
        "phases.0.start",
        datetime.datetime(2030, 1, 1, 9),
        "notice",
        "phases[0].start",
        "its time of day is lost: 2030-01-01",
    ),
    ("phases.0.start", datetime.date(2030, 1, 1), None, "", ""),
    ("phases.0.start", "2030-01-01 00:00:00+02:00", "notice", "phases[0].start", "its offset from UTC is dropped"),
    ("phases.0.start", "2030-01-01 00:00:00+99:00", "notice", "phases[0].start", "its offset from UTC is dropped"),
    ("phases.0.start", "2030-01-01T00:00:00Z", None, "", ""),
    (
        "phases.0.start",
        "soon \ud800 \x1b[2J",
        "upload",
        "phases[0].start",
        "Unknown string format: soon \\ud800 \\x1b[2J",
    ),
    ("phases.0.start", "2-1-2029", "notice", "phases[0].start", "read as month, day, year: 2029-02-01"),
    ("phases.0.end", "2030-02-01 00:00:00", "upload", "phases[1].start", "after the end of the phase before"),
    (
        "phases.0.end",
        LATER,
        "upload",
        "phases[1].start",
        "expected a start after the end of the phase before, 2030-02-01",
    ),
    ("phases.1.end", "2030-01-15", "run", "phases[1].end", "expected an end after 2030-02-01"),
    ("phases.0.tasks", REMOVED, "upload", "phases[0].tasks", "expected indexes of tasks"),
    ("phases.0.tasks", [], "run", "phases[0].tasks", "expected indexes of tasks. Received: []"),
    ("phases.0.tasks", [2], "upload", "phases[0].tasks", "out of [0, 1]. Received: 2"),
    ("phases.0.execution_time_limit", "long", "upload", "phases[0].execution_time_limit", "expected a whole number"),
    ("phases.0.execution_time_limit", 6000, "notice", "phases[0].execution_time_limit", "stops at 600 s, not 6000"),
    ("phases.0.execution_time_limit_ms", 6000, "notice", "phases[0].execution_time_limit_ms", "ignored"),
    ("phases.0.max_submissions_per_day", -1, "upload", "phases[0].max_submissions_per_day", "expected a whole number"),
    ("phases.0.max_submissions_per_person", 9, "notice", "phases[0].max_submissions_per_person", "100 holds"),
    ("phases.0.auto_migrate_to_this_phase", True, "upload", "phases[0].auto_migrate_to_this_phase", "none before it"),
    ("phases.1.auto_migrate_to_this_phase", True, None, "", ""),
    ("phases.0.starting_kit", "kit.zip", "upload", "phases[0].starting_kit", "'kit.zip' is not in the bundle"),
    ("phases.0.starting_kit", None, "upload", "phases[0].starting_kit", "expected a file's name"),
    ("leaderboards", REMOVED, "upload", "leaderboards", "Received: nothing"),
    ("leaderboards.0.title", "x" * 65, "upload", "leaderboards[0].title", "1 to 64"),
    ("leaderboards.0.key", LONG, "upload", "leaderboards[0].key", "1 to 36"),
    ("leaderboards.0.submission_rule", "Best", "upload", "leaderboards[0].submission_rule", "expected one of Add, "),
    ("leaderboards.0.columns", [], "upload", "leaderboards[0].columns", "at least one entry"),
    ("leaderboards.0.columns.0.title", LONG, "upload", "leaderboards[0].columns[0].title", "(37 characters)"),
    ("leaderboards.0.columns.0.key", LONG, "upload", "leaderboards[0].columns[0].key", "(37 characters)"),
    ("leaderboards.0.columns.0.index", REMOVED, "upload", "leaderboards[0].columns[0].index", "Received: nothing"),
    ("leaderboards.0.columns.0.index", 1, "upload", "leaderboards[0].columns", "index 1 is there twice"),
    ("leaderboards.0.columns.0.index", 7, "run", "leaderboards[0].primary_index", "no column has the index 0"),
    ("leaderboards.0.columns.1.key", "accuracy", "upload", "leaderboards[0].columns", "key 'accuracy' is there twice"),
    (
        "leaderboards.0.columns.0.sorting",
        "up",
        "upload",
        "leaderboards[0].columns[0].sorting",
        "expected one of desc, asc",
    ),
    (
        "leaderboards.0.columns.0.computation",
        "avg",
        "upload",
        "leaderboards[0].columns[0].computation",
        "of which columns",
    ),
    (
        "leaderboards.0.columns.0.computation_indexes",
        [1],
        "upload",
        "leaderboards[0].columns[0].computation_indexes",
        "there is no computation",
    ),
    (
        "leaderboards.0.columns.0.computation_indexes",
        [0],
        "upload",
        "leaderboards[0].columns[0].computation_indexes",
        "other columns",
    ),
]


def test_a_good_bundle_has_no_problem(tmp_path):
    assert checked(tmp_path / "b.zip", COMPETITION) == []
    assert accepted(tmp_path / "b.zip", tmp_path / "platform")


@pytest.mark.parametrize(
    ("field", "value", "stage", "where", "message"), CHANGES, ids=[f"{one[0]}={str(one[1])[:20]}" for one in CHANGES]
)
def test_each_rule(tmp_path, field, value, stage, where, message):
    path = tmp_path / "b.zip"
    problems = checked(path, changed(field, value))
    told = [(problem.stage, problem.where) for problem in problems]
    assert told == ([(stage, where)] if stage else [])
    assert all(message in problem.message and problem.fix for problem in problems)
    assert accepted(path, tmp_path / "platform") == (stage != "upload")


def test_all_problems_are_told_at_once(tmp_path, capsys):
    whole = competition()
    del whole["title"], whole["terms"]
    whole["phases"][1]["start"] = "2030-01-01"
    whole["leaderboard"] = whole.pop("leaderboards")
    checked(tmp_path / "b.zip", whole)
    with pytest.raises(KitError, match="b.zip has 4 problems:") as caught:
        main(["--check", str(tmp_path / "b.zip")])
    text = str(caught.value)
    for start in ("title: ", "terms: ", "phases[1].start: ", "leaderboard: expected `leaderboards`, with an s"):
        assert f"\n{start}" in text
    assert text.count("\n    fix: ") == 4 and "[refused on upload]" in text
