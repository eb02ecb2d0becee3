"""A made-up contest's artifacts folder, as the steps before the score leave it: drawn cells, random answers."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from local_eval.operations_file import write_operations
from submission.kit.blend import blend
from submission.kit.files import sha256_file, write_json, write_text
from submission.kit.image_set import write_image_set
from submission.kit.latest import write_latest
from submission.kit.seeds import derive_seed

BLOOD = [
    "Basophil", "Eosinophil", "Erythroblast", "Immature granulocytes",
    "Lymphocyte", "Monocyte", "Neutrophil", "Platelet",
]  # fmt: skip
OPERATIONS = ["shear", "translate_mirror", "bar", "greyscale", "channel_shuffle", "solarise", "equalise", "darken"]
MEMBERS = ["convnext-f0-s0", "efficientnet-f1-s0", "densenet-f2-s1"]
VIEWS = ["identity", "rot90", "flip", "flip_rot180"]
WEIGHTS_MV = [[0.2, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.05], [0.05, 0.05, 0.05, 0.0]]
POLICY = {"name": "strong", "operations": ["flip", "shear_x", "shear_y", "bar", "noise"]}
SUITES = {"clean": 2.4, "an2dl": 1.6}
GRADED = ["gaussian_noise", "fog", "pixelate"]  # of the suites whose names hold "-c"


@dataclass(frozen=True)
class FakeContest:
    """Where things are: `artifacts`, `zip`, and `judge`, which stands in for `local_eval.run.judge_zip`."""

    artifacts: Path
    zip: Path

    def judge(self, artifacts: Path, zip_path: Path, suite: str, part: str, profile: str) -> Path:
        """The run is there already."""
        assert (artifacts, zip_path) == (self.artifacts, self.zip)
        return artifacts / "judge" / sha256_file(zip_path)[:8] / f"{suite}-{part}"


def make_contest(
    folder: Path,
    n: int = 64,
    size: int = 32,
    class_names: list[str] = BLOOD,
    channels: int = 3,
    table: bool = True,
    suites: dict[str, float] = SUITES,
    members: int = len(MEMBERS),
    policy: bool = True,
) -> FakeContest:
    """Write everything that the score and the report read.

    Args:
        folder: becomes the artifacts folder.
        n: judge images a suite.
        size: image height and width.
        class_names: K names.
        channels: 3 or 1.
        table: False for a zip of another kit: no table.npz, no ensemble, no manifest.
        suites: name -> how good the answers are; clean and an2dl at least.
        members: how many.
        policy: does the zip say what its members were trained with?
    """
    rng = np.random.default_rng(derive_seed(0, "fake-contest"))
    zip_path = _make_zip(folder, table, members, policy)
    labels = rng.integers(0, len(class_names), n)
    cells = np.stack([_cell(label, size, rng) for label in labels])
    cells = cells if channels == 3 else cells.mean(-1, keepdims=True).astype(np.uint8)
    ids = np.array([f"{k:040x}" for k in range(n)])
    run = folder / "judge" / sha256_file(zip_path)[:8]
    for suite, skill in suites.items():
        images, operations = (cells, []) if suite == "clean" else _shifted(cells, rng)
        meta = {"class_names": class_names, "suite": suite, "part": "judge", "seed": 0}
        write_image_set(folder / "suites" / suite / "judge", [(images, labels)], n, images.shape[1:], meta, ids)
        if "-c" in suite:
            graded = [(str(name),) for name in rng.choice(GRADED, n)]
            write_operations(folder / f"suites/{suite}/judge/operations.csv", ids, graded, rng.integers(1, 6, n))
        elif suite != "clean":
            write_operations(folder / f"suites/{suite}/judge/operations.csv", ids, operations)
        _make_run(run / f"{suite}-judge", labels, ids, len(class_names), skill, table, rng, members)
    if table:
        _make_training(folder, members)
        _make_ensemble(folder, members)
    _make_clean(folder, cells)
    return FakeContest(folder, zip_path)


def _names(members: int) -> list[str]:
    return [*MEMBERS, *(f"efficientnet-v2-long-name-f{n}-s0" for n in range(members))][:members]


def _weights(members: int) -> list[list[float]]:
    if members == len(MEMBERS):
        return WEIGHTS_MV
    return (np.ones((members, len(VIEWS))) / members / len(VIEWS)).tolist()


def _make_zip(folder: Path, ours: bool, count: int, policy: bool) -> Path:
    scratch = folder / "submissions" / "new.zip"
    scratch.parent.mkdir(parents=True)
    with zipfile.ZipFile(scratch, "w") as file:
        file.writestr("model.py", "class Model: ...\n")
        if ours:
            versions = {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.0"}
            names = _names(count)
            members = [{"name": name, "path": f"members/{name}", "temperature": 1.1} for name in names]
            manifest = {"members": members, "views": VIEWS, "weights_mv": _weights(count), "versions": versions}
            manifest |= {"policies": {names[0]: POLICY}} if policy else {}
            file.writestr("manifest.json", json.dumps(manifest))
    path = scratch.with_name(f"submission-{sha256_file(scratch)[:8]}.zip")
    scratch.rename(path)
    write_latest(folder, path, sha256_file(path), path.stat().st_size)
    return path


def _cell(label: int, size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size - 0.5
    image = np.array([235.0, 205, 200]) + rng.normal(0, 4, (size, size, 1))
    angle = np.arctan2(y, x) + rng.uniform(0, 6)
    radius = np.hypot(y - rng.normal(0, 0.04), x - rng.normal(0, 0.04))
    body = radius < 0.2 + 0.02 * label
    nucleus = radius < (0.12 + 0.01 * label) * (1 + 0.25 * np.cos((label % 4 + 1) * angle))
    image[body] = np.array([190, 150, 200]) + 6 * label
    image[nucleus] = np.array([90, 50 + 12 * label, 150])
    return np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


def _shifted(cells: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    images, operations = cells.copy(), []
    edge = max(2, cells.shape[1] // 12)
    for image in images:
        image[:, :edge], image[-edge:] = 10, 10
        chosen = rng.choice(OPERATIONS, rng.integers(0, 4), replace=False)
        if "bar" in chosen:
            image[image.shape[0] // 3 : image.shape[0] // 3 + edge] = 0
        if "greyscale" in chosen:
            image[:] = image.mean(-1, keepdims=True)
        if "channel_shuffle" in chosen:
            image[:] = image[..., ::-1]
        if "solarise" in chosen:
            image[:] = np.where(image > 128, 255 - image, image)
        if "darken" in chosen:
            image[:] = image // 3
        operations.append(tuple(str(name) for name in chosen))
    return images, operations


def _random_probs(labels: np.ndarray, k: int, skill: float, rng: np.random.Generator, shape: tuple[int, ...]):
    logits = rng.normal(0, 1.1, (*shape, len(labels), k)) + rng.normal(0, 0.9, (len(labels), k))
    logits += skill * 1.4 * np.eye(k)[labels]
    probs = np.exp(logits - logits.max(-1, keepdims=True))
    return (probs / probs.sum(-1, keepdims=True)).astype(np.float32)


def _make_run(folder: Path, labels, ids, k: int, skill: float, table: bool, rng: np.random.Generator, m: int) -> None:
    v = len(VIEWS)
    probs = _random_probs(labels, k, skill, rng, (m, v))
    weights, temperatures = np.array(_weights(m)), np.resize([1.1, 0.9, 1.0], m)
    blended = blend(probs, weights, temperatures)
    order = rng.permutation(len(ids))  # joined by id, never by row
    seconds = {"prediction": 41.3 if skill > 2 else 39.8, "scoring": 1.7}
    outcome = {"status": "Finished", "message": "", "seconds": seconds, "peak_mb": {"prediction": 2210.5}}
    write_json(folder / "outcome.json", outcome)
    write_json(folder / "scores.json", {"accuracy": float((blended.argmax(-1) == labels).mean())})
    write_text(folder / "logs" / "prediction_ingestion_stdout.txt", "loading 3 members\npredicted all images\n")
    write_text(folder / "logs" / "scoring_stdout.txt", "ids agree <ok>\n")
    np.savez(folder / "predictions.npz", ids=ids[order], labels=blended.argmax(-1)[order])
    if table:
        np.savez(
            folder / "table.npz", ids=ids[order], probs=probs[:, :, order], blended=blended[order],
            members=np.array(_names(m)), views=np.array(VIEWS), weights_mv=weights, temperatures_m=temperatures,
        )  # fmt: skip


def _make_training(folder: Path, members: int) -> None:
    for number, member in enumerate([*_names(members), "convnext-f1-s0"]):
        run = folder / "runs" / f"{member}-{number:08x}"
        lines = []
        for epoch in range(12):
            fit = 1 - np.exp(-(epoch + 1) / (3 + number))
            line = {"epoch": epoch, "loss": 2.1 - 1.6 * fit, "lr": 1e-3 * (12 - epoch) / 12, "seconds": 21.5 + number}
            line |= {"val_accuracy": 0.2 + 0.75 * fit, "val_aug_accuracy": 0.15 + 0.6 * fit, "note": "ignored"}
            lines.append(json.dumps(line))
        write_text(run / "history.jsonl", "\n".join(lines) + "\n")
        write_text(run / "state.txt", "predicted\n" if number < 3 else "failed\n")


def _make_ensemble(folder: Path, count: int) -> None:
    members = [{"name": name, "run": f"{name}-{n:08x}", "temperature": 1.1} for n, name in enumerate(_names(count))]
    scores = {"standard_error": 0.004, "accuracy_shifted": 0.81, "accuracy_clean": 0.95, "log_loss": 0.49, "passes": 12}
    table = [
        {"method": "equal", "description": "equal weights", "accuracy": 0.861, "chosen": False, "members": 3} | scores,
        {"method": "convex", "description": "convex, log-loss", "accuracy": 0.873, "chosen": True, "members": 3}
        | scores,
    ]
    gain = {"views": 4, "both": 0.021, "standard_error": 0.004}
    value = {
        "tta_gain": gain,
        "left_out": [{"run": "convnext-f1-s0-00000003", "accuracy_shifted": 0.4125, "accuracy_clean": 0.9625}],
        "members": members,
        "views": VIEWS,
        "weights_mv": _weights(count),
        "method": "convex",
        "table": table,
    }
    write_json(folder / "ensemble" / "ensemble.json", value)


def _make_clean(folder: Path, cells: np.ndarray) -> None:
    reasons = {"duplicate": 8, "joke picture": 1800}
    write_json(folder / "clean" / "summary.json", {"images": 13759, "kept": 11951, "dropped": 1808, "reasons": reasons})
    sheet = np.concatenate(list(cells[:6].repeat(3, -1)[..., :3]), axis=1)
    Image.fromarray(sheet).save(folder / "clean" / "dropped.png")


def write_adaptation(contest: FakeContest, notes: tuple[str, ...] = ()) -> Path:
    """adaptation.json of the zip: an2dl as judged and with other shares, and one operation alone."""

    def row(name: str, kind: str, method: str, n: int, forced: float, guarded: float, why: str | None = None) -> dict:
        after = {"before": 0.8, "forced": 0.8 + forced, "guarded": 0.8 + guarded}
        return {"set": name, "kind": kind, "method": method, "n": n, **after, "refusal": why}

    halves = "convnext-f0-s0: two halves of the images call for changes that agree by -0.52 only, less than 0.65"
    rows = [
        row("an2dl", "suite", "prior", 900, -0.01, 0.0, "the classes' shares are not significantly other ones"),
        row("an2dl, shares 1", "shares", "prior", 508, 0.04, 0.04),
        row("an2dl, shares 2", "shares", "prior", 510, 0.02, 0.0, "mean confidence would fall from 0.944 to 0.943"),
        row("all gaussian_noise", "single", "batch_norm", 512, 0.125, 0.125),
        row("an2dl", "suite", "batch_norm", 512, -0.06, 0.0, halves),
    ]
    sha256 = sha256_file(contest.zip)
    path = contest.artifacts / "judge" / sha256[:8] / "adaptation.json"
    write_json(path, {"zip": "a.zip", "sha256": sha256, "class_prior": [], "notes": list(notes), "rows": rows})
    return path
