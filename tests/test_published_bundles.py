"""The benchmark on published competitions: its own rules on one of our making, and the published ones where at hand."""

import hashlib
import os
from pathlib import Path

import pytest

from benchmarks.published_bundles import TABLE, differences, main
from local_eval.isolation import choose_isolation
from submission.kit.errors import KitError
from submission.kit.files import read_json

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")
CHECKOUTS = os.environ.get("PUBLISHED_BUNDLES", "")
ENTRIES = read_json(TABLE, "")["bundles"]
FILES = {
    "b/competition.yaml": """
version: 2
title: Words
tasks: [{index: 0, scoring_program: scoring.zip, reference_data: ref, input_data: empty}]
phases: [{name: a, tasks: [0], execution_time_limit: 20}]
leaderboards: [{columns: [{key: same, title: Same, index: 0}, {key: other, title: Other, index: 1}]}]
""",
    "b/scoring/metadata": "command: sh score.sh $input $output",
    "b/scoring/score.sh": "cmp $1/ref/word.txt $1/res/word.txt && echo 'same: 0.5' > $2/scores.txt",
    "sample/word.txt": "yes",
}


def entry(tmp_path, **changes):
    """An entry of the table, and its checkout in tmp_path/repo."""
    for path, text in FILES.items():
        (tmp_path / "repo" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / path).write_text(text)
    (tmp_path / "out").mkdir(exist_ok=True)
    value = {
        "repository": "o/r",
        "bundle": "b",
        "files": {path: ["0" * 40, hashlib.sha256(text.encode()).hexdigest()] for path, text in FILES.items()},
        "absent": {"b/ref/word.txt": "yes"},
        "folders": ["empty"],
        "zips": {"scoring.zip": "scoring"},
        "submission": {"word.txt": "sample/word.txt"},
        "status": "Finished",
        "columns": {"same": 0.5, "other": None},
    }
    return value | changes, tmp_path / "repo", tmp_path / "out", None


@ISOLATED
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"columns": {"same": 0.6}}, ["1.25: expected same=0.6. Received: 0.5", "1.27: expected same=0.6."]),
        ({"columns": {"other": 0.0}}, ["1.25: expected other=0.0. Received: None", "1.27"]),
        ({"absent": {"b/ref/word.txt": "no"}}, ["1.25: expected Finished. Received: Failed, the scoring", "1.27"]),
        ({"refused": "anything"}, ["expected a refusal with 'anything'. Received: Finished"]),
        ({"zips": {}}, ["expected a run. Received: .*scoring_program"]),
        ({"zips": {}, "refused": "a folder or a zip"}, []),
    ],
)
def test_what_differs_is_told(tmp_path, changes, told):
    found = differences(*entry(tmp_path, **changes))
    assert len(found) == len(told)
    for line, start in zip(found, told, strict=True):
        assert all(part in line for part in start.split(".*"))


def test_other_texts_than_the_published_ones_are_an_error(tmp_path):
    arguments = entry(tmp_path)
    (tmp_path / "repo/sample/word.txt").write_text("no")
    with pytest.raises(KitError, match="expected the published text in .*word.txt"):
        differences(*arguments)
    with pytest.raises(KitError, match="expected a published file at .*; clone its repository there"):
        main([str(tmp_path / "nowhere")])


@pytest.mark.slow
@ISOLATED
@pytest.mark.skipif(not CHECKOUTS, reason="PUBLISHED_BUNDLES names no folder of clones")
@pytest.mark.parametrize("number", range(len(ENTRIES)), ids=[one["repository"] for one in ENTRIES])
def test_a_published_bundle(tmp_path, number):
    one = ENTRIES[number]
    pytest.importorskip("pandas", reason="the organisers' programs need pandas")
    assert differences(one, Path(CHECKOUTS) / one["repository"], tmp_path, None) == []
