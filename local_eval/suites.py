"""Write the suites: altered copies of the hold-out, one folder for each suite and part."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main

from .holdout import PARTS, read_holdout
from .shifts.suite import Suite, get_suite, suite_names
from .suite_folder import FULL, write_full, write_suite

DEFAULT = ("clean", "an2dl")

_MEND = "python -m local_eval.suites"


def named_suites(texts: Sequence[str]) -> list[Suite]:
    """The suites of command line texts such as `an2dl,stain` or `all`, each once; `KitError` for an unknown one."""
    names = [name for text in texts for name in text.split(",") if name]
    if "all" in names:
        names = list(suite_names())
    return [get_suite(name) for name in dict.fromkeys(names)]


def main(argv: Sequence[str] | None = None) -> int:
    """Write suites; prints one line."""
    parser = argparse.ArgumentParser(
        prog=_MEND,
        description="Write altered copies of the hold-out images, for choosing (select) and for judging (judge).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="the contest's files")
    parser.add_argument(
        "--suites",
        "--suite",
        dest="suites",
        action="append",
        metavar="NAME,NAME",
        default=argparse.SUPPRESS,  # a list here would be appended to
        help=f"out of {', '.join(suite_names())}; or all; may be repeated (default: {','.join(DEFAULT)})",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="every corruption at every severity of every judge image, as published metrics want it, beside the suite "
        "as SUITE-full; the suite itself gives each image one of them",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed alters each image in another way")
    args = parser.parse_args(argv)
    suites = named_suites(getattr(args, "suites", DEFAULT))
    holdout = read_holdout(args.artifacts)
    written = []
    for suite in suites:
        name = suite.name + FULL * args.full
        # What tunes wants no image 75 times over.
        for part in ("judge",) if args.full else PARTS:
            write = write_full if args.full else write_suite
            if images := write(args.artifacts / "suites" / name / part, holdout, suite, part, args.seed):
                written.append(f"{name}/{part} ({images} images)")
    if written:
        print(f"Wrote {', '.join(written)} under {args.artifacts / 'suites'}.")
    else:
        names = ", ".join(suite.name + FULL * args.full for suite in suites)
        print(f"Up to date: {names} under {args.artifacts / 'suites'}.")
    return 0


if __name__ == "__main__":
    run_main(main)
