"""A recipe that ends within a time: measured on this machine, decided once, kept in A/budget."""

import dataclasses
import hashlib
import json
import math
import re
import time
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json
from submission.kit.folds import fold_name

from .configure import Contest, check
from .measure import Measured, measure
from .phases import CONTRASTIVE, HEAD, TUNE, Phase, phases_of
from .plans import PLANS, Plan
from .recipes import Recipe, get_recipe
from .training_set import epoch_size

SAFETY = 0.85  # of the time is planned: other work on the machine, row filters, the end of the run
UNITS_S = {"s": 1, "m": 60, "h": 3600}
EPOCHS = {CONTRASTIVE: "contrastive_epochs", HEAD: "head_epochs", TUNE: "epochs"}
LEAST_S = 30


def parse_budget(text: str) -> float:
    """Seconds of a text such as "10m", "1.5h" or "90s".

    Raises:
        KitError: it is none, or below 30 seconds.
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", text.strip())
    if not found or float(found[1]) * UNITS_S[found[2]] < LEAST_S:
        raise KitError(f"--budget takes a time of at least 30s, such as 10m, 1h or 8h. Received: {text!r}.")
    return float(found[1]) * UNITS_S[found[2]]


def recipe_within(
    text: str, recipe: Recipe, artifacts: Path, contest: Contest, fold: int, changes: dict[str, Any]
) -> tuple[Recipe, str]:
    """The recipe with epochs that fit the time; recipe `default` also becomes the best plan of `plans.PLANS` that fits.

    The decision is kept in A/budget and found again there, so that a run goes on as it began.

    Args:
        text: the time, as in `parse_budget`.
        recipe: with `changes` already in it.
        artifacts: folder of one contest.
        contest: its data and split.
        fold: the fold left out; all folds share a decision.
        changes: fields that were set by hand: they stay.

    Returns:
        The recipe, and the decision in words.

    Raises:
        KitError: not a time; epochs set by hand as well; nothing fits.
    """
    seconds = parse_budget(text)
    fixed = sorted(set(changes) & {*EPOCHS.values(), "swa_epochs"})
    if fixed:
        raise KitError(f"--budget sets the epochs: leave them out of --set. Received: {', '.join(fixed)}.")
    labels = contest.data.labels[contest.folds.training_rows(fold)]
    check(recipe, labels)
    key = _key(recipe, seconds, contest, "weights" in changes)
    path = artifacts / "budget" / f"{key}.json"
    if path.exists():
        decision = read_json(path, "the same command")
    else:
        decision = _decide(recipe, seconds, contest, fold, changes)
        write_json(path, {"recipe": recipe.name, "budget_s": seconds, **decision})
    return get_recipe(recipe.name, dataclasses.asdict(recipe) | decision["changes"]), (
        f"budget {text}: {decision['plan']}, planned {decision['planned_s']:.0f} s, see {path}"
    )


def _key(recipe: Recipe, seconds: float, contest: Contest, weights_are_set: bool) -> str:
    import keras

    from .precision import on_gpu

    all_that_decides = [
        dataclasses.asdict(recipe),
        weights_are_set,
        seconds,
        keras.backend.backend(),
        on_gpu(),
        contest.folds_sha256,
    ]
    digest = hashlib.sha256(json.dumps(all_that_decides, sort_keys=True).encode()).hexdigest()
    return f"{recipe.name}-{seconds:.0f}s-{digest[:8]}"


def _decide(recipe: Recipe, seconds: float, contest: Contest, fold: int, changes: dict[str, Any]) -> dict[str, Any]:
    start = time.monotonic()
    if recipe.name != "default":
        measured = _measure(recipe, contest, fold)
        epochs = scaled_epochs(recipe, measured, SAFETY * seconds - (time.monotonic() - start))
        swa = {"swa_epochs": min(recipe.swa_epochs, epochs[phases_of(recipe)[-1].name])}
        return _decision("epochs scaled", recipe, swa, epochs, measured, [])
    tried: list[str] = []
    for plan, candidate in _candidates(recipe, changes):
        try:
            measured = _measure(candidate, contest, fold)
        except KitError as error:
            if not plan.pretrained:
                raise
            tried.append(f"{plan.name}: {error}")
            continue
        epochs = planned_epochs(plan, candidate, measured, SAFETY * seconds - (time.monotonic() - start))
        if epochs:
            fields = {name: getattr(candidate, name) for name in [*plan.changes, "weights"]}
            fields["patience"] = max(candidate.patience, epochs[TUNE] // 4)
            return _decision(plan.name, candidate, fields, epochs, measured, tried)
        least = {**{phase.name: phase.epochs for phase in phases_of(candidate)}, TUNE: plan.least_epochs}
        tried.append(f"{plan.name}: {measured.total_s(least):.0f} s for its least {plan.least_epochs} epochs")
    raise KitError(
        f"no plan of recipe default fits in {seconds:.0f} s here. "
        + "; ".join(tried)
        + ". Give a longer --budget"
        + (", or leave --weights out." if changes.get("weights") else ".")
    )


def _candidates(recipe: Recipe, changes: dict[str, Any]) -> list[tuple[Plan, Recipe]]:
    """Plans that this machine and --weights allow, as recipes; what was set by hand stays."""
    from .precision import on_gpu

    weights = changes.get("weights", "imagenet")
    candidates = []
    for plan in PLANS:
        if (plan.gpu and not on_gpu()) or (plan.pretrained and weights is None):
            continue
        if "weights" in changes and weights is not None and not plan.pretrained:
            continue
        fields = {**plan.changes, **changes, "weights": weights if plan.pretrained else None}
        candidates.append((plan, get_recipe(recipe.name, fields)))
    return candidates


def _measure(recipe: Recipe, contest: Contest, fold: int) -> Measured:
    rows = contest.folds.training_rows(fold)
    num_images = epoch_size(contest.data.labels[rows], recipe.balance, recipe.images_per_class)
    return measure(recipe, contest.data, rows, num_images, len(contest.folds.rows(fold_name(fold))))


def planned_epochs(plan: Plan, recipe: Recipe, measured: Measured, left_s: float) -> dict[str, int]:
    """Epochs of each phase that fill the time, at most the plan's most; empty if fewer than its least fit."""
    epochs = {phase.name: phase.epochs for phase in phases_of(recipe) if phase.name != TUNE}
    count = math.floor((left_s - measured.total_s(epochs)) / measured.epoch_s[TUNE])
    return {**epochs, TUNE: min(count, plan.most_epochs)} if count >= plan.least_epochs else {}


