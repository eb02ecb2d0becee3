"""The forecast benchmark's means and table, by hand."""

import pytest

from benchmarks.bench_forecast import summary
from benchmarks.forecast_cases import Case, ForeignSet
from benchmarks.forecast_table import write_table


def case(net, method, truth, accuracy, low=0.0, high=1.0, draw=0):
    return Case(net, "noise", method, truth, accuracy, low, high, draw)


def test_means_by_hand():
    cases = [
        case("a@1", "m", 0.5, 0.54, 0.4, 0.6),
        case("b@1", "m", 0.6, 0.58, 0.4, 0.59),  # outside
        case("c@1", "m", 0.7, 0.73, 0.6, 0.8),
    ]
    line = summary(cases)[1].split()
    assert line == ["m", "3", "3.0", "3.8", "+1.7", "66.7%", "0.197", "1.000", "1.000"]


@pytest.mark.parametrize(
    ("suite", "strength", "scenario"),
    [
        ("stain", "mild", ("stain", "mild")),
        ("imagenet-c", "5", ("imagenet-c", "5")),
        ("an2dl", "typical", ("an2dl-typical", "")),
        ("clean", "", ("clean", "")),
    ],
)
def test_scenarios_follow_from_the_description(suite, strength, scenario):
    assert ForeignSet("x", suite, strength).scenario == scenario


def test_the_table_has_every_net_and_marks_what_lies_outside(tmp_path):
    cases = [
        case("a@1", "unknown, 0 scores", 0.5, 0.6),
        case("a@1", "named, 0 scores", 0.5, 0.6, 0.55, 0.65),
        case("a@1", "named, 5 scores", 0.5, 0.49, 0.4, 0.6),
        case("a@1", "named, 5 scores", 0.5, 0.1, 0.0, 0.6, draw=1),
        case("a@1", "unlabelled, classes shifted", 0.4, 0.41, 0.3, 0.5),
    ]
    write_table(tmp_path / "t.md", ["the means"], cases, [ForeignSet("noise", "imagenet-c", "harsh")])
    text = (tmp_path / "t.md").read_text()
    assert "## noise (imagenet-c, harsh)" in text and "the means" in text
    assert "| net | truth | named scenario, no score | named, 5 scores | unlabelled, other class frequencies |" in text
    assert "| a@1 | 50.0 | **60.0 [55, 65]** | 49.0 [40, 60] | 41.0 [30, 50] of 40.0 |" in text
