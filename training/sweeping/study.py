"""The study of a search: its trials in one file that several processes share, and of which each may be killed."""

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed

from .halving import LEAST_EPOCHS, Halving
from .space import Choice, Range

PRUNERS = ("halving", "hyperband", "none")
OWNER, PLACE, RETRIED, ERROR = "owner", "place", "retry_of", "error"  # attributes of trials


class _Lock:
    """A lock of the system: it ends with its process, unlike Optuna's own, which a kill leaves behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: Any = None

    def acquire(self) -> bool:
        import fcntl

        self.file = open(self.path, "a")  # noqa: SIM115 - closed by release
        fcntl.flock(self.file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        self.file.close()


def open_study(path: Path, pruner: str, seed: int) -> optuna.Study:
    """The study of a file, made if it is new.

    Args:
        path: the journal.
        pruner: one of `PRUNERS`; a trial's steps are its epochs.
        seed: of the sampler.

    Raises:
        KitError: the file is no journal of Optuna, or is damaged before its last line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruners: dict[str, Any] = {
        "halving": Halving,
        "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=LEAST_EPOCHS, reduction_factor=3),
        "none": optuna.pruners.NopPruner,
    }
    if pruner not in pruners:
        raise KitError(f"unknown pruner. Received: {pruner!r}. Known: {', '.join(PRUNERS)}.")
    mend_tail(path)
    try:
        lock: Any = _Lock(path.with_suffix(".lock"))
        storage = JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(
                storage=storage,
                study_name="search",
                direction="maximize",
                load_if_exists=True,
                pruner=pruners[pruner](),
            )
            # a search that goes on does not begin with the draws that it began with
            sampler_seed = derive_seed(seed, "search", len(study.get_trials(deepcopy=False)))
            study.sampler = optuna.samplers.TPESampler(seed=sampler_seed, constant_liar=True)
            return study
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # Optuna's on a damaged journal
        raise KitError(
            f"{path} cannot be read as a search's journal ({type(error).__name__}: {error}). Move it away and run the "
            "same command: runs that are done are found again, and not repeated."
        ) from None


def mend_tail(path: Path) -> None:
    """Drop a last line that a kill or a full disk has cut: what follows would be read as part of it."""
    if not path.exists():
        return
    lock = _Lock(path.with_suffix(".lock"))
    lock.acquire()
    try:
        with open(path, "rb+") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - (1 << 20)))
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
    finally:
        lock.release()


def distributions(space: Mapping[str, Range | Choice]) -> dict[str, BaseDistribution]:
    """Optuna's own of a space; values that are lists are told as their JSON."""
    found: dict[str, BaseDistribution] = {}
    for name, values in space.items():
        if isinstance(values, Choice):
            found[name] = CategoricalDistribution(list(range(len(values.options))))
        elif values.integer:
            found[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
        else:
            found[name] = FloatDistribution(values.low, values.high, log=values.log)
    return found


def values_of(space: Mapping[str, Range | Choice], params: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that Optuna's parameters stand for; of choices they are the numbers of the options."""
    found = {}
    for name, values in space.items():
        found[name] = values.options[params[name]] if isinstance(values, Choice) else params[name]
    return found


def retry_lost(study: optuna.Study, alive: Mapping[str, bool]) -> int:
    """Queue the trials again whose process is gone: each goes on with its run, from its last epoch.

    Args:
        study: the study.
        alive: whether an owner of trials lives, by name; unknown ones do not.

    Returns:
        How many.
    """
    count = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if alive.get(trial.user_attrs.get(OWNER, ""), False):
            continue
        with contextlib.suppress(ValueError, RuntimeError):  # another process was faster
            study.tell(trial.number, state=TrialState.FAIL)
            if trial.params:
                place = trial.user_attrs.get(PLACE, trial.number)
                study.enqueue_trial(trial.params, user_attrs={RETRIED: trial.number, PLACE: place})
                count += 1
    return count


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count: one whose process was lost counts where it is tried again."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state != TrialState.FAIL or ERROR in trial.user_attrs]
