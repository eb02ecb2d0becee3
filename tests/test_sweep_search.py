"""Searches: drawn by the shifted score, pruned by it, taken up again after any end."""

import json
import math
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from submission.kit.errors import KitError
from submission.kit.files import write_json
from training.history import append_line
from training.run_lock import locked
from training.runs import open_run
from training.sweeping import Sweep, choice, log_uniform
from training.sweeping.drive import Drive
from training.sweeping.executor import Ended
from training.sweeping.halving import is_rung
from training.sweeping.results import importances, rank_correlation, search_rows, write_results
from training.sweeping.search import FAILURES, OWNERS, Search
from training.sweeping.study import counted, mend_tail, open_study

EPOCHS = 9
SWEEP = Sweep(
    folds="all",
    fields={"learning_rate": log_uniform(1e-5, 1e-1), "policy": choice("flips", "strong"), "epochs": [EPOCHS]},
)
CONTEST = SimpleNamespace(
    data=SimpleNamespace(image_shape=(8, 8, 3), class_names=["a", "b"]),
    folds=SimpleNamespace(training_rows=lambda fold: np.arange(90), num_folds=3),
    folds_sha256="0" * 64,
)
FACTS = {"backend": "tensorflow", "auto_precision": "float32"}


def shifted(recipe) -> float:
    """Best at a learning rate of 1e-3, a little better under policy strong; the clean score goes the other way."""
    return 0.9 - abs(math.log10(recipe["learning_rate"]) + 3) / 4 + 0.02 * (recipe["policy"] == "strong")


class InlineExecutor:
    """Trains two at once within this process: an epoch of each at every `wait`."""

    def __init__(self, slots: int = 2) -> None:
        self.slots, self.jobs, self.stopped = slots, {}, set()

    def recall(self, folder):
        """Nothing is done elsewhere."""

    def has_slot(self):
        return len(self.jobs) < self.slots

    def has_room(self, job):
        return True

    def submit(self, job):
        assert "--select-epochs" in job.argv
        self.jobs[job.name] = open_run(job.log.parent)

    def stop(self, name):
        self.stopped.add(name)

    def wait(self, timeout_s):
        ended = []
        for name, run in list(self.jobs.items()):
            recipe = run.config["recipe"]
            epoch, value = len(run.history()) + 1, shifted(recipe)
            if name not in self.stopped and epoch <= recipe["epochs"]:
                score = value * (1 - 0.5**epoch)
                append_line(run.path / "history.jsonl", {"epoch": epoch, "seconds": 1.0, "select_an2dl": score})
                continue
            if name not in self.stopped:
                write_json(run.path / "metrics.json", {"select": {"clean": 1 - value / 2, "an2dl": value}})
                run.set_state("trained")
            del self.jobs[name]
            ended.append(Ended(name, 0))
        return ended


def open_search(tmp_path, trials, sweep=SWEEP, pruner="halving", seed=0):
    folder = tmp_path / "sweeps" / "s"
    study = open_study(folder / "s.journal", pruner, seed)
    return Search(sweep, study, folder, CONTEST, FACTS, tmp_path / "runs", trials)


def run_search(tmp_path, trials, **options):
    search = open_search(tmp_path, trials, **options)
    with locked(search.folder / OWNERS / search.owner):
        done = Drive(search, InlineExecutor(), tmp_path).work_off()
    return search, done


def test_a_search_finds_the_best_prunes_the_poor_and_shows_both_scores(tmp_path):
    search, done = run_search(tmp_path, 30)
    assert len(done.outcomes) == 30
    assert done.count("pruned") > 5 and done.count("trained") > 5
    for work, outcome in done.outcomes:
        assert work.run.state == outcome.state
        assert (len(work.run.history()) == EPOCHS) == (outcome.state == "trained")
    rows = search_rows(counted(search.study), SWEEP.space())
    best = max((row for row in rows if row["shifted"]), key=lambda row: row["shifted"])
    assert best["shifted"] > 0.85
    assert abs(math.log10(best["fields"]["learning_rate"]) + 3) < 0.3
    assert rank_correlation(rows) == pytest.approx(-1)
    shares = importances(search.study, SWEEP.space())
    assert set(shares) == {"learning_rate", "policy"} and shares["learning_rate"] > 0.5
    write_results(search.folder, "s", rows, shares)
    told = json.loads((search.folder / "sweep.json").read_text())
    assert told["pictures"] == ["clean_and_shifted.png", "history.png", "importance.png"]
    assert all((search.folder / name).stat().st_size > 5000 for name in told["pictures"])
    assert told["best"]["run"] == best["run"] and told["counts"]["pruned"] == done.count("pruned")
    first = done.outcomes[0][0]
    assert {work.unit.fold for work, _ in done.outcomes} == {0, 1, 2}  # turn by turn
    assert first.unit.argv(tmp_path)[:6] == ["--artifacts", str(tmp_path), "--recipe", "small_cnn", "--fold", "0"]


