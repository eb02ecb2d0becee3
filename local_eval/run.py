"""Run a zip as Codabench does, on suites of the hold-out, on any image set or on any competition's bundle.

Scores, logs and predictions are kept below ARTIFACTS/judge.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.latest import read_latest

from .bundle_run import DEFAULT_PROFILE, describe_bundle, judge_bundle
from .images_fingerprint import images_fingerprint
from .interpreter import find_interpreter
from .isolation import Isolation, add_options, chosen, describe_isolation
from .judge import judge
from .kept_run import run_folder
from .ledger import append_record
from .limits import PROFILES_S, Limits
from .loads import suite_strengths
from .worker import PLATFORMS

SUITES = ("clean", "an2dl")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 with the named cause when a run failed."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.run", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("zip", type=Path, nargs="?", help="the submission; by default that of submissions/latest.json")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--suite", action="append", help=f"suite to run on, repeatable; by default {' and '.join(SUITES)}"
    )
    parser.add_argument("--part", default="judge", help="part of the suites")
    parser.add_argument("--images", type=Path, help="run on this image set folder instead of suites")
    parser.add_argument(
        "--bundle", type=Path, help="run this competition's own programs and data (a zip or folder) instead of suites"
    )
    parser.add_argument("--phase", type=int, default=0, metavar="N", help="phase of the bundle, counted from 0")
    parser.add_argument(
        "--solution", type=int, metavar="N", help="run the bundle's own solution with this index instead of a zip"
    )
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="with --bundle: the Python of its programs, or the virtual environment with the packages of the "
        "competition's image; by default this one",
    )
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES_S),
        help=f"time limit of a known contest; by default an2dl, with --bundle its phase's, else {DEFAULT_PROFILE}",
    )
    parser.add_argument("--limit-s", type=float, help="time limit of a step in seconds, instead of the profile's")
    parser.add_argument("--limit-mb", type=float, help="memory limit of a step in MiB; by default none")
    parser.add_argument(
        "--max-processes", type=int, default=Limits.max_processes, help="processes of a step at a time, without threads"
    )
    parser.add_argument("--platform", choices=[*PLATFORMS, "both"], default="both", help="Codabench version")
    add_options(parser)
    parser.add_argument(
        "--table",
        action="store_true",
        help="also keep every member's probabilities of a zip of this kit, as local_eval.score does: one more start",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="a quick try on N images, kept apart from real runs")
    args = parser.parse_args(argv)
    profile = args.profile or "an2dl"
    try:
        limit_s = PROFILES_S[profile] if args.limit_s is None else args.limit_s
        limits = Limits(limit_s, args.limit_mb, max_processes=args.max_processes)
    except ValueError as error:
        parser.error(str(error))
    if args.limit is not None and args.limit < 1:
        parser.error(f"--limit must be at least 1. Received: {args.limit}")
    if (args.images is not None) + bool(args.suite) + (args.bundle is not None) > 1:
        parser.error("--images, --suite and --bundle exclude each other")
    if args.solution is not None and (args.bundle is None or args.zip is not None):
        parser.error("--solution needs --bundle, and no zip")
    if args.python is not None and args.bundle is None:
        parser.error("--python needs --bundle")

    isolation = chosen(args)
    if args.bundle is not None:
        submission = args.solution if args.solution is not None else args.zip or read_latest(args.artifacts).path
        own_limit = args.limit_s is not None or args.profile is not None
        python = find_interpreter(args.python) if args.python is not None else None
        folder, value = judge_bundle(
            args.artifacts, submission, args.bundle, args.phase, limits, own_limit, args.platform, isolation, python
        )
        print(describe_bundle(value, folder))
        return 0 if value["status"] == "Finished" and not value["problems"] else 1
    zip_path = args.zip or read_latest(args.artifacts).path
    options: dict[str, Any] = {
        "limits": limits,
        "platform": args.platform,
        "limit_images": args.limit,
        "isolation": isolation,
        "table": args.table,
    }
    if args.images is not None:
        folders = [judge_images(args.artifacts, zip_path, args.images, profile, **options)]
    else:
        suites = list(dict.fromkeys(args.suite or SUITES))
        folders = [
            judge_zip(args.artifacts, zip_path, suite, args.part, profile, **options)
            for suite in tqdm(suites, desc="judge", unit="suite", file=sys.stderr, disable=None)
        ]
    outcomes = {folder.name: read_json(folder / "outcome.json", "python -m local_eval.run") for folder in folders}
    failures = [_describe_failure(folder, outcomes[folder.name]) for folder in folders
                if outcomes[folder.name]["status"] != "Finished"]  # fmt: skip
    if failures:
        raise KitError("\n".join(failures))
    told = "; ".join(_describe(*item) for item in outcomes.items())
    print(f"{zip_path.name}: {told}; {describe_isolation(isolation.as_json())} -> {folders[0].parent}")
    return 0


def judge_zip(
    artifacts: Path,
    zip_path: Path,
    suite: str,
    part: str = "judge",
    profile: str = "an2dl",
    *,
    limits: Limits | None = None,
    platform: str = "both",
    limit_images: int | None = None,
    isolation: Isolation | None = None,
    table: bool = True,
) -> Path:
    """Run a zip on a part of a suite; keep it and append a line to the ledger.

    Args:
        artifacts: the contest's folder.
        zip_path: the submission.
        suite, part: A/suites/<suite>/<part>.
        profile: name of the limits, recorded with the result.
        limits: instead of the profile's.
        platform, limit_images, isolation, table: see `local_eval.judge.judge`.

    Returns:
        A/judge/<sha8>/<suite>-<part>, with `-limit<n>` after a run on some images only. Its outcome.json says how the
        run ended: a failed run is a result, not an exception.

    Raises:
        KitError: no such zip, suite, part or profile.
    """
    images = artifacts / "suites" / suite / part
    return _judge(artifacts, zip_path, images, (suite, part), profile, limits, platform, limit_images, isolation, table)


def judge_images(
    artifacts: Path,
    zip_path: Path,
    images: Path,
    profile: str = "an2dl",
    *,
    limits: Limits | None = None,
    platform: str = "both",
    limit_images: int | None = None,
    isolation: Isolation | None = None,
    table: bool = True,
) -> Path:
    """As `judge_zip`, on any image set folder; kept as A/judge/<sha8>/images-<folder's name>."""
    name = ("images", images.resolve().name)
    return _judge(artifacts, zip_path, images, name, profile, limits, platform, limit_images, isolation, table)


