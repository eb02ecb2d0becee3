"""A search as a source of work: trials drawn by the scores so far, poor ones pruned on the shifted select score."""

import os
import socket
import time
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from submission.kit.errors import KitError

from ..configure import Contest, assemble
from ..recipes.scratch import recipe_with
from ..run_lock import is_locked
from ..runs import Run, run_name
from ..select_scores import CLEAN, OBJECTIVE
from .definition import Sweep
from .source import Outcome, Work
from .study import ERROR, OWNER, PLACE, counted, distributions, retry_lost, values_of

OWNERS = "owners"
FAILURES = 5  # trials that fail one after another before the search gives up


class Search:
    """See `source.Source`. Value of a trial: accuracy of its best epoch on the shifted select part.

    Args:
        sweep: its space.
        study: of the sweep.
        folder: of the sweep; each process has a lock in it that tells whether it lives.
        contest: data and split.
        facts: `configure.backend_facts` of the machine that trains.
        runs_dir: A/runs.
        trials: how many in all, those of earlier and other processes included; None for no bound.
    """

    def __init__(
        self,
        sweep: Sweep,
        study: optuna.Study,
        folder: Path,
        contest: Contest,
        facts: dict[str, str],
        runs_dir: Path,
        trials: int | None,
    ) -> None:
        self.sweep, self.study, self.contest, self.facts = sweep, study, contest, facts
        self.runs_dir, self.trials, self.folder = runs_dir, trials, folder
        self.owner = owner_name()
        self.space = sweep.space()
        self.open: dict[int, optuna.Trial] = {}
        self.failures, self.last_error = 0, ""
        self.retry_lost()
        self.total: int | None = None if trials is None else max(0, trials - self._count(ended=True))

    def retry_lost(self) -> int:
        """Take over the trials of processes that are gone."""
        owners = self.folder / OWNERS
        alive = {path.name: is_locked(path) for path in owners.glob("*")} if owners.exists() else {}
        return retry_lost(self.study, {**alive, self.owner: True})

    def _count(self, ended: bool) -> int:
        queued = (TrialState.WAITING, *([TrialState.RUNNING] if ended else []))
        return sum(trial.state not in queued for trial in counted(self.study))

    def take(self) -> Work | None:
        while (self.trials is None or self._count(ended=False) < self.trials) and self.failures < FAILURES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                trial = self.study.ask(distributions(self.space))
            trial.set_user_attr(OWNER, self.owner)
            try:
                return self._work(trial)
            except KitError as error:  # fields that do not go together: as a run that failed
                self._fail(trial, str(error).splitlines()[0])
        return None

    def _work(self, trial: optuna.Trial) -> Work:
        place = trial.user_attrs.get(PLACE, trial.number)  # one that is tried again has the fold and seed it had
        trial.set_user_attr(PLACE, place)
        unit = self.sweep.trial(place, values_of(self.space, trial.params), self.contest.folds.num_folds)
        recipe = recipe_with(unit.recipe, unit.changes)
        config, _ = assemble(self.contest, recipe, unit.fold, unit.seed, unit.limit, unit.steps, self.facts)
        run = Run(self.runs_dir / run_name(config), config)
        trial.set_user_attr("run", run.name)
        self.open[trial.number] = trial
        return Work(unit, run, (CLEAN, OBJECTIVE), every_epoch=True, number=trial.number)

    def _fail(self, trial: optuna.Trial, error: str) -> None:
        trial.set_user_attr(ERROR, error)
        self.study.tell(trial, state=TrialState.FAIL)
        self.failures += 1
        self.last_error = error

    def watch(self, work: Work, line: dict[str, Any]) -> bool:
        score = line.get(f"select_{OBJECTIVE}")
        assert work.number is not None
        if score is None:  # a phase without scores
            return False
        trial = self.open[work.number]
        trial.report(score, line["epoch"])
        recipe = work.run.config["recipe"]
        last = recipe["contrastive_epochs"] + recipe["head_epochs"] + recipe["epochs"]
        return line["epoch"] < last and trial.should_prune()  # what has been trained is worth its score

    def end(self, work: Work, outcome: Outcome) -> None:
        assert work.number is not None
        trial = self.open.pop(work.number)
        trial.set_user_attr("epochs", len(work.run.history()))
        trial.set_user_attr("seconds", sum(line["seconds"] for line in work.run.history()))
        if outcome.state == "failed":
            self._fail(trial, outcome.error)
            return
        self.failures = 0
        if outcome.state == "pruned":
            self.study.tell(trial, state=TrialState.PRUNED)
            return
        select = work.run.metrics()["select"]
        trial.set_user_attr("clean", select[CLEAN])
        self.study.tell(trial, select[OBJECTIVE])


def owner_name() -> str:
    """Of this process, unlike that of any other of this or another machine."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
