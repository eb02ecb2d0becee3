"""The check of bundles: each rule of the platform by name, and no rule that the platform does not have."""

import datetime
import io
import zipfile

import numpy as np
import pytest
import yaml
from codabench_unpacker import RefusedError, unpack_bundle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bundle import COMPETITION, FILES, bundle_bytes, competition

from benchmarks.fuzz_bundle import WriteWatch, mutate_bytes, mutate_text, mutate_values
from local_eval.bundle.__main__ import main
from local_eval.bundle.check import check_bundle
from submission.kit.errors import KitError

LONG = "x" * 37
LATER = "2030-02-01 00:00:01"
REMOVED = object()

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


def zipped(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


PROGRAM = {"metadata.yaml": "command: python /app/program/s.py", "s.py": "pass"}
MORE_FILES = {
    **FILES,
    "empty.md": b"",
    "latin.md": "Größe".encode("latin-1"),
    "void/": b"",
    "astray/metadata": b"command: python $program/gone.py",
    "mute/metadata": b"description: nothing",
    "flat.zip": zipped(PROGRAM),
    "nested.zip": zipped({f"score/{name}": content for name, content in PROGRAM.items()}),
}


def changed(field, value):
    whole = competition()
    *path, last = [int(part) if part.isdigit() else part for part in field.split(".")]
    place = whole
    for part in path:
        place = place[part]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return whole


def checked(path, text, files=MORE_FILES):
    path.write_bytes(bundle_bytes(text, files))
    return check_bundle(path)


def accepted(path, folder):
    try:
        unpack_bundle(path, folder)
    except RefusedError:
        return False
    return True


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


TEXTS = [
    (b"", "expected `key: value` lines. Received: None"),
    (b"- a\n- b\n", "expected `key: value` lines. Received: ['a', 'b']"),
    (b"title: [unclosed", "not valid YAML"),
    (b"title: \xff", "not valid YAML"),
    (b"title: !!python/object/apply:os.system ['touch hacked']", "could not determine a constructor"),
    (b"start: 2030-13-45", "not valid YAML: month must be in 1..12"),
    (b"limit: " + b"9" * 5000, "not valid YAML: Exceeds the limit"),
    (b"a: !!bool perhaps", "not valid YAML: 'perhaps'"),
    (b"a: " + b"[" * 500, "not valid YAML"),
    (b"a: &a [*a]", "expand to more than"),
    (b"a: &a [1,2,3,4,5,6,7,8,9]\n" + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9))
        for n in range(97, 107)), "expand to more than"),
    (b"a: &a {x: 1}\n" + b"".join(b"%c: &%c {<<: [%s]}\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9))
        for n in range(97, 107)), "expand to more than"),
    (b"#" * 200_000, "at most 100000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[text[:30] for text, _ in TEXTS])
def test_what_is_no_mapping_or_dangerous(tmp_path, text, message):
    (problem,) = checked(tmp_path / "b.zip", text)
    assert (problem.stage, problem.where) == ("upload", "competition.yaml") and message in problem.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip"]


def test_a_repeated_key_is_noticed(tmp_path):
    (problem,) = checked(tmp_path / "b.zip", "title: Old\n" + yaml.safe_dump(COMPETITION))
    assert problem.stage == "notice" and "'title' is there twice; the last one wins" in problem.message


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"no zip", "bundle", "expected a zip"),
        (b"", "bundle", "expected a zip"),
        (zipped({"contest/competition.yaml": "version: 2"}), "competition.yaml", "the platform strips no folder"),
        (zipped({"a": "b"}), "competition.yaml", "Received: none"),
        (zipped({"a": "b", "a/c": "d", "competition.yaml": ""}), "bundle", "both file and folder: ['a']"),
        (zipped({"x" * 300: "b"}), "'" + "x" * 37, "the name is too long"),
        (bundle_bytes(COMPETITION).replace(b"Be fair.", b"Be f4ir."), "'terms.md'", "Bad CRC-32"),
    ],
)
def test_zips_that_cannot_be_unpacked(tmp_path, data, where, message):
    path = tmp_path / "b.zip"
    path.write_bytes(data)
    problem = check_bundle(path)[0]
    assert problem.stage == "upload" and problem.where.startswith(where) and message in problem.message
    assert not accepted(path, tmp_path / "platform")


