"""Run the zip as the platform does on clean and shifted images, and say what it scores and what it will score.

A run that is there already is taken, if it is of the same zip, images, limits, isolation and platform and its files are
as it left them: one more suite costs one run, and what a kill interrupts is all that is lost.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.latest import read_latest, stored_path

from .forecast import (
    describe_forecasts,
    describe_unlabelled,
    forecasts_of,
    main_forecast,
    make_forecasts,
    suite_evidence,
)
from .forecast_images import forecast_images
from .images_fingerprint import ARRAYS, images_fingerprint
from .isolation import Isolation, add_options, choose_isolation, chosen, describe_isolation
from .judged import Judged, open_judged
from .kept_run import is_kept, keep_run, made_of, run_folder
from .ledger import read_records
from .limits import PROFILES_S, Limits
from .score_table import score_table, suite_order
from .suite_folder import FULL, check_suite, suite_command

PART = "judge"
SUITES = ("clean", "an2dl")  # at least; by default all that there are
SHIFTED = "an2dl"  # the suite that the forecast is made from

# (artifacts, zip, suite, part, profile) -> folder of the run, whose outcome.json says how it ended
JudgeZip = Callable[[Path, Path, str, str, str], Path]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.score", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--zip", type=Path, help="any submission; by default that of submissions/latest.json")
    parser.add_argument(
        "--suite",
        nargs="+",
        metavar="SUITE",
        default=["all"],
        help="suites whose judge part is run; all: every one that was written, but for those in full",
    )
    parser.add_argument(
        "--unlabelled", type=Path, metavar="FILE", help="forecast for these images, too: .npz with images, or .npy"
    )
    parser.add_argument("--profile", default="an2dl", choices=sorted(PROFILES_S), help="the platform's limits")
    add_options(parser)
    parser.add_argument("--force", action="store_true", help="run every suite, also where a run can be taken")
    parser.add_argument("--brief", action="store_true", help="print one line instead of the table")
    args = parser.parse_args(argv)
    suites = [name for text in args.suite for name in text.split(",") if name]
    value = score(
        args.artifacts,
        args.zip,
        None if "all" in suites else suites,
        args.profile,
        isolation=chosen(args),
        unlabelled=args.unlabelled,
        force=args.force,
    )
    print(describe_briefly(value) if args.brief else describe(value, args.artifacts))
    return 0


def score(
    artifacts: Path,
    zip_path: Path | None = None,
    suites: Sequence[str] | None = None,
    profile: str = "an2dl",
    judge: JudgeZip | None = None,
    isolation: Isolation | None = None,
    unlabelled: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Judge a zip and write its score.json (see `score_file`); runs that can be taken are (see `kept_run`).

    Args:
        artifacts: the contest's folder.
        zip_path: the submission; None is the latest packaged one.
        suites: names under A/suites; None is all that have a judge part. The forecast needs a shifted one.
        profile: name of the platform's limits.
        judge: runs the zip on one suite; by default `local_eval.run.judge_zip`.
        isolation: where its programs run; by default `choose_isolation("auto")`.
        unlabelled: images to forecast, too; the forecasts follow the ledger, even where the runs are up to date.
        force: take no run that is there.

    Returns:
        What score.json holds; its "zip" is relative to `artifacts` where it lies inside.

    Raises:
        KitError: no zip, or no suite: then nothing was changed. Or a run that failed: then there is no score.json of
            this zip; that of another one is left, and so are the runs that finished.
    """
    zip_path = zip_path or read_latest(artifacts).path
    if not zip_path.is_file():
        raise KitError(f"expected a zip at {zip_path}. Received: no such file.")
    if profile not in PROFILES_S:
        raise KitError(f"expected profile to be one of {', '.join(PROFILES_S)}. Received: profile={profile!r}.")
    suites = suite_order(set(suites or written_suites(artifacts)))
    isolation = isolation or choose_isolation()
    prints = {suite: _fingerprint(artifacts / "suites" / suite / PART, artifacts) for suite in suites}
    sha256 = sha256_file(zip_path)
    path = score_file(artifacts, sha256)
    made = {suite: made_of(sha256, prints[suite], profile, isolation) for suite in suites}
    folders = {suite: run_folder(artifacts, sha256, suite, PART) for suite in suites}
    todo = [suite for suite in suites if force or not is_kept(folders[suite], made[suite])]
    old = {} if todo else _old(path)
    if todo:
        path.unlink(missing_ok=True)  # an interrupted or failed run must not leave an older score behind
    mend = f"python -m local_eval.score --artifacts {artifacts} --zip {zip_path}"
    judge = judge or partial(_judge_zip, isolation=isolation)
    judged = {}
    with tqdm(total=len(todo), desc="score", unit="suite", file=sys.stderr, disable=None if todo else True) as bar:
        for suite in suites:
            if suite in todo:
                bar.set_postfix_str(suite)
                folders[suite] = judge(artifacts, zip_path, suite, PART, profile)
            judged[suite] = open_judged(folders[suite], artifacts / "suites" / suite / PART, mend)
            if suite in todo:
                keep_run(folders[suite], made[suite])
                bar.update()
    value = {
        "zip": stored_path(zip_path, artifacts),
        "sha256": sha256,
        "size_bytes": zip_path.stat().st_size,
        "profile": profile,
        "isolation": isolation.as_json(),
        "suites": {suite: _suite(artifacts, run, prints[suite], made[suite]) for suite, run in judged.items()},
        "rows": score_table(judged),
    }
    if old.get("suites") != value["suites"]:
        old = {}  # its forecast of unlabelled images is of other suites
    value |= _forecasts(artifacts, zip_path, sha256, judged, prints, profile, unlabelled, old)
    if value != old:
        write_json(path, value)
    return value


