import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from report_artifacts import BLOOD, MEMBERS, make_contest

from local_eval.entries import add_score
from local_eval.ledger import append_record
from local_eval.report import main, report
from local_eval.score import score
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json, write_text

VOID = {"meta", "link", "img", "br"}


def scored(folder, **options):
    contest = make_contest(folder, **options)
    score(contest.artifacts, judge=contest.judge)
    return contest


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    return scored(tmp_path_factory.mktemp("report") / "A", n=48, size=16)


@pytest.fixture(scope="module")
def html(contest):
    return report(contest.artifacts)[0].read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects tags, links and ids; complains about tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_one_file_that_loads_nothing(html):
    page = Page(html)
    for tag, attrs in page.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs[name][:80])
    assert not re.search(r"@import|url\(|https?://", html)
    assert len(html) < 3e6


def test_accessible(html):
    tags = Page(html).tags
    assert all(attrs.get("alt") for tag, attrs in tags if tag == "img")
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in tags if tag == "th")
    assert ("html", {"lang": "en"}) in tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for tag, attrs in tags if tag == "a"} <= set(ids)


def test_shows_every_part(html):
    text = " ".join(Page(html).text.split())
    wanted = [
        "Hidden accuracy forecast: 0.", "90 % interval",
        "only 48 images", *MEMBERS, *BLOOD, "ensemble with TTA, 4 views",
        "flip_rot180", "convex, log-loss",
        "standard error 0.0040", "Best augmented", "taken for", "channel shuffle", "Calibration error",
        "● trained", "○ new", "Of efficientnet-f1-s0, densenet-f2-s1 the policy is not known",
        "The main member, that of most weight: convnext-f0-s0", "No leaderboard score yet", "None of these suites",
        "convnext-f1-s0-00000003 (shifted 0.4125, clean 0.9625)",
        "joke picture", "prediction 41.3", "6000 s", "2210 MiB", "ids agree <ok>", "tensorflow", "3.15.1",
    ]  # fmt: skip
    assert [part for part in wanted if part not in text] == []
    assert "<ok>" not in html  # logs are escaped


def test_names_from_outside_are_escaped(tmp_path):
    names = ["<script>alert(1)</script>", "a & b", "$x^{$", "'\""]
    contest = scored(tmp_path / "A", n=12, size=8, class_names=names)
    page = Page(report(contest.artifacts)[0].read_text(encoding="utf-8"))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert all(name in page.text for name in names)


def test_picture_has_the_size_of_a_readme(contest, html):
    with Image.open(contest.artifacts / "report" / "report.png") as picture:
        assert picture.size == (1600, 900)
        assert np.asarray(picture.convert("L")).std() > 10


@pytest.mark.parametrize(
    "options",
    [
        {"n": 5, "size": 40, "channels": 1, "class_names": ["yes", "no"]},
        {"n": 30, "size": 200, "table": False},
        {"n": 60, "size": 8, "class_names": [f"class {n}" for n in range(45)]},
    ],
    ids=["one channel, two classes", "another kit's zip", "45 classes"],
)
def test_other_contests(tmp_path, options):
    contest = scored(tmp_path / "A", **options)
    page = Page(report(contest.artifacts)[0].read_text(encoding="utf-8"))
    assert options.get("table", True) == ("Mean confidence" in page.text)
    assert options.get("table", True) != ("not known which of these operations it was trained with" in page.text)


@pytest.mark.slow
def test_many_suites_members_and_classes_stay_small(tmp_path):
    """Twelve suites, eight members, thirty classes: one section each, severities drawn, nothing lost."""
    names = ["bloodmnist-c", "imagenet-c", "imagenet-c-bar", "occlusion", "stain", "prior", "an2dl-mild", "an2dl-harsh"]
    suites = {"clean": 2.4, "an2dl": 1.6} | dict.fromkeys([*names, "mine", "yours"], 1.2)
    contest = scored(
        tmp_path / "A", n=40, size=8, class_names=[f"class {n}" for n in range(30)], suites=suites, members=8
    )
    html = report(contest.artifacts)[0].read_text(encoding="utf-8")
    page = Page(html)
    assert len(html) < 8e6
    alts = [attrs["alt"] for tag, attrs in page.tags if tag == "img"]
    assert sum("against severity" in alt for alt in alts) == 4  # three tables of corruptions, and an2dl's strengths
    for start in ("Confusion matrix", "Reliability diagram"):
        assert sum(alt.startswith(start) for alt in alts) == 12
    assert sum("mild" in alt and "typical" in alt and "harsh" in alt for alt in alts) == 1


def test_without_a_policy_nothing_is_marked(tmp_path):
    contest = scored(tmp_path / "A", n=12, size=8, policy=False)
    text = Page(report(contest.artifacts)[0].read_text(encoding="utf-8")).text
    assert "does not say what its nets were trained with" in text and "● trained" not in text


