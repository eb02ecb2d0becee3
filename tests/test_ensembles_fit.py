"""The command: what it writes, prints and refuses."""

import csv
import json
import re

import numpy as np
import pytest
from ensemble_tables import write_cost, write_run

from ensembles.fit import Settings, fit, kept_ensemble, main
from ensembles.methods import METHODS
from ensembles.table import load_select
from submission.kit.errors import KitError
from submission.kit.files import write_text

QUICK = [method.name for method in METHODS if method.quick]


@pytest.fixture
def artifacts(tmp_path):
    write_run(tmp_path, "a-f0-s0-1", 2.0, seed=0)
    write_run(tmp_path, "b-f1-s0-2", 2.2, seed=1, fold=1)
    write_run(tmp_path, "c-f0-s0-3", 6.0, seed=2, skill_under_shift=-6.0)  # the best on clean images
    write_run(tmp_path, "d-f0-s0-4", 9.0, 9, state="trained")
    return tmp_path


def test_the_ensemble_file(artifacts):
    ensemble = fit(artifacts, None)
    assert json.loads((artifacts / "ensemble" / "ensemble.json").read_text()) == ensemble
    names = [member["name"] for member in ensemble["members"]]
    weights_mv = np.array(ensemble["weights_mv"])
    assert names == ["a-f0-s0-1", "b-f1-s0-2"]  # chosen under shift; the fourth is not predicted
    assert weights_mv.shape == (2, len(ensemble["views"]))
    assert weights_mv.sum() == pytest.approx(1)
    assert all(0.05 <= member["temperature"] <= 20 for member in ensemble["members"])
    assert 0.05 <= ensemble["pool_temperature"] <= 20
    assert sorted(map(tuple, ensemble["order"])) == [tuple(pair) for pair in np.argwhere(weights_mv > 0).tolist()]
    assert ensemble["adapt"] is None
    np.testing.assert_allclose(ensemble["class_prior"], 1 / 3)
    assert [line["method"] for line in ensemble["table"]] == QUICK
    assert [line["method"] for line in ensemble["table"] if line["chosen"]] == [ensemble["method"]]
    (alone,) = ensemble["left_out"]
    for key, suite in (("accuracy_shifted", "an2dl"), ("accuracy_clean", "clean")):
        table = load_select(artifacts / "runs", ["c-f0-s0-3"], suite)
        assert alone[key] == pytest.approx((table.probs_mvnk[0, 0].argmax(-1) == table.labels).mean())
    assert alone["run"] == "c-f0-s0-3"
    assert ensemble["tta_gain"]["shifted"] > 0  # two views of independent errors
    chosen = next(line for line in ensemble["table"] if line["chosen"])
    assert ensemble["nested"]["an2dl"] == pytest.approx(chosen["accuracy_shifted"])
    assert ensemble["forecast"]["an2dl"] == pytest.approx(chosen["accuracy_shifted"], abs=0.03)
    with (artifacts / "ensemble" / "table.csv").open(newline="") as file:
        assert [line["method"] for line in csv.DictReader(file)] == QUICK
    assert fit(artifacts, None) == ensemble


def test_suites_beyond_the_default_and_a_family_left_out(tmp_path):
    for n, name in enumerate("ab"):
        write_run(tmp_path, name, 1.5 + n, seed=n, num_images=60, suites=("an2dl", "stain", "prior"))
    ensemble = fit(tmp_path, None, Settings(suites=["all"], methods=["equal", "single", "stack_full"]))
    assert ensemble["suites"] == ["clean", "an2dl", "prior", "stain"]
    assert set(ensemble["forecast"]) == set(ensemble["suites"])
    assert [line["method"] for line in ensemble["table"]] == ["equal", "single", "stack_full"]
    assert all(0 < line["accuracy_family_left_out"] <= 1 for line in ensemble["table"])
    assert not ensemble["tuned"]


def test_one_run_with_one_view_is_enough(artifacts):
    write_run(artifacts, "solo", 2.0, 5, views=["identity"])
    ensemble = fit(artifacts, ["solo"], Settings(max_members=1))
    assert (ensemble["weights_mv"], ensemble["views"], ensemble["order"]) == ([[1.0]], ["identity"], [[0, 0]])
    assert ensemble["left_out"] == []
    assert ensemble["tta_gain"]["both"] == 0


def test_a_limit_of_time_and_size(artifacts):
    for name, ms in (("a-f0-s0-1", 1.0), ("b-f1-s0-2", 10.0), ("c-f0-s0-3", 0.5)):
        write_cost(artifacts / "runs" / name, ms)
    # 1000 images: a view of a takes 1 s, of b 10 s; loading .1 s; usable are 3.5 s
    arguments = {"limit_s": 14.0, "num_images": 1000, "safety": 4.0}
    ensemble = fit(artifacts, None, Settings(**arguments))
    assert [member["run"] for member in ensemble["members"]] == ["a-f0-s0-1"]
    assert {run["run"] for run in ensemble["left_out"]} == {"b-f1-s0-2", "c-f0-s0-3"}
    assert all(line["seconds"] <= 3.5 for line in ensemble["table"])
    free = fit(artifacts, None)
    assert len(free["members"]) == 2  # without a limit both are best
    small = fit(artifacts, None, Settings(limit_mb=6.0))
    assert len(small["members"]) == 1 and all(line["size_mb"] <= 6 for line in small["table"])
    assert main(["--artifacts", str(artifacts), "--limit-s", "an2dl"]) == 0  # a profile's name