def written_suites(artifacts: Path) -> list[str]:
    """Names of the suites under A/suites that have a judge part, but not in full, and of the two always wanted."""
    found = [path.parent.parent.name for path in artifacts.glob(f"suites/*/{PART}/meta.json")]
    return suite_order({*SUITES, *(name for name in found if not name.endswith(FULL))})


def score_file(artifacts: Path, sha256: str) -> Path:
    """Where a zip's score belongs: A/judge/score.json for the packaged one, A/judge/<sha8>/score.json for any other."""
    try:
        packaged = read_json(artifacts / "submissions" / "latest.json", "")["sha256"]
    except (KitError, KeyError, TypeError):
        packaged = None  # nothing was packaged here: every zip comes from elsewhere
    folder = artifacts / "judge"
    return (folder if sha256 == packaged else folder / sha256[:8]) / "score.json"


def describe(value: Mapping[str, Any], artifacts: Path) -> str:
    """The score as text: the table, the forecast, the zip, the time."""
    suites = suite_order(value["suites"])
    lines = _rows_by_suite(value["rows"], suites) if len(suites) <= 3 else _suites_by_row(value["rows"], suites)
    made = value["forecast"]
    if made is None:
        lines.append(f"no forecast: it needs the suite {SHIFTED}")
    else:
        lines.append(
            f"forecast of the hidden accuracy: {made['accuracy']:.3f}, {made['level']:.0%} interval "
            f"[{made['low']:.3f}, {made['high']:.3f}], hidden images {made['scenario']}"
        )
        lines += [f"  warning: {warning}" for warning in made["warnings"]]
        lines.append(describe_forecasts(value["forecasts"]))
    if value["unlabelled"] is not None:
        lines.append(describe_unlabelled(value["unlabelled"]))
    lines.append(f"zip: {artifacts / value['zip']}, {value['size_bytes'] / 1e6:.1f} MB, sha256 {value['sha256']}")
    runs = []
    for suite in suites:
        run = value["suites"][suite]
        runs.append(f"{suite} {' + '.join(f'{name} {taken:.1f} s' for name, taken in sorted(run['seconds'].items()))}")
    limit = f"limit {value['suites'][suites[0]]['limit_s']:.0f} s a step ({value['profile']})"
    lines.append(f"platform run: {'; '.join(runs)}; {limit}; {describe_isolation(value['isolation'])}")
    return "\n".join(lines)