def test_leaderboard_scores_are_drawn(tmp_path):
    contest = scored(tmp_path / "A", n=40, size=8)
    sha256 = sha256_file(contest.zip)
    run = {"part": "judge", "suite": "an2dl", "status": "Finished", "images": 40, "scores": {"accuracy": 0.7}}
    append_record(contest.artifacts / "ledger.jsonl", {"sha256": sha256, "zip": "a.zip", **run})
    add_score(contest.artifacts, sha256, 0.65, "development")
    page = Page(report(contest.artifacts)[0].read_text(encoding="utf-8"))
    assert "1 of 1 scores lie inside their interval" in " ".join(page.text.split())
    assert any("a.zip: 0.700 and 0.650" in attrs["alt"] for tag, attrs in page.tags if tag == "img")


def test_says_what_is_absent(tmp_path):
    contest = scored(tmp_path / "A", n=12, size=8)
    for name in ("runs", "clean", "ensemble", "suites/an2dl/judge/operations.csv", "submissions"):
        path = contest.artifacts / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = Page(report(contest.artifacts)[0].read_text(encoding="utf-8")).text
    for command in ("training.train", "training.clean", "ensembles.fit", "local_eval.suites"):
        assert f"python -m {command}" in text


def test_says_when_the_ensemble_is_not_the_zips(tmp_path):
    contest = scored(tmp_path / "A", n=12, size=8)
    told = "fitted anew after this zip was packaged"
    assert told not in report(contest.artifacts)[0].read_text(encoding="utf-8")
    path = contest.artifacts / "ensemble" / "ensemble.json"
    write_json(path, read_json(path, "") | {"weights_mv": [[0.25] * 4, [0.0] * 4, [0.0] * 4]})
    assert told in report(contest.artifacts)[0].read_text(encoding="utf-8")


def test_histories_of_other_keys_and_cut_lines(tmp_path):
    contest = scored(tmp_path / "A", n=12, size=8)
    write_text(contest.artifacts / "runs" / "odd" / "history.jsonl", '{"epoch": 0, "loss": "nan"}\n[1]\n{"epo')
    write_text(contest.artifacts / "runs" / "empty" / "history.jsonl", "")
    assert "odd" in report(contest.artifacts)[0].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("gone", "command"),
    [
        ("judge/score.json", "local_eval.score"),
        ("suites/clean/judge", "local_eval.suites"),
        ("suites/clean/judge/images.npy", "local_eval.suites"),
    ],
)
def test_missing_inputs_name_the_command(tmp_path, gone, command):
    contest = scored(tmp_path / "A", n=8, size=8)
    path = contest.artifacts / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(KitError, match=f"is missing: run `python -m {command} --artifacts {contest.artifacts}`"):
        report(contest.artifacts)


def test_a_report_on_another_zip_lies_beside_its_score(tmp_path):
    contest = scored(tmp_path / "A", n=8, size=8)
    report(contest.artifacts)
    kept = (contest.artifacts / "report" / "report.html").read_bytes()
    assert report(contest.artifacts, contest.zip)[0] == contest.artifacts / "report" / "report.html"
    other = tmp_path / "other.zip"
    other.write_bytes(contest.zip.read_bytes() + b" ")
    with pytest.raises(KitError, match=f"score --artifacts {contest.artifacts} --zip {other}` first"):
        report(contest.artifacts, other)
    value = read_json(contest.artifacts / "judge" / "score.json", "") | {
        "zip": str(other),
        "sha256": sha256_file(other),
    }
    own = contest.artifacts / "judge" / sha256_file(other)[:8]
    write_json(own / "score.json", value)
    html, picture = report(contest.artifacts, other)
    assert (html.parent, picture.parent) == (own, own)
    assert str(other) in html.read_text(encoding="utf-8")
    assert (contest.artifacts / "report" / "report.html").read_bytes() == kept
    with pytest.raises(KitError, match="Received: no such file"):
        report(contest.artifacts, tmp_path / "none.zip")


def test_a_zip_that_was_changed_is_not_reported_on(tmp_path):
    contest = scored(tmp_path / "A", n=8, size=8)
    contest.zip.write_bytes(b"other")
    with pytest.raises(KitError, match=r"was changed since it was scored .*local_eval.score --artifacts"):
        report(contest.artifacts)


def test_operations_of_other_images_are_refused(tmp_path):
    contest = scored(tmp_path / "A", n=8, size=8)
    write_text(contest.artifacts / "suites/an2dl/judge/operations.csv", "id,operations\nx,shear\n")
    with pytest.raises(KitError, match=r"expected a line for each of 8 images. Received: none for 8"):
        report(contest.artifacts)


def test_same_input_same_bytes(contest, html):
    picture = (contest.artifacts / "report" / "report.png").read_bytes()
    paths = report(contest.artifacts)
    assert paths[0].read_text(encoding="utf-8") == html
    assert paths[1].read_bytes() == picture


def test_command(contest, capsys):
    assert main(["--artifacts", str(contest.artifacts)]) == 0
    assert re.fullmatch(r"wrote \S+report.html \(\d\.\d MB\) and \S+report.png\n", capsys.readouterr().out)
