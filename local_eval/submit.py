"""Upload a judged zip to Codabench, submit it once, wait for its end, and fetch its logs and scores.

The token comes from the environment variable CODABENCH_TOKEN. To get one:
curl -d username=NAME -d password=PASSWORD https://www.codabench.org/api/api-token-auth/
"""

import argparse
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.latest import read_latest

from .codabench.api import Codabench
from .codabench.connection import Connection, check_server
from .codabench.once import submit_once
from .codabench.passed import check_passed
from .codabench.patience import Clock
from .codabench.receipt import DEFAULT_SERVER, Receipt, open_receipt
from .codabench.results import Results, error_tail, fetch_results, wait_for_end
from .ledger import append_record, read_records

TOKEN = "CODABENCH_TOKEN"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; exits 1 unless the submission finished with a score (or, with --no-wait, exists)."""
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.submit", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("zip", type=Path, nargs="?", help="the submission; by default that of submissions/latest.json")
    parser.add_argument(
        "--phase", type=int, required=True, help="the phase's id, as SERVER/api/competitions/ID/ lists it"
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--server", default=DEFAULT_SERVER, help="address of the Codabench server")
    parser.add_argument("--force", action="store_true", help="submit a zip that the local judge has not passed")
    parser.add_argument(
        "--again", action="store_true", help="submit a zip whose earlier submission has ended once more"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="leave once it is submitted; run it again to fetch the logs"
    )
    parser.add_argument("--wait-s", type=float, default=6 * 3600.0, help="seconds to wait for the end")
    args = parser.parse_args(argv)
    if args.phase < 1:
        parser.error(f"--phase must be at least 1. Received: {args.phase}")
    if not args.wait_s >= 0:
        parser.error(f"--wait-s must be 0 or more. Received: {args.wait_s}")
    zip_path = args.zip or read_latest(args.artifacts).path
    print(
        submit(
            zip_path,
            args.phase,
            args.artifacts,
            args.server,
            os.environ.get(TOKEN, ""),
            force=args.force,
            again=args.again,
            wait_s=None if args.no_wait else args.wait_s,
        )
    )
    return 0


def submit(
    zip_path: Path,
    phase: int,
    artifacts: Path,
    server: str,
    token: str,
    *,
    force: bool = False,
    again: bool = False,
    wait_s: float | None = 6 * 3600.0,
    clock: Clock | None = None,
) -> str:
    """Submit a zip to a phase, exactly once however often this is called.

    Args:
        zip_path: the submission.
        phase: the phase's id.
        artifacts: A; A/submitted gets the receipt and A/submitted/<id>/ the logs, A/ledger.jsonl a line.
        server: https address.
        token: the user's; sent to `server` only.
        force: even if the local judge has not passed these bytes.
        again: one more submission after an ended one.
        wait_s: None returns once it is submitted.
        clock: replaced in tests.

    Returns:
        One line that says what came of it.

    Raises:
        KitError: refused by the judge or the server, failed on the platform, or failures that did not pass.
    """
    sha256, server = _check_zip(zip_path), check_server(server)
    if not force:
        mend = f"python -m local_eval.run {zip_path} --artifacts {artifacts}"
        check_passed(artifacts / "ledger.jsonl", zip_path, sha256, mend)
    if not token:
        raise KitError(f"{TOKEN} is not set. `python -m local_eval.submit --help` says how to get a token.")
    connection = Connection(server, token, clock or Clock())
    api = Codabench(connection)
    with open_receipt(artifacts / "submitted", zip_path, sha256, phase, server, again) as receipt:
        if receipt.state == "ended" and not receipt.values.get("missing"):
            return _describe_old(receipt, artifacts)
        submission_id = submit_once(api, receipt, zip_path)
        if wait_s is None:
            return f"{zip_path.name}: submitted to phase {phase} as {submission_id}; without --no-wait it waits"
        folder = artifacts / "submitted" / str(submission_id)
        results = fetch_results(api, wait_for_end(api, submission_id, wait_s), folder)
        _end(receipt, results, artifacts / "ledger.jsonl", force)
    return _describe(zip_path, submission_id, results)


def _check_zip(path: Path) -> str:
    if not path.is_file():
        raise KitError(f"expected a zip at {path}. Received: no such file.")
    if not zipfile.is_zipfile(path):
        raise KitError(f"expected a zip. Received: {path}, which the platform would refuse as bad or empty.")
    return sha256_file(path)


def _end(receipt: Receipt, results: Results, ledger: Path, forced: bool) -> None:
    """The ledger's line, then the receipt; a crash between the two adds no second line."""
    values = receipt.values
    about: dict[str, Any] = {key: values[key] for key in ("server", "phase", "submission")}
    if not any(about.items() <= record.items() for record in read_records(ledger)[0]):
        told = {"status": results.status, "message": results.reason, "scores": results.scores, "forced": forced}
        append_record(ledger, {**about, **told, "zip": Path(values["zip"]).name, "sha256": values["sha256"]})
    receipt.note(state="ended", status=results.status, missing=results.missing)


def _describe_old(receipt: Receipt, artifacts: Path) -> str:
    values = receipt.values
    told = (
        f"{values['zip']} was submitted to phase {values['phase']} before, as {values['submission']}, "
        f"{values['status']}: see {artifacts / 'submitted' / str(values['submission'])}. --again submits it once more"
    )
    if values["status"] != "Finished":
        raise KitError(f"{told}.")
    return told


def _describe(zip_path: Path, submission_id: int, results: Results) -> str:
    missing = "".join(f"\n  not fetched: {one}" for one in results.missing)
    name = f"{zip_path.name}: submission {submission_id}"
    if results.status != "Finished":
        tail = error_tail(results.folder)
        raise KitError(
            f"{name} {results.status}{': ' + results.reason if results.reason else ''}. Its logs are in "
            f"{results.folder}; mend the zip and judge it again.{chr(10) + tail if tail else ''}{missing}"
        )
    if not results.scores:
        raise KitError(
            f"{name} Finished without a score: the platform shows n/a, or the phase hides it. "
            f"See {results.folder}.{missing}"
        )
    scores = ", ".join(f"{key} {value:.4f}" for key, value in results.scores.items())
    return f"{name} Finished: {scores} -> {results.folder}{missing}"


if __name__ == "__main__":
    run_main(main)
