"""A sweep of real trainings on the tiny contest: the runs of `training.train`, bit for bit, and what follows."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_contest import TINY, make_contest

from ensembles.fit import main as fit
from submission.kit.files import read_json
from training.event_file import EVENTS
from training.predict import main as predict
from training.run_list.command import main as runs
from training.runs import list_runs
from training.sweep import main as sweep
from training.train import main as train

FIELDS = ["epochs=1", *TINY[1:], 'policy="flips"']


def arrays(path: Path) -> dict[str, np.ndarray]:
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.slow
def test_a_sweep_trains_what_train_would_and_never_again(tmp_path, capsys):
    contest = make_contest(tmp_path / "contest")
    where = ["--artifacts", str(contest)]
    assert train([*where, "--run-dir", str(tmp_path / "by-hand"), "--set", *FIELDS]) == 0
    fields = "{'epochs': [1], 'batch_size': [24], 'warmup_epochs': [0.5], 'policy': ['flips']}"
    (tmp_path / "two.py").write_text(
        f"from training.sweeping import Sweep\nSWEEP = Sweep(folds=[0, 1], fields={fields})\n"
    )
    command = [*where, "--sweep", str(tmp_path / "two.py"), "--threads", "1"]
    assert sweep([*command, "--dry-run"]) == 0
    assert "sweep: 2 runs, 0 of them done" in capsys.readouterr().out
    assert sweep(command) == 0
    assert "sweep two: 2 trained; best shifted 0." in capsys.readouterr().out
    made = list_runs(contest / "runs")
    assert [run.config["fold"] for run in made] == [0, 1]
    assert set(made[0].metrics()["select"]) == {"clean", "an2dl"}
    assert (made[0].path / EVENTS).stat().st_size > 100
    by_hand, swept = (arrays(path / "best.weights.h5") for path in (tmp_path / "by-hand", made[0].path))
    assert by_hand.keys() == swept.keys() and by_hand
    assert all(np.array_equal(by_hand[name], swept[name]) for name in by_hand)

    before = [(run.path / "best.weights.h5").stat().st_mtime_ns for run in made]
    assert sweep(command) == 0
    assert "sweep two: 2 up to date" in capsys.readouterr().out
    assert [(run.path / "best.weights.h5").stat().st_mtime_ns for run in made] == before
    told = read_json(contest / "sweeps" / "two" / "sweep.json", "")
    assert {row["run"] for row in told["rows"]} == {run.name for run in made}

    assert runs([*where, "--best", "2", "--names"]) == 0
    names = capsys.readouterr().out.split()
    assert sorted(names) == [run.name for run in made]
    assert predict([*where, *(part for name in names for part in ("--run", name))]) == 0
    assert fit([*where, "--runs", *names]) == 0