def describe_briefly(value: Mapping[str, Any]) -> str:
    """The score of what was submitted in one line."""
    cells = value["rows"][-1]["suites"]
    scores = ", ".join(f"{_title(suite)} {cells[suite]['accuracy']:.4f}" for suite in suite_order(cells))
    return f"score: {Path(value['zip']).name} ran as on the platform ({value['profile']}): {scores}"


def _rows_by_suite(rows: Sequence[Mapping[str, Any]], suites: Sequence[str]) -> list[str]:
    width = max(len(row["name"]) for row in rows)
    lines = [" " * width + "".join(f"  {_title(suite):<34}" for suite in suites).rstrip()]
    for row in rows:
        texts = (_cell(row["suites"][suite]) for suite in suites)
        lines.append(f"{row['name']:<{width}}" + "".join(f"  {text:<34}" for text in texts).rstrip())
    return lines


def _suites_by_row(rows: Sequence[Mapping[str, Any]], suites: Sequence[str]) -> list[str]:
    """For many suites: a line each, the submission with its interval, then the accuracy of the other rows."""
    width, (*others, last) = max(len(_title(suite)) for suite in suites), rows
    lines = [" " * width + f"  {last['name']:<34}" + "".join(f"  {row['name']}" for row in others)]
    for suite in suites:
        numbers = (f"  {row['suites'][suite]['accuracy']:<{len(row['name'])}.4f}" for row in others)
        lines.append(f"{_title(suite):<{width}}  {_cell(last['suites'][suite]):<34}" + "".join(numbers))
    return [line.rstrip() for line in lines]


def _cell(cell: Mapping[str, Any]) -> str:
    return f"{cell['accuracy']:.4f} [{cell['low']:.4f}, {cell['high']:.4f}] n={cell['n']}"


def _title(suite: str) -> str:
    return suite if suite == "clean" else f"shifted ({suite})"


def _judge_zip(artifacts: Path, zip_path: Path, suite: str, part: str, profile: str, *, isolation: Isolation) -> Path:
    from .run import judge_zip

    return judge_zip(artifacts, zip_path, suite, part, profile, isolation=isolation)


def _fingerprint(folder: Path, artifacts: Path) -> str:
    missing = [name for name in ARRAYS if not (folder / name).is_file()]
    if missing:
        raise KitError(
            f"expected an image set in {folder}. Received: no {', '.join(missing)}. "
            f"Run `{suite_command(folder, artifacts)}` first."
        )
    check_suite(folder, artifacts)
    return images_fingerprint(folder)


def _old(path: Path) -> dict[str, Any]:
    """The score that is there; {} where there is none or nothing can be made of it."""
    try:
        value = read_json(path, "")
    except KitError:
        return {}
    return value if isinstance(value, dict) else {}


def _suite(artifacts: Path, run: Judged, fingerprint: str, made: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "folder": run.folder.relative_to(artifacts).as_posix(),
        "n": len(run.images),
        "seconds": run.outcome["seconds"],
        "limit_s": made["limit_s"],
    }


def _forecasts(
    artifacts: Path,
    zip_path: Path,
    sha256: str,
    judged: Mapping[str, Judged],
    prints: Mapping[str, str],
    profile: str,
    unlabelled: Path | None,
    old: Mapping[str, Any],
) -> dict[str, Any]:
    """The keys forecasts_of, forecast, forecasts and unlabelled; what they depend on unchanged, the older are kept."""
    records = read_records(artifacts / "ledger.jsonl")[0]
    evidence = suite_evidence(artifacts, judged)
    basis = forecasts_of(evidence, records, sha256, prints)
    if old.get("forecasts_of") == basis:
        made = old["forecasts"]
    else:
        made = make_forecasts(evidence, sha256, judged, records, prints)
    images = old.get("unlabelled")
    if unlabelled is not None:
        limits = Limits(PROFILES_S[profile])
        images = forecast_images(artifacts, zip_path, unlabelled, judged, made, limits, prints, images)
    return {"forecasts_of": basis, "forecast": main_forecast(made), "forecasts": made, "unlabelled": images}


if __name__ == "__main__":
    run_main(main)
