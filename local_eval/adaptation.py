"""What adapting to the images would gain or lose a judged zip: on every suite, with other shares of the classes, and on
images all altered in one way. Nothing of it is in the score; it tells whether to turn the manifest's key adapt on."""

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from submission.kit.adapt import LEAST_IMAGES, estimate_shares, refusal
from submission.kit.blend import blend, temper
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json
from submission.kit.folds import load_folds
from submission.kit.latest import read_latest, stored_path
from submission.kit.manifest import Manifest, read_manifest
from submission.kit.seeds import derive_seed

from .adaptation_norms import NormTrial, altered_in_one_way, single_operations
from .judged import Judged, open_judged
from .score_table import suite_order

PART = "judge"
DRAWS = 3  # of other shares, for each suite
_FEWEST = 30

MakeImages = Callable[[], np.ndarray]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.adaptation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--zip", type=Path, help="a judged zip of this kit; by default that of submissions/latest.json")
    parser.add_argument("--images", type=int, default=640, help="how many of a suite's images the nets are run on")
    parser.add_argument("--no-nets", action="store_true", help="the classes' shares alone: nothing is predicted")
    args = parser.parse_args(argv)
    if args.images < 1:
        parser.error(f"--images must be at least 1. Received: {args.images}")
    zip_path = args.zip or read_latest(args.artifacts).path
    value, path = adaptation(args.artifacts, zip_path, 0 if args.no_nets else args.images)
    print(describe(value))
    print(f"{path}: {len(value['rows'])} lines; nothing of it is in the score")
    return 0


def adaptation(artifacts: Path, zip_path: Path, num_images: int = 640) -> tuple[dict[str, Any], Path]:
    """Try both adaptations on what a zip was judged on; write A/judge/<sha8>/adaptation.json.

    Args:
        artifacts: A.
        zip_path: the zip.
        num_images: of each suite that the nets are run on; 0 leaves batch-norm statistics out.

    Returns:
        What the file holds, and its path: {"zip", "sha256", "class_prior" (K,), "notes": [text], "rows": [{"set",
        "kind": "suite" (as judged) | "shares" (drawn from a suite, other shares of the classes) | "single" (clean
        images, all altered by one operation), "method": "prior" | "batch_norm", "n", "before", "forced", "guarded"
        (accuracies without, with, and with the guard), "refusal": why the guard refuses, or null}]}.

    Raises:
        KitError: no such zip, not of this kit, or not judged.
    """
    if not zip_path.is_file():
        raise KitError(f"expected a zip at {zip_path}. Received: no such file.")
    sha256 = sha256_file(zip_path)
    folder = artifacts / "judge" / sha256[:8]
    judged = _judged(artifacts, folder, zip_path)
    manifest = _manifest(zip_path)
    prior_k = _prior(manifest, artifacts)
    rows = [row for suite, run in judged.items() for row in _prior_rows(suite, run, prior_k, manifest)]
    notes = []
    if num_images:
        try:
            rows += _norm_rows(judged, NormTrial(zip_path, manifest), num_images)
        except KitError as error:
            notes.append(f"batch-norm statistics were not tried: {error}")
    value = {
        "zip": stored_path(zip_path, artifacts),
        "sha256": sha256,
        "class_prior": prior_k.tolist(),
        "notes": notes,
        "rows": rows,
    }
    write_json(folder / "adaptation.json", value)
    return value, folder / "adaptation.json"


def describe(value: dict[str, Any]) -> str:
    """The rows as a table for the screen."""
    width = max(len(row["set"]) for row in value["rows"])
    lines = [f"{'images':{width}}  kind    method         n  before   with  guarded"]
    for row in value["rows"]:
        lines.append(
            f"{row['set']:{width}}  {row['kind']:6}  {row['method']:10} {row['n']:5}  {row['before']:.4f} "
            f"{100 * (row['forced'] - row['before']):+6.1f}  {100 * (row['guarded'] - row['before']):+7.1f}"
            + (f"  refused: {row['refusal']}" if row["refusal"] else "")
        )
    return "\n".join([*lines, *value["notes"]])


def _judged(artifacts: Path, folder: Path, zip_path: Path) -> dict[str, Judged]:
    mend = f"python -m local_eval.score --artifacts {artifacts} --zip {zip_path}"
    suites = [path.parent.name.removesuffix(f"-{PART}") for path in folder.glob(f"*-{PART}/table.npz")]
    found = {
        suite: open_judged(folder / f"{suite}-{PART}", artifacts / "suites" / suite / PART, mend)
        for suite in suite_order(suites)
    }
    if not found:
        raise KitError(f"expected runs of {zip_path.name}, with the members' tables, in {folder}: run `{mend}` first.")
    return found


