"""Probabilities of made-up members of known skill, in memory and as the files that ensembles are fitted on."""

from pathlib import Path

import numpy as np

from ensembles.rows import Rows, build_rows
from ensembles.table import Table
from submission.kit.files import sha256_file, write_json, write_text
from submission.kit.folds import Folds, format_folds
from submission.kit.probs_file import Probs, save_probs

VIEWS = ["identity", "flip"]
NUM_CLASSES = 3


def softmax(logits):
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return exps / exps.sum(-1, keepdims=True)


def member(labels, skill, rng, num_classes=NUM_CLASSES, views=2):
    """(V, N, K) probabilities; the higher `skill`, the better."""
    logits = rng.normal(0, 1, (views, len(labels), num_classes))
    logits[:, np.arange(len(labels)), labels] += skill
    return softmax(logits)


def make_rows(skills, num_images=60, seed=0, views=2, suites=("an2dl",)) -> Rows:
    """Rows of each suite and as many clean ones, which are easier."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES, num_images)
    ids = np.array([f"id{i}" for i in range(num_images)])
    names = [f"m{m}" for m in range(len(skills))]
    tables = {}
    for suite in (*suites, "clean"):
        easier = 1 if suite == "clean" else 0
        probs = np.stack([member(labels, skill + easier, rng, views=views) for skill in skills])
        tables[suite] = Table(names, VIEWS[:views], ids, labels, probs.astype(np.float32))
    return build_rows(tables, [1.0] * len(skills), clean_share=0.2)


def write_split(artifacts: Path, num_images: int) -> None:
    """folds.csv: images id0.. in select, and as many in each of two folds, `f<fold>-<i>`; labels are i modulo 3."""
    parts = [("select", f"id{i}", i) for i in range(num_images)]
    parts += [(f"fold{fold}", f"f{fold}-{i}", i) for fold in range(2) for i in range(num_images)]
    index = np.arange(len(parts))
    names, ids, numbers = zip(*parts, strict=True)
    folds = Folds(index, np.array(ids), np.array(numbers) % NUM_CLASSES, index, np.array(names))
    write_text(artifacts / "split" / "folds.csv", format_folds(folds))


def write_run(
    artifacts: Path,
    name: str,
    skill: float,
    seed: int,
    num_images: int = 300,
    views=VIEWS,
    state: str = "predicted",
    skill_under_shift: float | None = None,
    suites=("an2dl",),
    class_names=("a", "b", "c"),
    fold: int = 0,
) -> Path:
    """A run directory with predictions of its fold, of clean images and of suites."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num_images) % NUM_CLASSES
    run_dir = artifacts / "runs" / name
    if not (artifacts / "split" / "folds.csv").exists():
        write_split(artifacts, num_images)
    sha256 = sha256_file(artifacts / "split" / "folds.csv")
    write_json(
        run_dir / "config.json",
        {"fold": fold, "data": {"folds_sha256": sha256, "class_names": list(class_names)}},
    )
    write_text(run_dir / "state.txt", state + "\n")
    shifted = skill if skill_under_shift is None else skill_under_shift
    for part in ("oof", "clean_select", *(f"{suite}_select" for suite in suites)):
        order = rng.permutation(num_images)  # joined by id, never by row
        skill_here = skill + 1 if part in ("oof", "clean_select") else shifted
        probs = member(labels[order], skill_here, rng, views=len(views)).astype(np.float32)
        prefix = f"f{fold}-" if part == "oof" else "id"
        ids = np.array([f"{prefix}{i}" for i in range(num_images)])
        save_probs(run_dir / f"probs_{part}.npz", Probs(ids[order], labels[order], probs, list(views)))
    return run_dir


def write_cost(run_dir: Path, ms_per_image: float, load_ms: float = 100.0, size_bytes: int = 5_000_000) -> None:
    """cost.json as measured."""
    write_json(run_dir / "cost.json", {"ms_per_image": ms_per_image, "load_ms": load_ms, "size_bytes": size_bytes})