def test_a_zip_bomb_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("local_eval.bundle.bundle_file._BOMB_BYTES", 1 << 20)
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2 << 20))
    (problem,) = check_bundle(path)
    assert "it would unpack to 2097152 bytes" in problem.message


def test_names_are_taken_as_the_platform_extracts_them(tmp_path):
    files = {f"/../{name}": content for name, content in FILES.items()}
    assert checked(tmp_path / "b.zip", COMPETITION, files) == []
    assert accepted(tmp_path / "b.zip", tmp_path / "platform")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3) | st.just(2**31),
    st.just(1.5),
    st.sampled_from(
        ["", " ", "x", "x" * 300, "yes", "2030-01-05", "2029", "terms.md", "truth/", "../x", "a\0", "0", "desc"]
    ),
    st.just([]),
    st.just({}),
    st.just([0]),
    st.just(datetime.date(2030, 1, 20)),
)


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


FIELDS = [path for path in places(COMPETITION) if path]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.booleans(), SCALARS), min_size=1, max_size=3))
def test_refused_by_the_check_means_refused_by_the_platform_and_the_other_way_round(tmp_path_factory, changes):
    whole = competition()
    for path, remove, value in changes:
        place = whole
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            if remove:
                del place[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    folder = tmp_path_factory.mktemp("differential")
    problems = checked(folder / "b.zip", whole, FILES)
    refused = [problem for problem in problems if problem.stage == "upload"]
    assert bool(refused) != accepted(folder / "b.zip", folder / "platform"), [str(one) for one in problems]


def test_the_shape_of_published_bundles_is_accepted(tmp_path):
    """Like the organisers' examples: month-first dates, nulls, ready-made zips, a solution, a question, no end."""
    whole = competition()
    whole |= {
        "solutions": [{"index": 0, "tasks": [0, 1], "path": "kit/"}],
        "fact_sheet": {
            "method": {
                "key": "method",
                "type": "text",
                "title": "Method",
                "selection": "",
                "is_required": "false",
                "is_on_leaderboard": "true",
            }
        },
    }
    for task in whole["tasks"]:
        task |= {"is_public": False, "scoring_program": "flat.zip"}
    whole["phases"][0] |= {"start": "1-1-2030", "end": "1-31-2030", "max_submissions_per_day": 0, "solutions": []}
    whole["phases"][1] |= {"start": "2-1-2030", "auto_migrate_to_this_phase": True}
    del whole["phases"][1]["end"]
    board = whole["leaderboards"][0]
    board |= {"index": 0}
    board["columns"][0] |= {"computation": None, "computation_indexes": None}
    board["columns"].append(
        {"title": "Mean", "key": "mean", "index": 2, "computation": "avg", "computation_indexes": [0, 1]}
    )
    problems = checked(tmp_path / "b.zip", whole)
    assert [(problem.stage, problem.where) for problem in problems] == [
        ("notice", "phases[0].start"),
        ("notice", "phases[1].start"),
    ]
    assert accepted(tmp_path / "b.zip", tmp_path / "platform")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([mutate_text, mutate_values, mutate_bytes]), st.integers(0, 2**31))
def test_whatever_is_broken_is_told_without_a_traceback_or_a_file(tmp_path_factory, mutate, seed):
    folder = tmp_path_factory.mktemp("mutated")
    (folder / "b.zip").write_bytes(mutate(np.random.default_rng(seed)))
    for problem in check_bundle(folder / "b.zip"):
        assert problem.stage in ("upload", "run", "notice") and str(problem).encode()
    assert [path.name for path in folder.iterdir()] == ["b.zip"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_may_be_competition_yaml(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("bytes") / "b.zip"
    assert any(problem.stage == "upload" for problem in checked(path, text, FILES))


def test_the_fuzzer_sees_a_write(tmp_path):
    watch = WriteWatch()
    watch.on = True
    (tmp_path / "x").write_text("x")
    watch.on = False
    (tmp_path / "y").write_text("y")
    assert len(watch.written) == 1 and "'open'" not in watch.written[0] and "/x" in watch.written[0]
