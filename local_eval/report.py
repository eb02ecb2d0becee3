"""Write the report of a scored zip: report.html, one self-contained file, and report.png, one picture."""

import argparse
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_text

from . import report_figures as figures
from . import report_numbers as numbers
from .report_data import ReportData, load_report_data
from .report_images import image_uri, sheet_uri
from .report_picture import write_picture
from .score import score_file
from .scoring_program.results_page import SORT_SCRIPT

HARDEST = 16
_LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "matplotlib")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.report", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--zip", type=Path, help="another zip that was scored; by default the packaged one")
    args = parser.parse_args(argv)
    html, picture = report(args.artifacts, args.zip)
    print(f"wrote {html} ({html.stat().st_size / 1e6:.1f} MB) and {picture}")
    return 0


def report(artifacts: Path, zip_path: Path | None = None) -> tuple[Path, Path]:
    """Write report.html and report.png from a score.json and what else there is.

    Args:
        artifacts: A.
        zip_path: None is the packaged one, of A/judge/score.json: into A/report. Another one's go beside its score,
            into A/judge/<sha8>.

    Returns:
        The two paths.

    Raises:
        KitError: no score yet, what it was made from is gone, or the zip was changed since.
    """
    path, folder = artifacts / "judge" / "score.json", artifacts / "report"
    mend = f"python -m local_eval.score --artifacts {artifacts}"
    if zip_path is not None:
        if not zip_path.is_file():
            raise KitError(f"expected a zip at {zip_path}. Received: no such file.")
        own = score_file(artifacts, sha256_file(zip_path))
        path, folder = own, folder if own == path else own.parent
        mend += f" --zip {zip_path}"
    data = load_report_data(artifacts, path, mend)
    html, picture = folder / "report.html", folder / "report.png"
    write_text(html, render(data))
    write_picture(data, picture)
    return html, picture


def render(data: ReportData) -> str:
    """The report as HTML text that loads nothing."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("report.html.j2").render(_context(data))


def _context(data: ReportData) -> dict[str, Any]:
    kept = {suite: run.table for suite, run in data.judged.items() if run.table is not None}
    members = {member.get("run") for member in (data.ensemble or {}).get("members", [])}
    nested = (data.ensemble or {}).get("table") or []
    runs = sorted(data.runs, key=lambda run: (run.name not in members, run.name))  # the members' curves get the colours
    calibration = {s: numbers.reliability(data.judged[s].images.labels, t.blended_nk) for s, t in kept.items()}
    return {
        "score": data.score,
        "zip": data.zip,
        "left_out": (data.ensemble or {}).get("left_out") or [],
        "script": SORT_SCRIPT,
        "submission": next(row for row in data.score["rows"] if row["kind"] == "submission"),
        "suites": list(data.judged),
        "class_names": data.class_names,
        "ensemble": data.manifest if "weights_mv" in data.manifest else data.ensemble,
        "ensemble_changed": _changed(data),
        "method": (data.ensemble or {}).get("method"),
        "nested_table": nested,
        "tta_gain": (data.ensemble or {}).get("tta_gain"),
        "nested_columns": _columns(nested),
        "runs": [_run(run, run.name in members) for run in runs],
        "curves": _curves(runs),
        "per_class": {suite: numbers.per_class(run) for suite, run in data.judged.items()},
        "confusions": {suite: _confusion(suite, run) for suite, run in data.judged.items()},
        "operations": {s: numbers.by_operation(data.judged[s], names) for s, names in data.operations.items()},
        "calibration": figures.reliability_figure(calibration) if calibration else None,
        "calibration_numbers": calibration,
        "hardest": {suite: _hardest(data, suite) for suite in reversed(list(data.judged))},
        "clean": dict(_flat(data.clean)) if data.clean else None,
        "dropped": sheet_uri(data.dropped) if data.dropped else None,
        "outcomes": {suite: run.outcome for suite, run in data.judged.items()},
        "logs": data.logs,
        "versions": _versions(data.manifest),
        "colours": {suite: figures.suite_colour(suite) for suite in data.judged},
    }


def _changed(data: ReportData) -> bool:
    """Is A/ensemble another one than the zip's?"""
    if data.ensemble is None or "weights_mv" not in data.manifest:
        return False
    fitted, packed = ((_names(source), np.asarray(source["weights_mv"])) for source in (data.ensemble, data.manifest))
    return fitted[0] != packed[0] or fitted[1].shape != packed[1].shape or not np.allclose(fitted[1], packed[1])


def _names(ensemble: Mapping[str, Any]) -> list[str]:
    return [member["name"] for member in ensemble["members"]]


def _columns(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of all lines; names before numbers, because JSON keeps no order."""
    keys = dict.fromkeys(key for line in table for key in line)
    numbers_last = {key: not any(isinstance(line.get(key), str) for line in table) for key in keys}
    return sorted(keys, key=lambda key: (numbers_last[key], key not in ("method", "name")))


def _run(run: Any, member: bool) -> dict[str, Any]:
    def best(key: str) -> float | None:
        return max(run.curve(key)[1], default=None)

    return {
        "name": run.name,
        "member": member,
        "state": run.state,
        "epochs": len(run.history),
        "val_accuracy": best("val_accuracy"),
        "val_aug_accuracy": best("val_aug_accuracy"),
        "seconds": sum(run.curve("seconds")[1]) or None,
    }


def _curves(runs: Sequence[Any]) -> list[tuple[str, str]]:
    wanted = [
        ("Accuracy on augmented validation images", ("val_aug_accuracy",)),
        ("Accuracy on validation images", ("val_accuracy",)),
        ("Training loss", ("loss", "train_loss")),
        ("Learning rate", ("lr", "learning_rate")),
    ]
    drawn = ((title, figures.curves_figure(runs, keys, title)) for title, keys in wanted)
    return [(title, uri) for title, uri in drawn if uri is not None]


def _confusion(suite: str, run: Any) -> dict[str, Any]:
    uri = figures.confusion_figure(suite, numbers.confusion(run), run.images.class_names)
    return {"uri": uri, "worst": numbers.worst_confusions(run)}


def _hardest(data: ReportData, suite: str) -> list[dict[str, Any]]:
    run = data.judged[suite]
    rows, true_probs = numbers.hardest(run, HARDEST)
    names, operations = run.images.class_names, data.operations.get(suite)
    return [
        {
            "uri": image_uri(np.asarray(run.images.images[row])),
            "true": names[run.images.labels[row]],
            "predicted": names[run.predictions[row]],
            "wrong": bool(run.images.labels[row] != run.predictions[row]),
            "loss": None if true_probs is None else float(-np.log(max(true_probs[n], 1e-12))),
            "operations": ", ".join(operations[row]) if operations else "",
            "id": str(run.images.ids[row]),
        }
        for n, row in enumerate(rows)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested dicts as (dotted name, value); long lists are counted, not shown."""
    pairs: list[tuple[str, Any]] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            pairs += _flat(item, f"{prefix}{key}: ")
        else:
            pairs.append((f"{prefix}{key}", f"{len(item)} entries" if isinstance(item, list) else item))
    return pairs


def _versions(manifest: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Library -> (version here, version that made the zip)."""
    packed = {str(name): str(version) for name, version in (manifest.get("versions") or {}).items()}
    here = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            here[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {name: (here.get(name, "-"), packed.get(name, "-")) for name in here | packed}


def _cell(value: Any) -> str:
    """A value in a table: four decimals, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


if __name__ == "__main__":
    run_main(main)
