"""Any organiser's bundle: what is read of it, what is refused, and a run of it from the command line."""

import contextlib
import json
import random

import pytest
from competition_bundle import MODEL, SCORING, YAML, write_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from submission_zips import make_zip

from local_eval.competition import materialise, open_competition
from local_eval.competition_run import results_page
from local_eval.isolation import choose_isolation
from local_eval.run import main
from submission.kit.errors import KitError

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")


def opened(tmp_path, **changes):
    return open_competition(write_bundle(tmp_path, **changes), tmp_path / "unpacked")


def test_what_is_read(tmp_path):
    found = opened(tmp_path)
    assert (found.title, found.docker_image) == ("Sums", "codalab/codalab-legacy:py39")
    assert [(phase.index, phase.name, phase.tasks, phase.limit_s) for phase in found.phases] == [
        (0, "Dev", [0], None),
        (1, "Final", [0, 3], 33.0),
    ]
    assert sorted(found.tasks) == [0, 3] and found.tasks[3].name == "final"
    assert [column.key for column in found.columns] == ["score", "mean", "time"]  # the first leaderboard, by index
    assert found.columns[1].computation_indexes == [0, 2]
    assert list(found.solutions) == [7]


def test_programs_come_as_folder_or_zip(tmp_path):
    paths = opened(tmp_path).tasks[3].paths
    assert (materialise(paths["scoring_program"], tmp_path / "a") / "metadata.yaml").is_file()
    assert (materialise(paths["ingestion_program"], tmp_path / "b") / "metadata").is_file()
    assert (materialise(paths["input_data"], tmp_path / "c") / "x.txt").read_text() == "4 5"


def changed(old, new):
    assert old in YAML
    return {"competition_yaml": YAML.replace(old, new)}