def _judge(
    artifacts: Path,
    zip_path: Path,
    images_folder: Path,
    name: tuple[str, str],
    profile: str,
    limits: Limits | None,
    platform: str,
    limit_images: int | None,
    isolation: Isolation | None,
    table: bool,
) -> Path:
    if profile not in PROFILES_S:
        raise KitError(f"expected profile to be one of {', '.join(sorted(PROFILES_S))}. Received: profile={profile!r}.")
    if not zip_path.is_file():
        raise KitError(f"expected a zip at {zip_path}, which does not exist: run `python -m submission.package` first.")
    images = open_image_set(images_folder, f"python -m local_eval.suites --artifacts {artifacts}")
    sha256 = sha256_file(zip_path)
    suite, part = name
    tried = f"-limit{limit_images}" if limit_images is not None else ""
    folder = run_folder(artifacts, sha256, suite, part + tried)
    notes = {
        "zip": str(zip_path),
        "sha256": sha256,
        "suite": suite,
        "part": part,
        "profile": profile,
        "limit_images": limit_images,
    }
    limits = limits or Limits(PROFILES_S[profile])
    fingerprint = images_fingerprint(images_folder)
    value = judge(zip_path, images, folder, limits, platform, limit_images, notes, isolation, table)
    kept = ("status", "message", "step", "scores", "seconds", "peak_mb", "images", "platforms", "limit_s", "limit_mb")
    about = {
        "zip": zip_path.name,
        "fingerprint": fingerprint,
        "strengths": run_strengths(folder, images_folder, images),
    }
    append_record(
        artifacts / "ledger.jsonl",
        {**notes, **about, **{key: value[key] for key in (*kept, "versions")}},
    )
    return folder


def run_strengths(folder: Path, images_folder: Path, images: ImageSet) -> dict[str, tuple[float, float]]:
    """Of a finished run on a suite: strength -> shift and its standard deviation; else empty."""
    try:
        with np.load(folder / "predictions.npz", allow_pickle=False) as file:
            answers = dict(zip(file["ids"].tolist(), file["labels"].tolist(), strict=True))
    except FileNotFoundError:
        return {}
    if answers.keys() != set(images.ids.tolist()):
        return {}  # a quick try on some of them
    right = np.array([answers[one] for one in images.ids.tolist()]) == images.labels
    return {name: (one.value, one.sd) for name, one in suite_strengths(images_folder, images.ids, right).items()}


def _describe(name: str, outcome: dict[str, Any]) -> str:
    by = outcome["predicted_by"]
    where = ", ".join(
        f"{version} on {count} images" + (f" with the predictions of {by[version]}" if by[version] != version else "")
        for version, count in outcome["platforms"].items()
    )
    seconds, timing = outcome["seconds"], outcome["timing"]
    steps = (
        f"start-up {timing['startup']:.1f} s, predict {timing['predict']:.1f} s of prediction's "
        f"{seconds['prediction']:.1f} s, scoring {seconds['scoring']:.1f} s"
    )
    return f"{name} {outcome['scores'].get('accuracy', float('nan')):.4f} ({where}; {steps})"


def _describe_failure(folder: Path, outcome: dict[str, Any]) -> str:
    lines = [f"{folder.name} {outcome['status']} in {outcome['step']}: {outcome['message']}"]
    lines += [f"    {line}" for line in outcome["tail"].splitlines()]
    if outcome["logs"]:
        lines.append(f"    (all logs: {folder / 'logs'}; {describe_isolation(outcome['isolation'])})")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
