"""Make the zip with which an organiser hosts this contest on Codabench, or check any such zip."""

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError

from ..limits import PROFILES_S
from .build import build_bundle
from .check import check_bundle
from .settings import DOCKER_IMAGE, Settings, parse_start


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 when a checked bundle would be refused or would not work."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.bundle", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--check", type=Path, metavar="FILE.zip", help="check this bundle, anybody's, instead")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--out", type=Path, metavar="FILE.zip", help="by default ARTIFACTS/bundles/bundle-<sha>.zip")
    parser.add_argument("--title", help="of the contest; by default made from the number of classes")
    parser.add_argument(
        "--start", help="development begins, in UTC: YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS'; default today"
    )
    parser.add_argument("--development-days", type=int, default=60, help="length of the first phase")
    parser.add_argument("--final-days", type=int, default=7, help="length of the second phase, a second later")
    parser.add_argument("--suite", action="append", help="repeatable, the first one ranks; by default all, clean last")
    parser.add_argument("--limit-s", type=int, default=int(PROFILES_S["codabench-default"]), help="seconds for a step")
    parser.add_argument("--docker-image", default=DOCKER_IMAGE, help="where submissions run")
    parser.add_argument("--no-training-data", action="store_true", help="leave the training images out")
    args = parser.parse_args(argv)
    if args.check is not None:
        return _check(args.check)
    settings = Settings(
        start=parse_start(args.start or datetime.now(timezone.utc).strftime("%Y-%m-%d")),
        title=args.title,
        development_days=args.development_days,
        final_days=args.final_days,
        limit_s=args.limit_s,
        docker_image=args.docker_image,
        suites=tuple(args.suite) if args.suite else None,
        training_data=not args.no_training_data,
    )
    path = build_bundle(args.artifacts, settings, args.out)
    (start, _), (_, end) = settings.phase_dates()
    size = path.stat().st_size / 1e6
    print(f"{path}: {size:.1f} MB, open {start} to {end} UTC; upload it on Codabench under Benchmark > Management")
    return 0


def _check(path: Path) -> int:
    problems = check_bundle(path)
    told = "\n".join(str(problem) for problem in problems)
    if count := sum(problem.breaks for problem in problems):
        raise KitError(f"{path.name} has {count} problem{'s' if count > 1 else ''}:\n{told}")
    if told:
        print(told)
    print(f"{path.name}: Codabench would accept it")
    return 0


if __name__ == "__main__":
    run_main(main)
