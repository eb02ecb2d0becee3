"""Has the local judge passed this very zip?"""

from pathlib import Path
from typing import Any

from submission.kit.errors import KitError

from ..ledger import read_records


def check_passed(ledger: Path, zip_path: Path, sha256: str, mend: str) -> None:
    """Raise unless the last full run of these bytes finished on every suite that they were judged on, at least one.

    Args:
        ledger: A/ledger.jsonl.
        zip_path: for the message.
        sha256: of the zip.
        mend: the command that judges it.

    Raises:
        KitError: not judged, or a run that did not finish; names the run.
    """
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for record in read_records(ledger)[0]:
        # quick tries on some images prove nothing
        if record.get("sha256") == sha256 and "suite" in record and record.get("limit_images") is None:
            last[str(record["suite"]), str(record.get("part"))] = record
    wrong = [
        f"{suite}-{part} {record.get('status')}: {record.get('message') or 'no message'}"
        for (suite, part), record in sorted(last.items())
        if record.get("status") != "Finished"
    ]
    if last and not wrong:
        return
    told = "; ".join(wrong) if wrong else f"no full run of sha256 {sha256[:8]} in {ledger}"
    raise KitError(
        f"expected a zip that the local judge has passed. Received: {zip_path}, {told}. "
        f"Run `{mend}` first; --force submits it all the same."
    )
