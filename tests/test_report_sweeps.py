"""The report's section on sweeps, from the files that sweeps leave."""

import pytest
from report_artifacts import make_contest

from local_eval.report import report
from local_eval.reporting.sweeps import read_sweeps, sweeps_section
from local_eval.score import score
from submission.kit.errors import KitError
from training.sweeping.results import write_results


def row(name, clean, shifted, **more):
    told = {"state": "trained", "fields": {"learning_rate": 0.00123456}, "epochs": 3, "seconds": 12.4, "error": None}
    return (
        {"run": name, "number": int(name[1:]), "clean": clean, "shifted": shifted, "last_shifted": None} | told | more
    )


ROWS = [row("r1", 0.9, 0.5), row("r2", 0.8, 0.7), row("r3", 0.7, 0.6), row("r4", None, None, state="failed")]


def test_both_places_are_told(tmp_path):
    write_results(tmp_path / "sweeps" / "mine", "mine", ROWS, {"learning_rate": 0.75})
    (found,) = sweeps_section(read_sweeps(tmp_path / "sweeps"))
    assert [(r["run"], r["shifted_place"], r["clean_place"]) for r in found["rows"]] == [
        ("r2", 1, 2),
        ("r3", 2, 3),
        ("r1", 3, 1),
    ]
    assert found["counts"] == "1 failed, 3 trained" and found["cleanest"]["run"] == "r1"
    assert [figure["name"] for figure in found["figures"]] == ["clean_and_shifted.png", "history.png", "importance.png"]
    assert found["rows"][0]["told"] == "learning_rate=0.00123"


def test_the_page_has_the_section_only_with_a_sweep(tmp_path):
    contest = make_contest(tmp_path / "A", n=32, size=16)
    score(contest.artifacts, judge=contest.judge)
    assert "Sweeps" not in report(contest.artifacts)[0].read_text(encoding="utf-8")
    write_results(contest.artifacts / "sweeps" / "mine", "mine", ROWS, {"learning_rate": 0.75})
    write_results(contest.artifacts / "sweeps" / "begun", "begun", [], None)
    html = report(contest.artifacts)[0].read_text(encoding="utf-8")
    assert '<section id="sweeps"' in html and html.count("data:image/png;base64,iVBOR") >= 3
    assert "The best by its clean score is number 3 by its shifted one, 20.0 points below the best." in html
    assert "learning_\u200brate=\u200b0.00123" in html  # a narrow column breaks it after a sign
    assert "A grid: no runs." in html and "No run with both scores yet." in html


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sweep.json").write_text("{")
    with pytest.raises(KitError, match="sweep.json is not valid JSON .*make sweep SWEEP=s"):
        read_sweeps(tmp_path)