def scaled_epochs(recipe: Recipe, measured: Measured, left_s: float) -> dict[str, int]:
    """The epochs of all phases times one factor, rounded down, at least one each, so that the time is kept.

    Raises:
        KitError: one epoch of each takes longer.
    """
    phases = phases_of(recipe)
    least = {phase.name: 1 for phase in phases}
    if measured.total_s(least) > left_s:
        raise KitError(
            f"--budget leaves {max(0.0, left_s):.0f} s for training, and one epoch of each phase of {recipe.name} "
            f"takes {measured.total_s(least):.0f} s here. Give a longer --budget, or another recipe."
        )
    low, high = 0.0, left_s / min(measured.epoch_s.values())  # between them lies the largest factor that fits
    for _ in range(60):
        middle = (low + high) / 2
        fits = measured.total_s(_times(phases, middle)) <= left_s
        low, high = (middle, high) if fits else (low, middle)
    return _times(phases, low)


def _times(phases: list[Phase], factor: float) -> dict[str, int]:
    return {phase.name: max(1, math.floor(phase.epochs * factor)) for phase in phases}


def _decision(
    plan: str, recipe: Recipe, fields: dict[str, Any], epochs: dict[str, int], measured: Measured, tried: list[str]
) -> dict[str, Any]:
    counts = {EPOCHS[name]: count for name, count in epochs.items()}
    return {
        "plan": f"{plan}, " + " + ".join(f"{count} epochs {name}" for name, count in epochs.items()),
        "changes": {**fields, **counts},
        "planned_s": round(measured.total_s(epochs), 1),
        "measured": dataclasses.asdict(measured),
        "passed_over": tried,
    }
