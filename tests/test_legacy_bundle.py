"""Bundles of CodaLab's old form: what Codabench reads of them, what it refuses, and a run."""

import contextlib
import random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from submission_zips import make_zip

from local_eval.competition import open_competition
from local_eval.isolation import choose_isolation
from local_eval.run import main
from submission.kit.errors import KitError

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")
YAML = """
title: Old form
competition_docker_image: codalab/codalab-legacy:py39
image: logo.png
html: {overview: overview.html, terms: terms.html}
phases:
  7:
    phasenumber: 2
    label: Final
    start_date: 2020-02-15 18:53:00+00:00
    scoring_program: scoring.zip
    reference_data: final.zip
    execution_time_limit: 77
  3: &dev
    phasenumber: 1
    label: Dev
    start_date: 2020-01-15
    scoring_program: scoring.zip
    reference_data: dev.zip
    ingestion_program: ingestion.zip
    input_data: input.zip
leaderboard:
  leaderboards:
    RESULTS: &results {label: Results, rank: 1}
    OTHER: &other {label: Other, rank: 2}
  columns:
    late: {label: Late, leaderboard: *results, rank: 9, numeric_format: 2}
    first: {leaderboard: {label: results}}
    elsewhere: {label: Elsewhere, leaderboard: *other, rank: 2}
    right: {label: Right, leaderboard: *results, rank: 3}
"""
# the line ends of another system, as several published bundles have them
SCORING = {
    "metadata": "command: python score.py $input $output\r\ndescription: compares\r\n",
    "score.py": "import sys\r\n"
    "truth, answer = (open(f'{sys.argv[1]}/{n}').read().split() for n in ('ref/truth.txt', 'res/answer.txt'))\r\n"
    "right = sum(a == b for a, b in zip(truth, answer)) / len(truth)\r\n"
    "open(sys.argv[2] + '/scores.txt', 'w').write(f'right: {right:0.12f}\\nlate: 0\\n')\r\n",
}
INGESTION = {
    "metadata": "command: sh -c 'cat /app/ingested_program/a.txt /app/input_data/b.txt > /app/output/answer.txt'\n"
}


def write_bundle(tmp_path, text=YAML):
    parts = {
        "scoring.zip": SCORING,
        "ingestion.zip": INGESTION,
        "input.zip": {"b.txt": " 3"},
        "dev.zip": {"truth.txt": "1 2 3 4"},
        "final.zip": {"truth.txt": "1 2\r\n"},
    }
    files = {name: make_zip(tmp_path / name, inner).read_bytes() for name, inner in parts.items()}
    return make_zip(tmp_path / "old.zip", {"competition.yaml": text, **files})


def opened(tmp_path, text=YAML):
    return open_competition(write_bundle(tmp_path, text), tmp_path / "unpacked")


@pytest.mark.parametrize("version", ["", "version: 1\n", "version: '1'\n", "version: 1.5\n"])
def test_what_is_read(tmp_path, version):
    found = opened(tmp_path, version + YAML)
    assert (found.title, found.docker_image, found.solutions) == ("Old form", "codalab/codalab-legacy:py39", {})
    assert [(one.index, one.name, one.tasks, one.limit_s) for one in found.phases] == [
        (0, "Dev", [0], None),
        (1, "Final", [1], 77.0),
    ]
    assert {index: task.name for index, task in found.tasks.items()} == {0: "Dev Task", 1: "Final Task"}
    assert sorted(found.tasks[1].paths) == ["reference_data", "scoring_program"]
    columns = [(column.index, column.key, column.title) for column in found.columns]
    assert columns == [(0, "first", "first"), (2, "right", "Right"), (3, "late", "Late")]


def test_the_image_has_a_default(tmp_path):
    found = opened(tmp_path, YAML.replace("codalab/codalab-legacy:py39", "''"))
    assert found.docker_image == "codalab/codalab-legacy:py37"


