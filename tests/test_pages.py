"""The pages that people look at, in a real browser: the report, and what Codabench shows beside the scores."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, open_page
from report_artifacts import BLOOD, make_contest, write_adaptation

from local_eval.entries import add_score
from local_eval.ledger import append_record
from local_eval.report import report
from local_eval.score import score
from local_eval.scoring_program.results_page import results_page
from submission.kit.files import sha256_file

pytestmark = [pytest.mark.slow, pytest.mark.browser]
CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
MANY = ["bloodmnist-c", "imagenet-c", "imagenet-c-bar", "occlusion", "stain", "prior", "an2dl-mild", "an2dl-harsh"]
LONG = [f"a class with a rather long name and averyveryverylongwordwithoutaspace {k}" for k in range(30)]


def write_results(folder: Path, class_names: list[str], right: float) -> Path:
    rng = np.random.default_rng(0)
    k = len(class_names)
    counts = rng.multinomial(400, [(1 - right) / k] * (k - 1) + [right + (1 - right) / k], size=k)
    counts = np.stack([np.roll(row, n + 1) for n, row in enumerate(counts)])  # the last one is the right one
    counts[1] = 0  # a class that does not occur
    values = {"accuracy": np.trace(counts) / counts.sum(), "balanced_accuracy": 0.5, "prediction_seconds": 41.3}
    path = folder / "detailed_results.html"
    path.write_text(results_page({"": (values, counts, class_names)}), encoding="utf-8")
    return path


def write_report(folder: Path, leaderboard: bool = False, **options) -> Path:
    contest = make_contest(folder / "A", **options)
    score(contest.artifacts, judge=contest.judge)
    write_adaptation(contest)
    if leaderboard:
        found = {"sha256": sha256_file(contest.zip), "zip": "submission.zip", "status": "Finished"}
        judged = {"part": "judge", "suite": "an2dl", "images": 48, "scores": {"accuracy": 0.7}}
        append_record(contest.artifacts / "ledger.jsonl", found | judged)
        for n in range(3):
            add_score(contest.artifacts, found["sha256"], 0.6 + n / 20, f"phase {n}")
    return report(contest.artifacts)[0]


PAGES = {
    "results": lambda folder: write_results(folder, BLOOD, 0.9),
    "results, 30 long names": lambda folder: write_results(folder, LONG, 0.5),
    "results, all right": lambda folder: write_results(folder, ["no", "yes"], 1.0),
    "report": lambda folder: write_report(folder, n=48, size=16, leaderboard=True),
    "report, 30 long names": lambda folder: write_report(folder, n=60, size=8, class_names=LONG, table=False),
    "report, 12 suites, 8 members, 30 long names": lambda folder: write_report(
        folder,
        n=60,
        size=8,
        class_names=LONG,
        members=8,
        suites={"clean": 2.4, "an2dl": 1.6, **dict.fromkeys([*MANY, "mine", "a-suite-with-quite-a-long-name"], 1.2)},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def chromium():
    """Some systems have a stub that asks for another installer."""
    if CHROMIUM is None or subprocess.run([CHROMIUM, "--version"], capture_output=True).returncode != 0:
        pytest.skip("needs the chromium browser")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Each page once."""
    made: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in made:
            made[name] = PAGES[name](tmp_path_factory.mktemp("page"))
        return made[name]

    return write


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_in_a_browser(written, tmp_path, name, width):
    path = written(name)
    with open_page(path, width, tmp_path) as page:
        assert page.evaluate("innerWidth") == width
        assert page.evaluate(CHECKS) == []
        page.screenshot(tmp_path / "page.png")
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate(CHECKS) == []
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith("data:")] == [path.resolve().as_uri()]
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_the_results_of_usual_classes_fit_a_phone(written, tmp_path):
    """No table but the confusion's needs to be moved to be read."""
    wide = '[...document.querySelectorAll("table")].filter((t) => t.scrollWidth > t.parentElement.clientWidth)'
    with open_page(written("results"), 390, tmp_path) as page:
        assert page.evaluate(f"{wide}.map((t) => t.id)") == ["confusion"]


def test_the_checks_find_faults(tmp_path):
    """Each check fails on a page made to fail it."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<!doctype html><img alt="broken" src="data:image/png;base64,AAAA"><img src="nowhere.png">'
        '<p style="font-size:9px">small</p><p style="color:#aaa">pale</p><p style="width:2000px">wide</p>'
        '<table class="sortable"><thead><tr><th>head</th></tr></thead><tbody><tr><td>2</td></tr></tbody></table>'
        "<script>console.error('oh'); fail()</script>",
        encoding="utf-8",
    )
    with open_page(path, 1280, tmp_path) as page:
        found = "\n".join(page.evaluate(CHECKS))
    for part in ("the page is 2008 wide", "too wide: p", "not a picture: broken", "9px text", "contrast 2.3 of p",
                 "no button in th", "only"):  # fmt: skip
        assert part in found
    told = "\n".join(page.complaints)
    assert "oh" in told and "fail is not defined" in told and "ERR_FILE_NOT_FOUND" in told
