"""Write the report of a scored zip: report.html, one self-contained file, and report.png, one picture."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_text

from .reporting.data import load_report_data
from .reporting.page import render
from .reporting.summary_picture import write_picture
from .score import score_file


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


if __name__ == "__main__":
    run_main(main)
