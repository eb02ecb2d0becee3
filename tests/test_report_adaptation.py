"""The report's section on adapting to the images."""

import pytest
from report_artifacts import make_contest, write_adaptation

from local_eval.report import report
from local_eval.reporting.adaptation_section import adaptation_section, trials
from local_eval.score import score
from submission.kit.files import read_json, write_json


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    made = make_contest(tmp_path_factory.mktemp("report") / "A", n=12, size=8)
    score(made.artifacts, judge=made.judge)
    return made


def html(contest) -> str:
    return " ".join(
        report(contest.artifacts)[0].read_text(encoding="utf-8").replace("\u00ad", "").replace("\u200b", "").split()
    )


def test_the_lines_by_hand(contest):
    found = trials(read_json(write_adaptation(contest), ""))
    assert list(found) == ["Class shares, by EM", "Batch-norm statistics"]
    judged, drawn = found["Class shares, by EM"]
    assert (judged.name, judged.kind, judged.n, judged.guard) == ("an2dl", "suite", 900, "refused")
    assert (drawn.name, drawn.kind, drawn.n, drawn.guard) == ("an2dl", "shares", 509, "let 1 of 2")
    assert drawn.mean_forced == pytest.approx(0.03) and drawn.mean_guarded == pytest.approx(0.02)
    # suites come before single operations, whatever the file's order
    assert [(line.name, line.guard) for line in found["Batch-norm statistics"]] == [
        ("an2dl", "refused"),
        ("gaussian_noise", "let it"),
    ]


def test_nothing_without_a_file():
    assert adaptation_section(None)["adaptation"] == {} and trials({"rows": []}) == {}


def test_the_section_is_there_where_the_file_is(contest):
    path = write_adaptation(contest, ("batch-norm statistics of m1 were <left alone>",))
    text = html(contest)
    for part in (
        '<a href="#adaptation">Adaptation</a>',
        "other class shares, 2 sets: +3.0 points on the mean and +2.0 at the least; with the guard +2.0 and +0.0.",
        "<small>+2.0 to +4.0</small>",
        "agree by -0.52 only",
        "were &lt;left alone&gt;",
    ):
        assert part in text, part
    write_json(path, read_json(path, "") | {"sha256": "of another zip"})
    assert "adaptation" not in html(contest)
    path.unlink()
    assert "adaptation" not in html(contest)