def _manifest(zip_path: Path) -> Manifest:
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(zip_path) as archive:
        if "manifest.json" not in archive.namelist():
            raise KitError(f"expected a zip of this kit. Received: {zip_path} without manifest.json.")
        return read_manifest(Path(archive.extract("manifest.json", scratch)))


def _prior(manifest: Manifest, artifacts: Path) -> np.ndarray:
    """The manifest's, else the shares among the images of the folds."""
    if manifest.class_prior is not None:
        return manifest.class_prior
    folds = load_folds(artifacts / "split" / "folds.csv")
    labels = folds.label[np.char.startswith(folds.part, "fold")]
    counts = np.bincount(labels, minlength=len(manifest.class_names)) + 1.0  # none is impossible
    return counts / counts.sum()


def _prior_rows(suite: str, run: Judged, prior_k: np.ndarray, manifest: Manifest) -> Iterator[dict[str, Any]]:
    table = run.table
    assert table is not None
    blended_nk = blend(table.probs_mvnk, table.weights_mv, list(table.temperatures_m))
    probs_nk = temper(blended_nk, manifest.pool_temperature)  # as the predictor hands it to EM
    labels = run.images.labels.ravel()
    yield _prior_row(suite, "suite", probs_nk, labels, prior_k)
    for draw in range(DRAWS):
        chosen = _other_shares(labels, len(prior_k), np.random.default_rng(derive_seed(0, "adaptation", suite, draw)))
        if len(chosen) >= _FEWEST:
            yield _prior_row(f"{suite}, shares {draw + 1}", "shares", probs_nk[chosen], labels[chosen], prior_k)


def _prior_row(name: str, kind: str, probs_nk: np.ndarray, labels: np.ndarray, prior_k: np.ndarray) -> dict[str, Any]:
    shares = estimate_shares(probs_nk, prior_k)
    why = refusal(probs_nk, shares)
    guarded = probs_nk if why is not None else shares.probs
    return _row(name, kind, "prior", labels, probs_nk, shares.probs, guarded, why)


def _other_shares(labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Rows with the classes' shares of a Dirichlet draw, as many as the guard wants: repeated where there are too few.

    Repeating images would spoil an interval; here two answers on the same rows are compared.
    """
    wanted = rng.dirichlet(np.ones(num_classes))
    wanted[np.bincount(labels, minlength=num_classes) == 0] = 0
    counts = np.rint(wanted / wanted.sum() * max(LEAST_IMAGES + num_classes, len(labels) // 2)).astype(int)
    return np.concatenate([rng.choice(np.flatnonzero(labels == k), counts[k]) for k in range(num_classes) if counts[k]])


def _norm_rows(judged: dict[str, Judged], trial: NormTrial, num_images: int) -> list[dict[str, Any]]:
    rows = []
    sets = list(_sets(judged, num_images))
    for name, kind, labels, make in tqdm(sets, desc="adapt", unit="set", file=sys.stderr, disable=None):
        effect = trial.effect(make())
        why = "; ".join(f"{member}: {text}" for member, text in effect.refusals.items()) or None
        rows.append(_row(name, kind, "batch_norm", labels, effect.before, effect.forced, effect.guarded, why))
    return rows


def _sets(judged: dict[str, Judged], num_images: int) -> Iterator[tuple[str, str, np.ndarray, MakeImages]]:
    """Name, kind, labels, and what makes the images: one set in memory at a time."""
    for suite, run in judged.items():
        taken = np.unique(np.linspace(0, len(run.images) - 1, min(num_images, len(run.images))).astype(np.int64))
        labels = run.images.labels.ravel()[taken]
        yield suite, "suite", labels, partial(_take, run, taken)
        if suite == "clean":
            for name in single_operations(run.images.image_shape[2]):
                yield f"all {name}", "single", labels, partial(_altered, run, taken, name)


def _take(run: Judged, rows: np.ndarray) -> np.ndarray:
    return run.images.images[rows]


def _altered(run: Judged, rows: np.ndarray, name: str) -> np.ndarray:
    return altered_in_one_way(run.images.images[rows], [str(one) for one in run.images.ids[rows]], name)


def _row(
    name: str,
    kind: str,
    method: str,
    labels: np.ndarray,
    before: np.ndarray,
    forced: np.ndarray,
    guarded: np.ndarray,
    why: str | None,
) -> dict[str, Any]:
    accuracies = [float((probs.argmax(-1) == labels).mean()) for probs in (before, forced, guarded)]
    told = dict(zip(("before", "forced", "guarded"), accuracies, strict=True))
    return {"set": name, "kind": kind, "method": method, "n": len(labels), **told, "refusal": why}


if __name__ == "__main__":
    run_main(main)