REFUSED = [
    ({"competition_yaml": None}, "expected competition.yaml at the root. Received: none"),
    (
        {"competition_yaml": None, "top__competition_yaml": YAML},
        "Received: top/competition.yaml. Pack it .* inside top",
    ),
    ({"competition_yaml": "a: 'x"}, "competition.yaml: expected YAML"),
    ({"competition_yaml": "start: 2026-99-99"}, "expected YAML"),
    ({"competition_yaml": "- a"}, "expected `key: value` pairs"),
    ({"competition_yaml": b"\xff\xfe\xfa"}, "expected YAML"),
    (changed("version: 2", "version: 3"), "expected version 2, 1 or 1.5, .* Received: version=3"),
    (changed("version: 2", "version: [2]"), "expected text for 'version'"),
    (changed("version: 2", "version: 2.0"), "expected version 2, 1 or 1.5, .* Received: version=2.0"),
    (changed("index: 3,", "index: 3, ingestion_only_during_scoring: yes,"), "tasks 0: expected ingestion before"),
    (changed("scoring_program: scoring.zip}", "x: 1}"), "tasks 1: expected a scoring_program. Received: none"),
    (changed("reference_data: ref", "reference_data: nowhere"), "'reference_data'. Received: 'nowhere'"),
    (changed("reference_data: ref", "reference_data: ../../etc"), "a folder or a zip of the bundle"),
    (changed("reference_data: ref", "reference_data: /etc"), "a folder or a zip of the bundle"),
    (changed("index: 0, name: dev", "key: 3f2a, index: 0"), "a task that only the server has"),
    (changed("tasks: [0, 3]", "tasks: [0, 4]"), "expected tasks among \\[0, 3\\]. Received: \\[0, 4\\]"),
    (changed("tasks: [0, 3]", "task: 0"), "expected tasks among .* Received: \\[\\]"),
    (changed("index: 7", "index: seven"), "a whole number for 'index'. Received: 'seven'"),
    (changed("execution_time_limit: 33", "execution_time_limit: soon"), "seconds for 'execution_time_limit'"),
    (changed("leaderboards:", "leaderboard:"), "expected at least one of columns"),
    (changed("phases:", "stages:"), "expected at least one of phases"),
    (changed("computation_indexes: [0, 2]", "computation_indexes: 0"), "whole numbers for 'computation_indexes'"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_is_refused(tmp_path, changes, message):
    with pytest.raises(KitError, match=message):
        opened(tmp_path, **changes)


def test_a_bundle_that_is_no_zip(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(KitError, match="x.zip: Bad or empty zip file"):
        open_competition(tmp_path / "x.zip", tmp_path / "u")
    with pytest.raises(KitError, match="which does not exist"):
        open_competition(tmp_path / "y.zip", tmp_path / "u")


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_mutation_of_the_file_gives_a_traceback(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("bundle")
    chance = random.Random(seed)
    raw = bytearray(YAML.encode())
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(raw))
        piece = chance.choice(
            [b"", b"&a ", b"*a", b"[", b"{", b"}", b"!!python/x ", b"\x00", b"\xff", b": ", b"\n", b"9" * 30]
        )
        raw[at : at + chance.randint(0, 6)] = piece
    (folder / "competition.yaml").write_bytes(raw)
    for name in ("in", "ref", "final_ref", "ingestion_program", "scoring.zip", "final_in.zip", "solution"):
        (folder / name).mkdir()
    with contextlib.suppress(KitError):
        open_competition(folder, folder / "unused")
    assert {path.name for path in folder.parent.iterdir()} >= {folder.name} and not (folder / "unused").exists()


def run(tmp_path, *arguments):
    return main([*arguments, "--artifacts", str(tmp_path / "A"), "--bundle", str(tmp_path / "competition.zip")])


@ISOLATED
def test_a_zip_on_every_task_of_a_phase(tmp_path, capsys):
    write_bundle(tmp_path)
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": MODEL})
    assert run(tmp_path, str(zip_path), "--phase", "1") == 0
    text = capsys.readouterr().out
    for wanted in (
        "s.zip on 'Sums', phase 1 (Final): Finished", "task 0 (dev), Codabench 1.25: Finished",
        "task 3 (final), Codabench 1.27: Finished", "Score (score)  1\n", "Time (time)    n/a\n", "Mean (mean)    1\n",
        "ignored, since no column has these keys: extra", "limit 33 s a step; isolated as on the platform",
        "codalab-legacy:py39; here it was Python",
    ):  # fmt: skip
        assert wanted in text, wanted
    [folder] = (tmp_path / "A/judge").glob("*/*")
    assert folder.name == "bundle-competition-phase1"
    value = json.loads((folder / "outcome.json").read_text())
    assert [(one["task"], one["platform"], one["scores"]) for one in value["runs"]] == [
        (task, platform, {"score": 1.0}) for task in (0, 3) for platform in ("1.25", "1.27")
    ]
    assert (folder / "task3-1.25/scores.json").is_file()
    assert (folder / value["runs"][0]["logs"]["scoring_stdout"]).is_file()
    assert len((tmp_path / "A/ledger.jsonl").read_text().splitlines()) == 1


@ISOLATED
def test_each_step_of_each_task_has_the_limits_of_the_command_line(tmp_path, capsys):
    write_bundle(tmp_path)
    bomb = "import os, time\nfor _ in range(300):\n    if os.fork() == 0: time.sleep(20); os._exit(0)\ntime.sleep(20)\n"
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": bomb + MODEL})
    assert run(tmp_path, str(zip_path), "--platform", "1.27", "--max-processes", "50", "--limit-s", "15") == 1
    text = capsys.readouterr().out
    assert "hit the limit of processes: allowed 50 at a time" in text and "limit 15 s a step" in text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.html", "detailed_results.html", "a.html"], "detailed_results.html"),
        (["b.html", "a.html", "scores.json"], "a.html"),
        (["scores.json"], "detailed_results.html"),
    ],
)
def test_which_page_is_shown(tmp_path, names, expected):
    for name in names:
        (tmp_path / name).touch()
    assert results_page(tmp_path) == tmp_path / expected


@ISOLATED
def test_any_html_is_kept_as_the_page(tmp_path):
    scoring = {
        "metadata": "command: python score.py $input $output",
        "score.py": SCORING + "open(sys.argv[2] + '/mine.html', 'w').write('<p>mine')\n",
    }
    write_bundle(tmp_path, **{"scoring.zip": make_zip(tmp_path / "scoring.zip", scoring).read_bytes()})
    assert run(tmp_path, str(make_zip(tmp_path / "s.zip", {"model.py": MODEL})), "--platform", "1.27") == 0
    [page] = (tmp_path / "A/judge").glob("*/*/task0-1.27/detailed_results.html")
    assert page.read_text() == "<p>mine"


@ISOLATED
@pytest.mark.parametrize("said", ["false", "no", None])
def test_no_page_is_kept_where_the_bundle_does_not_enable_detailed_results(tmp_path, said):
    scoring = {
        "metadata": "command: python score.py $input $output",
        "score.py": SCORING + "open(sys.argv[2] + '/detailed_results.html', 'w').write('<p>mine')\n",
    }
    lines = [line for line in YAML.splitlines() if not line.startswith("enable_detailed_results")]
    lines += [f"enable_detailed_results: {said}"] if said else []
    packed = make_zip(tmp_path / "scoring.zip", scoring).read_bytes()
    write_bundle(tmp_path, **{"scoring.zip": packed, "competition.yaml": "\n".join(lines)})
    assert run(tmp_path, str(make_zip(tmp_path / "s.zip", {"model.py": MODEL})), "--platform", "1.27") == 0
    assert len(list((tmp_path / "A/judge").glob("*/*/task0-1.27/scores.json"))) == 1
    assert not list((tmp_path / "A/judge").glob("**/*.html"))


@ISOLATED
def test_the_bundles_own_solution(tmp_path, capsys):
    write_bundle(tmp_path)
    assert run(tmp_path, "--solution", "7", "--platform", "1.27") == 0
    assert "solution 7 on 'Sums', phase 0 (Dev): Finished" in capsys.readouterr().out


@ISOLATED
def test_a_model_that_raises_shows_its_own_traceback(tmp_path, capsys):
    write_bundle(tmp_path)
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": MODEL.replace("sum(numbers)", "numbers[9]")})
    assert run(tmp_path, str(zip_path), "--platform", "1.25") == 1
    text = capsys.readouterr().out
    assert "failed in prediction: the scoring program exited with 1: FileNotFoundError" in text
    assert '|   File "/app/ingested_program/model.py", line 3' in text and "IndexError" in text
    assert "ingest.py" not in text
    assert "warning: the ingestion program exited with 1, which the platform ignores" in text


@ISOLATED
def test_a_score_that_cannot_be_stored_is_finished_with_na_and_told(tmp_path, capsys):
    scoring = {
        "metadata": "command: python score.py $input $output",
        "score.py": SCORING.replace("'extra': [1]", "'extra': float('nan')"),
    }
    write_bundle(tmp_path, **{"scoring.zip": make_zip(tmp_path / "scoring.zip", scoring).read_bytes()})
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": MODEL})
    assert run(tmp_path, str(zip_path), "--platform", "1.25") == 1
    text = capsys.readouterr().out
    assert "phase 0 (Dev): Finished" in text and "Score (score)  n/a" in text
    assert "problem: expected finite numbers. Received: {'extra': nan}; then no score arrives at all" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--phase", "2"], "expected a phase of the bundle: 0 \\(Dev\\), 1 \\(Final\\). Received: 2"),
        (["--solution", "1"], "expected a solution of the bundle: 7. Received: 1"),
        (["none.zip"], "expected a zip at none.zip"),
        (
            ["--solution", "7", "--isolation", "none"],
            "expected a private /app for programs that name it in their code "
            "\\(ingestion_program/ingest.py, scoring_program/score.py\\)",
        ),
    ],
)
def test_what_cannot_be_run(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    make_zip(tmp_path / "s.zip", {"model.py": MODEL})
    write_bundle(tmp_path)
    zips = [] if arguments[0] != "--phase" else ["s.zip"]
    with pytest.raises(KitError, match=message):
        run(tmp_path, *zips, *arguments)


@pytest.mark.parametrize("arguments", [["s.zip", "--solution", "0"], ["s.zip", "--suite", "clean"]])
def test_wrong_usage(tmp_path, arguments):
    with pytest.raises(SystemExit) as exit_info:
        run(tmp_path, *arguments)
    assert exit_info.value.code == 2