def test_the_parent_phase_of_version_1_8_is_none(tmp_path):
    value = yaml.safe_load(YAML)
    value["phases"][0] = {"phasenumber": 0, "label": "Parent", "is_parallel_parent": True}
    assert [phase.name for phase in opened(tmp_path, yaml.safe_dump(value)).phases] == ["Dev", "Final"]


REFUSED = [
    ("html:", "pages:", "in `html`. Received: neither. The platform refuses it: HTML pages could not be found"),
    ("terms: terms.html", "rules: x.html", "expected `terms` among the pages. Received: none"),
    ("phases:", "stages:", "phases: expected `key: value` pairs. Received: None"),
    ("phasenumber: 1", "phasenumber: one", "phases 3: expected a whole number for 'phasenumber'. Received: 'one'"),
    ("label: Final\n", "name: Final\n", "phases 7: expected text for 'label'"),
    ("scoring_program: scoring.zip\n    reference_data: dev", "reference_data: dev", "expected a scoring_program"),
    ("reference_data: dev.zip", "reference_data: none.zip", "'reference_data'. Received: 'none.zip'"),
    ("reference_data: dev.zip", "reference_data: ../old.zip", "a folder or a zip of the bundle"),
    (
        "input_data: input.zip",
        "ingestion_program_only_during_scoring: true",
        "expected ingestion before scoring. Received: ingestion_only_during_scoring",
    ),
    ("leaderboard:\n", "leaderboards:\n", "leaderboard: expected `key: value` pairs. Received: None"),
    ("late: {label: Late, leaderboard: *results,", "late: {label: Late,", "columns late, leaderboard: expected `key"),
    ("rank: 9", "rank: last", "columns late: expected a whole number for 'rank'"),
]


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_what_is_refused(tmp_path, old, new, message):
    assert old in YAML
    with pytest.raises(KitError, match=message):
        opened(tmp_path, YAML.replace(old, new, 1))


PIECES = (
    "",
    "&a ",
    "*a",
    "*results",
    "[",
    "{",
    "}",
    ": ",
    "\n",
    "~",
    ".nan",
    "0x" + "f" * 5000,
    "2020-99-99",
    "\0",
    "!!set ",
)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_mutation_of_the_file_gives_a_traceback(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("bundle")
    chance = random.Random(seed)
    text = YAML
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 6) :]
    (folder / "competition.yaml").write_text(text)
    for name in ("scoring.zip", "ingestion.zip", "input.zip", "dev.zip", "final.zip"):
        (folder / name).touch()
    with contextlib.suppress(KitError):
        open_competition(folder, folder / "unused")
    assert not (folder / "unused").exists()


@pytest.mark.parametrize("key", ["title", "version", "competition_docker_image"])
def test_a_number_too_long_to_be_written(tmp_path, key):
    with pytest.raises(KitError, match="expected YAML. Received: a number of more than 4300 digits"):
        opened(tmp_path, YAML + f"{key}: 0x{'f' * 5000}\n")


@ISOLATED
@pytest.mark.parametrize(
    ("phase", "files", "row"),
    [
        (0, {"a.txt": "1 2"}, ["first (first)  n/a", "Right (right)  0.75", "Late (late)    0"]),
        (1, {"answer.txt": "1 9"}, ["first (first)  n/a", "Right (right)  0.5", "Late (late)    0"]),
    ],
)
def test_a_run(tmp_path, capsys, phase, files, row):
    write_bundle(tmp_path)
    zip_path = make_zip(tmp_path / "s.zip", files)
    bundle = ["--bundle", str(tmp_path / "old.zip"), "--phase", str(phase)]
    assert main([str(zip_path), "--artifacts", str(tmp_path / "A"), *bundle]) == 0
    text = capsys.readouterr().out
    for platform in ("1.25", "1.27"):
        assert f"Codabench {platform}: Finished" in text
    assert text.count("\n".join(f"    {line}" for line in row)) == 2
