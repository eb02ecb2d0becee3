"""The platform's two steps as an organiser's and a contestant's programs see them: each row of its rules is a case.

Programs are shell scripts wherever Python is not needed: a run then takes a tenth of a second.
"""

import json
import time

import pytest
from submission_zips import make_zip

from local_eval.isolation import choose_isolation
from local_eval.limits import Limits
from local_eval.outcome import Outcome
from local_eval.unpack import QUOTA_BYTES, unpack
from local_eval.worker import PLATFORMS, run_submission

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")
SCORE = "cat $input/res/prediction* > /dev/null && echo 'score: 0.5' > $output/scores.txt"


def sh(script: str) -> str:
    """metadata.yaml of a program that is one shell command; `$names` are the platform's."""
    return "command: " + json.dumps(f"sh -c {json.dumps(script)}") + "\n"


def program(folder, metadata, **files):
    folder.mkdir(parents=True)
    if metadata is not None:
        (folder / "metadata.yaml").write_text(metadata)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def run(tmp_path, files, ingestion="true", scoring=SCORE, *, columns=("score",), limits=None, **options) -> Outcome:
    """Run a zip of `files`; ingestion and scoring are shell commands, whole metadata files or None."""
    made = {}
    for name, script in (("ingestion", ingestion), ("scoring", scoring)):
        whole = script is None or script.startswith(("command", "#"))
        made[name] = script if whole else sh(script)
    for name in ("input", "ref"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
    return run_submission(
        make_zip(tmp_path / "s.zip", files),
        tmp_path / "input",
        tmp_path / "ref",
        tmp_path / "work",
        limits or Limits(20),
        ingestion_program=program(tmp_path / "i", made["ingestion"]),
        scoring_program=program(tmp_path / "s", made["scoring"]),
        columns=columns,
        **options,
    )


def stdout(outcome: Outcome, name: str) -> str:
    return outcome.logs[f"{name}_stdout"].read_text()


LOOK = "pwd; cd /app; ls -d * */* | grep -v metadata"
OWN = {"metadata": sh(LOOK)}
TREES = {
    "prediction_ingestion": [
        *("data", "ingested_program", "input_data", "input_data/input.txt", "output", "program"),
    ],
    "prediction": ["data", "input_data", "input_data/input.txt", "output", "program", "program/own.txt"],
    "scoring": [
        *("data", "input", "input/ref", "input/res", "output", "program", "shared"),
    ],
}


@ISOLATED
def test_each_container_sees_the_platforms_folders_and_nothing_else(tmp_path):
    files = {**OWN, "own.txt": ""}
    outcome = run(tmp_path, files, LOOK, f"{LOOK}; echo 'score: 1' > $output/scores.txt")
    assert outcome.scores == {"score": 1}
    for name, tree in TREES.items():
        cwd, *found = stdout(outcome, name).split()
        assert cwd == "/app/program"
        assert set(tree) <= set(found), name
        extra = {one for one in found if one not in tree}
        assert extra <= ({"ingested_program/own.txt"} if name == "prediction_ingestion" else set()), name


@ISOLATED
def test_all_folders_but_data_can_be_written(tmp_path):
    write = "for d in $folders; do touch /app/$d/x 2>/dev/null && echo $d; done; true"
    ingestion = write.replace("$folders", "program ingested_program input_data output data")
    scoring = (
        write.replace("$folders", "program input/ref input/res output shared data")
        + "; echo 'score: 1' > /app/output/scores.txt"
    )
    own = write.replace("$folders", "program input_data output data")
    outcome = run(tmp_path, {"metadata": sh(own)}, ingestion, scoring)
    assert stdout(outcome, "prediction_ingestion").split() == ["program", "ingested_program", "input_data", "output"]
    assert stdout(outcome, "prediction").split() == ["program", "input_data", "output"]
    assert stdout(outcome, "scoring").split() == ["program", "input/ref", "input/res", "output", "shared"]


@ISOLATED
def test_containers_give_what_the_platform_gives(tmp_path):
    look = (
        "grep -c : /proc/net/dev; df -m /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; "
        "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; ls /proc | grep -c '^[0-9]'; echo $PYTHONUNBUFFERED; "
        "touch /usr/x /etc/x 2>/dev/null || echo read-only"
    ).replace("$PYTHONUNBUFFERED", "`printenv PYTHONUNBUFFERED`")
    outcome = run(tmp_path, {"prediction": ""}, look)
    words = stdout(outcome, "prediction_ingestion").split()
    interfaces, shm, *_ = words
    assert (interfaces, shm) == ("1", "64")  # the loopback only
    assert words[2:8] == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    assert int(words[8]) < 6 and words[9:] == ["1", "read-only"]
    assert outcome.isolation == {"active": True, "missing": [], "network": False, "reason": ""}


@ISOLATED
def test_no_graphics_card_and_no_limit_of_its_own(tmp_path):
    outcome = run(tmp_path, {"prediction": ""}, "ls /dev; echo; ulimit -v; ulimit -t")
    devices, limits = stdout(outcome, "prediction_ingestion").split("\n\n")
    assert set(devices.split()) == {
        *("fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero")
    }
    assert limits.split() == ["unlimited", "unlimited"]
    assert Limits().limit_mb is None and Limits().disk_bytes == QUOTA_BYTES == 15_000_000_000


# (what, files of the zip, ingestion, scoring, platforms, expected status, message or stored scores)
KEYS = "echo 'score: 0.25' > $output/scores.txt"
CASES = {
    "A: ingestion runs the submission": (
        {"predict.sh": "echo 1"}, "sh $submission_program/predict.sh > $output/prediction", SCORE, PLATFORMS,
        "Finished", {"score": 0.5}),
    "B: the submission runs beside ingestion": (
        {"metadata.yaml": sh("cat /app/input_data/input.txt > $output/prediction")}, "true", SCORE, PLATFORMS,
        "Finished", {"score": 0.5}),
    "B: metadata without suffix": (
        {"metadata": sh("echo 1 > /app/output/prediction")}, "true", SCORE, PLATFORMS, "Finished", {"score": 0.5}),
    "B: its exit code is ignored": (
        {"metadata": sh("echo 1 > /app/output/prediction; exit 3")}, "true", SCORE, PLATFORMS,
        "Finished", {"score": 0.5}),
    "B: with metadata nothing is copied": (
        {"metadata": sh("true"), "prediction": ""}, "true", SCORE, PLATFORMS, "Failed", "exited with 1"),
    "metadata without a command: nothing copied, nothing run": (
        {"metadata": "description: x", "prediction": ""}, "true", SCORE, PLATFORMS, "Failed", "exited with 1"),
    "metadata that is no YAML is one without a command": (
        {"metadata": "command: 'x", "prediction": ""}, "true", SCORE, PLATFORMS, "Failed", "exited with 1"),
    "metadata that is a folder kills the worker": (
        {"metadata/x": ""}, "true", SCORE, PLATFORMS, "Failed", "metadata cannot be read"),
    "a command that is no text": (
        {"metadata": "command: [a]"}, "true", SCORE, PLATFORMS, "Failed", "expected a command on one line of text"),
    "C: scoring runs the submission": (
        {"model.sh": "echo 0.75"}, "true", "echo score: `sh $predictions/model.sh` > $output/scores.txt", PLATFORMS,
        "Finished", {"score": 0.75}),
    "a zip of mere results": ({"prediction": ""}, "true", SCORE, PLATFORMS, "Finished", {"score": 0.5}),
    "an old prediction is there before ingestion up to 1.26": (
        {"prediction": ""}, "test -e $output/prediction", SCORE, ("1.25",), "Finished", {"score": 0.5}),
    "all of it is there, folders and dotfiles too": (
        {"prediction": "", "a/b": "", ".c": ""}, "test -e $output/a/b && test -e $output/.c", SCORE, ("1.25",),
        "Finished", {"score": 0.5}),
    "all of it is there for scoring from 1.27": (
        {"prediction": "", "a/b": "", ".c": ""}, "test ! -e $output/a", f"cat $input/res/a/b $input/res/.c && {SCORE}",
        ("1.27",), "Finished", {"score": 0.5}),
    "what macOS adds is harmless": (
        {"prediction": "", "__MACOSX/._prediction": "x", ".DS_Store": "x"}, "true", SCORE, PLATFORMS,
        "Finished", {"score": 0.5}),
    "a folder around it is not stripped": (
        {"top/prediction": ""}, "test ! -e $submission_program/prediction", SCORE, PLATFORMS,
        "Failed", "exited with 1"),
    "scores as json come before scores as text": (
        {"a": ""}, "true", "echo '{\"score\": 1}' > $output/scores.json; " + KEYS, PLATFORMS,
        "Finished", {"score": 1.0}),
    "a score of no column is ignored": (
        {"a": ""}, "true", KEYS + "; echo 'other: 1' >> $output/scores.txt", PLATFORMS, "Finished", {"score": 0.25}),
    "a score that cannot be stored is none, and Finished": (
        {"a": ""}, "true", "echo 'score: .nan' > $output/scores.txt", PLATFORMS, "Finished", {}),
    "and only for scoring from 1.27": (
        {"prediction": ""}, "test ! -e $output/prediction", SCORE, ("1.27",), "Finished", {"score": 0.5}),
    "ingestion's exit code is ignored, an old prediction is scored": (
        {"prediction": ""}, "exit 9", SCORE, PLATFORMS, "Finished", {"score": 0.5}),
    "scoring's exit code is not, even with scores": (
        {"prediction": ""}, "true", SCORE + "; exit 2", PLATFORMS, "Failed", "the scoring program exited with 2"),
    "no scores": ({"a": ""}, "true", "true", PLATFORMS, "Failed", "Could not find scores file"),
    "scoring without metadata runs nothing": (
        {"a": ""}, "true", None, PLATFORMS, "Failed", "Could not find scores file"),
    "scoring without a command runs nothing": (
        {"a": ""}, "true", "# nothing", PLATFORMS, "Failed", "Could not find scores file"),
    "ingestion without metadata": (
        {"a": ""}, None, KEYS, PLATFORMS, "Failed", "Program directory missing 'metadata.yaml/metadata'"),
    "ingestion without a command": (
        {"a": ""}, "# nothing", KEYS, PLATFORMS, "Failed", "Program directory missing 'command' in metadata"),
    "ingestion that writes the worker's metadata": (
        {"a": ""}, "touch $output/metadata", KEYS, PLATFORMS, "Failed", "already contains a metadata file"),
    "scoring that writes the worker's metadata": (
        {"a": ""}, "true", KEYS + "; touch $output/metadata", PLATFORMS, "Failed", "already contains a metadata file"),
    "no shell: && and | and $HOME are arguments": (
        {"a": ""}, "true", "command: sh -c 'echo score:\\ $# > /app/output/scores.txt' x && a | $HOME", PLATFORMS,
        "Finished", {"score": 4}),
    "$input_data is /app/input_data_data": (
        {"a": ""}, "command: sh -c 'test $1 = /app/input_data_data && touch /app/output/prediction' x $input_data",
        SCORE, PLATFORMS, "Finished", {"score": 0.5}),
    "the cwd is /app/program": (
        {"w.txt": ""}, "test ! -e w.txt && test -e metadata.yaml && touch $output/prediction", SCORE, PLATFORMS,
        "Finished", {"score": 0.5}),
    "prediction never sees the reference data": (
        {"a": ""}, "test ! -e /app/input && touch $output/prediction", SCORE, PLATFORMS, "Finished", {"score": 0.5}),
    "a program that does not exist": (
        {"a": ""}, "true", "command: /no/such/program", PLATFORMS, "Failed", "the scoring program exited with 127"),
    "a command that cannot be split": (
        {"a": ""}, "command: \"sh -c '\"", SCORE, PLATFORMS, "Failed", "expected a command that can be split"),
}  # fmt: skip
ROWS = [(name, platform) for name, case in CASES.items() for platform in case[3]]


@ISOLATED
@pytest.mark.parametrize(("name", "platform"), ROWS, ids=[f"{name} ({platform})" for name, platform in ROWS])
def test_the_platforms_rules(tmp_path, name, platform):
    files, ingestion, scoring, _, status, expected = CASES[name]
    outcome = run(tmp_path, files, ingestion, scoring, platform=platform)
    assert outcome.status == status, outcome.message
    if isinstance(expected, dict):
        assert outcome.scores == expected
        assert outcome.statuses == ["Submitting", "Submitted", "Preparing", "Running", "Scoring", "Finished"]
    else:
        assert outcome.scores is None and expected in outcome.message


def test_exit_codes_that_the_platform_ignores_are_told(tmp_path):
    files = {"metadata": sh("echo lost >&2; exit 3")}
    outcome = run(tmp_path, files, "exit 4", KEYS.replace("$output", "../output"))
    assert outcome.status == "Finished"
    assert outcome.exit_codes == {"submission": 3, "prediction": 4, "scoring": 0}
    assert outcome.warnings == [
        "the submission's own command exited with 3, which the platform ignores",
        "the ingestion program exited with 4, which the platform ignores",
    ]
    assert outcome.tail == "lost"
    assert set(outcome.logs) == {
        f"{name}_{stream}"
        for name in ("prediction", "prediction_ingestion", "scoring")
        for stream in ("stdout", "stderr")
    }
    told = json.loads((tmp_path / "work/prediction/output/metadata").read_text())
    assert (told["exitCode"], told["ingestionExitCode"]) == (3, 4)


def test_one_time_limit_for_both_containers(tmp_path):
    outcome = run(tmp_path, {"metadata": sh("sleep 60")}, "sleep 0.2", limits=Limits(0.8))
    assert (outcome.status, outcome.breach.kind) == ("Failed", "time")
    assert outcome.exit_codes["submission"] == 137 and outcome.seconds["prediction"] < 0.8


def test_each_step_has_the_whole_limit(tmp_path):
    outcome = run(tmp_path, {"prediction": ""}, "sleep 1.2", f"sleep 1.2; {SCORE}", limits=Limits(2))
    assert outcome.breach is None and sum(outcome.seconds.values()) > 2


def test_unpacking_is_outside_of_the_limit(tmp_path, monkeypatch):
    def slowly(*arguments):
        time.sleep(1.5)
        unpack(*arguments)

    monkeypatch.setattr("local_eval.two_steps.unpack", slowly)
    outcome = run(tmp_path, {"prediction": ""}, limits=Limits(1.4))
    assert outcome.breach is None and sum(outcome.seconds.values()) < 1.4


def test_both_containers_run_at_the_same_time(tmp_path):
    """Ingestion waits for what the submission writes, as organisers of style B do."""
    wait = "while test ! -e $output/prediction; do sleep 0.05; done"
    outcome = run(tmp_path, {"metadata": sh("sleep 0.3; touch $output/prediction")}, wait, limits=Limits(5))
    assert outcome.status == "Finished" and outcome.seconds["prediction"] > 0.25


@ISOLATED
def test_with_network_there_is_one_and_it_is_told(tmp_path):
    outcome = run(
        tmp_path, {"prediction": ""}, "grep -c : /proc/net/dev", isolation=choose_isolation("require", network=True)
    )
    assert int(stdout(outcome, "prediction_ingestion")) >= 1
    assert outcome.isolation["missing"] == ["no network"]
