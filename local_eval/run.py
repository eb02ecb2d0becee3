"""Run a zip as Codabench does, on suites of the hold-out or on any image set, and keep scores, logs and predictions."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file
from submission.kit.image_set import open_image_set
from submission.kit.latest import read_latest

from .judge import judge
from .ledger import append_record
from .limits import PROFILES_S, Limits
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
    parser.add_argument("--profile", choices=sorted(PROFILES_S), default="an2dl", help="time limit of a known contest")
    parser.add_argument("--limit-s", type=float, help="time limit of a step in seconds, instead of the profile's")
    parser.add_argument("--limit-mb", type=float, help="memory limit of a step in MiB; by default none")
    parser.add_argument("--platform", choices=[*PLATFORMS, "both"], default="both", help="Codabench version")
    parser.add_argument("--limit", type=int, metavar="N", help="a quick try on N images, kept apart from real runs")
    args = parser.parse_args(argv)
    try:
        limits = Limits(PROFILES_S[args.profile] if args.limit_s is None else args.limit_s, args.limit_mb)
    except ValueError as error:
        parser.error(str(error))
    if args.limit is not None and args.limit < 1:
        parser.error(f"--limit must be at least 1. Received: {args.limit}")
    if args.images is not None and args.suite:
        parser.error("--images and --suite exclude each other")

    zip_path = args.zip or _latest_zip(args.artifacts)
    options: dict[str, Any] = {"limits": limits, "platform": args.platform, "limit_images": args.limit}
    if args.images is not None:
        folders = [judge_images(args.artifacts, zip_path, args.images, args.profile, **options)]
    else:
        suites = list(dict.fromkeys(args.suite or SUITES))
        folders = [
            judge_zip(args.artifacts, zip_path, suite, args.part, args.profile, **options)
            for suite in tqdm(suites, desc="judge", unit="suite", file=sys.stderr, disable=None)
        ]
    outcomes = {folder.name: read_json(folder / "outcome.json", "python -m local_eval.run") for folder in folders}
    failures = [_describe_failure(folder, outcomes[folder.name]) for folder in folders
                if outcomes[folder.name]["status"] != "Finished"]  # fmt: skip
    if failures:
        raise KitError("\n".join(failures))
    print(f"{zip_path.name}: {'; '.join(_describe(*item) for item in outcomes.items())} -> {folders[0].parent}")
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
) -> Path:
    """Run a zip on a part of a suite; keep it and append a line to the ledger.

    Args:
        artifacts: the contest's folder.
        zip_path: the submission.
        suite, part: A/suites/<suite>/<part>.
        profile: name of the limits, recorded with the result.
        limits: instead of the profile's.
        platform, limit_images: see `local_eval.judge.judge`.

    Returns:
        A/judge/<sha8>/<suite>-<part>, with `-limit<n>` after a run on some images only. Its outcome.json says how the
        run ended: a failed run is a result, not an exception.

    Raises:
        KitError: no such zip, suite, part or profile.
    """
    images = artifacts / "suites" / suite / part
    return _judge(artifacts, zip_path, images, (suite, part), profile, limits, platform, limit_images)


def judge_images(
    artifacts: Path,
    zip_path: Path,
    images: Path,
    profile: str = "an2dl",
    *,
    limits: Limits | None = None,
    platform: str = "both",
    limit_images: int | None = None,
) -> Path:
    """As `judge_zip`, on any image set folder; kept as A/judge/<sha8>/images-<folder's name>."""
    return _judge(
        artifacts, zip_path, images, ("images", images.resolve().name), profile, limits, platform, limit_images
    )


def _judge(
    artifacts: Path,
    zip_path: Path,
    images_folder: Path,
    name: tuple[str, str],
    profile: str,
    limits: Limits | None,
    platform: str,
    limit_images: int | None,
) -> Path:
    if profile not in PROFILES_S:
        raise KitError(f"expected profile to be one of {', '.join(sorted(PROFILES_S))}. Received: profile={profile!r}.")
    if not zip_path.is_file():
        raise KitError(f"expected a zip at {zip_path}, which does not exist: run `python -m submission.package` first.")
    images = open_image_set(images_folder, f"python -m local_eval.suites --artifacts {artifacts}")
    sha256 = sha256_file(zip_path)
    suite, part = name
    tried = f"-limit{limit_images}" if limit_images is not None else ""
    folder = artifacts / "judge" / sha256[:8] / f"{suite}-{part}{tried}"
    notes = {
        "zip": str(zip_path),
        "sha256": sha256,
        "suite": suite,
        "part": part,
        "profile": profile,
        "limit_images": limit_images,
    }
    value = judge(zip_path, images, folder, limits or Limits(PROFILES_S[profile]), platform, limit_images, notes)
    kept = ("status", "message", "step", "scores", "seconds", "peak_mb", "images", "platforms", "limit_s", "limit_mb")
    append_record(
        artifacts / "ledger.jsonl",
        {**notes, "zip": zip_path.name, **{key: value[key] for key in (*kept, "versions")}},
    )
    return folder


def _latest_zip(artifacts: Path) -> Path:
    return read_latest(artifacts).path


def _describe(name: str, outcome: dict[str, Any]) -> str:
    where = ", ".join(f"{version} on {count} images" for version, count in outcome["platforms"].items())
    seconds = sum(outcome["seconds"].values())
    return f"{name} {outcome['scores'].get('accuracy', float('nan')):.4f} ({where}, {seconds:.1f} s)"


def _describe_failure(folder: Path, outcome: dict[str, Any]) -> str:
    lines = [f"{folder.name} Failed in {outcome['step']}: {outcome['message']}"]
    lines += [f"    {line}" for line in outcome["tail"].splitlines()]
    if outcome["logs"]:
        lines.append(f"    (all logs: {folder / 'logs'})")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
