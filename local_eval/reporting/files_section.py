"""What the sections on members, training, cleaning, the platform's run and the versions show."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .data import ReportData
from .pictures import sheet_uri
from .training_figure import training_figure

_LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "matplotlib")


def files_section(data: ReportData) -> dict[str, Any]:
    """The page's variables on what the zip was made from."""
    members = {member.get("run") for member in (data.ensemble or {}).get("members", [])}
    nested = (data.ensemble or {}).get("table") or []
    runs = sorted(data.runs, key=lambda run: (run.name not in members, run.name))  # the members' curves get the colours
    return {
        "zip": data.zip,
        "left_out": (data.ensemble or {}).get("left_out") or [],
        "ensemble": data.manifest if "weights_mv" in data.manifest else data.ensemble,
        "ensemble_changed": _changed(data),
        "method": (data.ensemble or {}).get("method"),
        "nested_table": nested,
        "nested_columns": _columns(nested),
        "tta_gain": (data.ensemble or {}).get("tta_gain"),
        "runs": [_run(run, run.name in members) for run in runs],
        "curves": _curves(runs),
        "clean": dict(_flat(data.clean)) if data.clean else None,
        "dropped": sheet_uri(data.dropped) if data.dropped else None,
        "outcomes": {suite: run.outcome for suite, run in data.judged.items()},
        "logs": data.logs,
        "versions": _versions(data.manifest),
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
    drawn = ((title, training_figure(runs, keys, title)) for title, keys in wanted)
    return [(title, uri) for title, uri in drawn if uri is not None]


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