def test_the_number_of_trials_counts_earlier_ones(tmp_path):
    _, done = run_search(tmp_path, 4)
    assert len(done.outcomes) == 4
    again, done = run_search(tmp_path, 6)
    assert again.total == len(done.outcomes) == 2
    drawn = [trial.params["learning_rate"] for trial in again.study.trials]
    assert len(set(drawn)) == 6  # no draw is made twice
    assert run_search(tmp_path, 6)[1].outcomes == []


def test_trials_of_a_process_that_is_gone_go_on_with_their_runs(tmp_path):
    lost = open_search(tmp_path, 5)
    with locked(lost.folder / OWNERS / lost.owner):
        works = [lost.take(), lost.take()]
        assert [work.unit.fold for work in works] == [0, 1]
        other = open_search(tmp_path, 5)  # while it lives
        assert other.study.trials[0].state.name == "RUNNING" and other.take().number == 2
    search, done = run_search(tmp_path, 5)  # the lock has ended with its process; so has the other's
    assert len(done.outcomes) == 5
    assert {work.run.name for work in works} <= {work.run.name for work, _ in done.outcomes}
    assert len(counted(search.study)) == 5


def test_two_processes_share_a_study(tmp_path):
    one, two = open_search(tmp_path, 6), open_search(tmp_path, 6)
    with locked(one.folder / OWNERS / one.owner), locked(two.folder / OWNERS / two.owner):
        drives = [Drive(search, InlineExecutor(1), tmp_path) for search in (one, two)]
        for search in (one, two):
            work = search.take()
            assert work is not None
            search.open.pop(work.number).storage.set_trial_user_attr(work.number, "error", "put aside")
        done = [drive.work_off() for drive in drives]
    assert sum(len(one.outcomes) for one in done) == 4
    numbers = [trial.number for trial in one.study.get_trials(deepcopy=False)]
    assert numbers == list(range(6))


def test_fields_that_do_not_go_together_are_failed_trials(tmp_path):
    bad = Sweep(fields={"swa_epochs": choice(2), "ema_epochs": choice(1.0), "learning_rate": log_uniform(1e-4, 1e-2)})
    search, done = run_search(tmp_path, 20, sweep=bad)
    assert search.failures == FAILURES and done.outcomes == []
    assert "swa_epochs and ema_epochs are two averages" in search.last_error
    assert all(row["state"] == "failed" and row["error"] for row in search_rows(counted(search.study), bad.space()))


def test_a_cut_last_line_is_mended_and_a_damaged_journal_told(tmp_path):
    search, _ = run_search(tmp_path, 3)
    journal = search.folder / "s.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "wor')
    assert len(open_search(tmp_path, 3).study.trials) == 3
    assert journal.read_bytes().startswith(whole)
    journal.write_bytes(whole[:200] + b"\x00\n" + whole[200:])
    with pytest.raises(KitError, match="s.journal cannot be read as a search's journal .* Move it away"):
        open_search(tmp_path, 3)
    mend_tail(tmp_path / "none.journal")
    with pytest.raises(KitError, match="unknown pruner. Received: 'median'. Known: halving, hyperband, none"):
        open_study(tmp_path / "x.journal", "median", 0)


def test_halving_by_hand(tmp_path):
    study = open_study(tmp_path / "s.journal", "halving", 0)

    def reported(*values, state=None):
        """The values of epochs 1, 2, 3 of a new trial, and whether it is pruned after each."""
        trial = study.ask()
        pruned = []
        for step, value in enumerate(values, start=1):
            trial.report(value, step)
            pruned.append(trial.should_prune())
        if state is not None:
            study.tell(trial, state=state)
        return pruned

    failed = optuna.trial.TrialState.FAIL
    assert reported(0.9, 0.9, 0.9, state=failed) == [False, False, False]  # never a rival
    assert reported(0.1, 0.1, 0.5) == [False, False, False]  # the first two go on
    assert reported(0.9, 0.9, 0.4) == [False, False, False]
    assert reported(0.9, 0.9, 0.49) == [False, False, True]  # of three the best
    assert reported(0.1, 0.1, 0.5) == [False, False, False]  # of four the best two
    assert reported(0.1, 0.1, 0.6) == [False, False, False]
    assert reported(0.1, 0.1, 0.49) == [False, False, True]
    assert [step for step in range(1, 90) if is_rung(step)] == [3, 9, 27, 81]


def test_rank_correlation_by_hand():
    rows = [{"clean": clean, "shifted": score} for clean, score in ((0.9, 0.1), (0.8, 0.3), (0.7, 0.2), (0.6, None))]
    assert rank_correlation(rows) == pytest.approx(-0.5)
    assert rank_correlation(rows[:2]) is None
    assert rank_correlation([{"clean": 0.5, "shifted": n / 9} for n in range(4)]) is None