def test_limits_that_nothing_meets_and_costs_that_are_not_measured(artifacts):
    with pytest.raises(KitError, match=r"none of today's weights for a-f0-s0-1, b-.*, c-.*submission\.cost .*--run a-"):
        fit(artifacts, None, Settings(limit_s=100))
    for name, ms in (("a-f0-s0-1", 1.0), ("b-f1-s0-2", 10.0), ("c-f0-s0-3", 0.5)):
        write_cost(artifacts / "runs" / name, ms)
    with pytest.raises(KitError) as caught:
        fit(artifacts, None, Settings(limit_s=1.0, limit_mb=2.0, num_images=1000))
    lines = str(caught.value).splitlines()
    assert "fits 0.2 s and 2.0 MB" in lines[0]
    assert [line.split(":")[0].strip() for line in lines[1:4]] == ["c-f0-s0-3", "a-f0-s0-1", "b-f1-s0-2"]
    assert lines[1].endswith("0.6 s, 5.5 MB")


def test_the_command(artifacts, capsys):
    arguments = ["--artifacts", str(artifacts), "--runs", "a-f0-s0-1", "c-f0-s0-3"]
    assert main([*arguments, "--adapt-prior"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(QUICK) + 4
    assert re.fullmatch(
        r"left out, each alone under the identity view: c-f0-s0-3 \(shifted 0\.\d{4}, clean \d\.\d{4}\)", lines[-4]
    )
    assert re.match(r"forecast: 0\.\d{4} on the mean of the suites: the nested score .* 0\.\d{4}, less", lines[-3])
    assert lines[-2].startswith("TTA (2 views, ")
    assert "ensemble.json" in lines[-1] and "python -m submission.export" in lines[-1]
    written = json.loads((artifacts / "ensemble" / "ensemble.json").read_text())
    assert written["adapt"] == {"prior": True, "batch_norm": None}


def test_what_tune_chose_is_kept_until_a_prediction_changes(artifacts, capsys):
    where = ["--artifacts", str(artifacts), "--runs", "a-f0-s0-1", "b-f1-s0-2"]
    fit(artifacts, ["a-f0-s0-1", "b-f1-s0-2"])
    assert kept_ensemble(artifacts, None) is None  # not tuned
    tuned = fit(artifacts, ["a-f0-s0-1", "b-f1-s0-2"], Settings(methods=["all"]))
    assert [line["method"] for line in tuned["table"]] == [method.name for method in METHODS]
    capsys.readouterr()
    assert main([*where, "--unless-tuned"]) == 0
    assert "kept as make tune chose it" in capsys.readouterr().out
    assert kept_ensemble(artifacts, ["a-f0-s0-1"]) == tuned
    assert kept_ensemble(artifacts, ["a-f0-s0-1", "c-f0-s0-3"]) is None  # one that tune did not know
    write_run(artifacts, "b-f1-s0-2", 2.2, seed=11, fold=1)
    assert kept_ensemble(artifacts, ["a-f0-s0-1"]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "nope", "d-f0-s0-4"], r"a-f0-s0-1, b-f1-s0-2, c-f0-s0-3\. Received: nope, d-f0-s0-4"),
        (
            ["--max-members", "0", "--safety", "0.5"],
            "--max-members must be at least 1. Received: 0; --safety must be at least 1. Received: 0.5",
        ),
        (["--limit-s", "-1"], "--limit-s must be above 0. Received: -1"),
        (["--suites", "clean,stain"], "stain: not predicted by a-f0-s0-1, b-f1-s0-2, c-f0-s0-3"),
        (["--methods", "magic"], "Received: magic"),
    ],
)
def test_bad_arguments_are_named(artifacts, arguments, message):
    with pytest.raises(KitError, match=message):
        main(["--artifacts", str(artifacts), *arguments])


def test_without_runs_or_predictions_the_error_names_the_command(artifacts, tmp_path_factory):
    with pytest.raises(
        KitError,
        match=r"Received: none\. Run `python -m training\.predict --artifacts .*empty0`, after training\.train",
    ):
        fit(tmp_path_factory.mktemp("empty"), None)
    (artifacts / "runs" / "a-f0-s0-1" / "probs_oof.npz").unlink()
    with pytest.raises(
        KitError, match=r"oof.npz is missing: run `python -m training\.predict --artifacts .* --run a-f0-s0-1`"
    ):
        fit(artifacts, None)


def test_runs_of_another_split_are_no_members(tmp_path):
    write_run(tmp_path, "a-f0-s0-1", 2.0, 1)
    write_text(tmp_path / "split" / "folds.csv", "tomorrow's split")
    with pytest.raises(KitError, match="predicted runs of today's split.*Received: a-f0-s0-1, all of another split"):
        main(["--artifacts", str(tmp_path)])
    with pytest.raises(KitError, match="a-f0-s0-1 was trained under another split"):
        main(["--artifacts", str(tmp_path), "--runs", "a-f0-s0-1"])
