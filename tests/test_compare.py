"""Two zips on the same images: the statistics against scipy, the verdict, the reuse of what is judged."""

import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_artifacts import make_contest
from scipy.stats import binomtest

from local_eval.compare import compare, describe, main
from local_eval.pairs import compare_pairs, holm, mcnemar
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_sign_test(a, b):
    expected = binomtest(a, a + b, 0.5).pvalue if a + b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-6)


def test_pairs_by_hand():
    right_a = np.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], bool)
    right_b = np.array([1, 1, 0, 1, 1, 1, 1, 1, 1, 1], bool)
    made = compare_pairs(right_a, right_b)
    assert (made.difference, made.only_a, made.only_b, made.n) == (pytest.approx(0.1), 1, 2, 10)
    assert made.p_value == pytest.approx(1.0)
    # Agresti and Min: (1.5 + 2.5 - 1 / 12) / 144
    half = 1.959964 * ((1.5 + 2.5 - 1 / 12) / 144) ** 0.5
    assert (made.low, made.high) == (pytest.approx(1 / 12 - half), pytest.approx(1 / 12 + half))


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(500):
        draws = rng.multinomial(120, [0.75, 0.04, 0.08, 0.13])
        right_a = np.repeat([1, 1, 0, 0], draws)
        right_b = np.repeat([1, 0, 1, 0], draws)
        made = compare_pairs(right_a, right_b)
        hits += made.low <= 0.04 <= made.high
    assert 0.93 <= hits / 500 <= 0.99


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_swapping_turns_the_sign(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    one, two = compare_pairs(a, b), compare_pairs(b, a)
    assert one.difference == pytest.approx(-two.difference) and one.low == pytest.approx(-two.high)
    assert one.p_value == two.p_value and -1 <= one.low <= one.difference + 1e-12 and one.high <= 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([]) == []


def test_bad_pairs_are_refused():
    with pytest.raises(ValueError, match=r"expected two \(N,\)"):
        compare_pairs(np.ones(3, bool), np.ones(4, bool))


@pytest.fixture
def two(tmp_path):
    """A contest, its zip, and another zip that is right on more images."""
    contest = make_contest(tmp_path / "A", n=120, size=8, table=False)
    other = tmp_path / "other.zip"
    shutil.copyfile(contest.zip, other)
    with zipfile.ZipFile(other, "a") as file:
        file.writestr("more.txt", "")
    folder = contest.artifacts / "judge"
    for suite, wrong in (("clean", 2), ("an2dl", 3)):
        run = shutil.copytree(
            folder / sha256_file(contest.zip)[:8] / f"{suite}-judge", folder / sha256_file(other)[:8] / f"{suite}-judge"
        )
        images = contest.artifacts / "suites" / suite / "judge"
        labels = np.load(images / "labels.npy")
        labels[:wrong] = (labels[:wrong] + 1) % 8
        np.savez(run / "predictions.npz", ids=np.load(images / "ids.npy"), labels=labels)

    def judge(artifacts, zip_path, suite, part, profile):
        judge.calls.append((zip_path.name, suite))
        return artifacts / "judge" / sha256_file(zip_path)[:8] / f"{suite}-{part}"

    judge.calls = []
    return contest, other, judge


def test_the_better_zip_is_named_and_runs_are_reused(two):
    contest, other, judge = two
    value = compare(contest.artifacts, contest.zip, other, judge=judge)
    assert value["verdict"] == "b is better" and "an2dl" in value["why"]
    assert value["suites"]["an2dl"]["accuracy_b"] == pytest.approx(117 / 120)
    assert len(judge.calls) == 4
    turned = compare(contest.artifacts, other, contest.zip, judge=judge)
    assert turned["verdict"] == "a is better" and len(judge.calls) == 4
    assert turned["suites"]["an2dl"]["difference"] == pytest.approx(-value["suites"]["an2dl"]["difference"])
    written = contest.artifacts / "judge" / f"compare-{sha256_file(contest.zip)[:8]}-{sha256_file(other)[:8]}.json"
    assert read_json(written, "")["verdict"] == "b is better"
    text = describe(value)
    assert "b is better: b is more accurate than a on" in text and "95 % interval" in text


def test_alike_is_noise_and_a_few_suites_lose_no_score(two):
    contest, other, judge = two
    compare(contest.artifacts, contest.zip, other, judge=judge)
    for suite in ("clean", "an2dl"):
        folder = contest.artifacts / "judge"
        source = folder / sha256_file(contest.zip)[:8] / f"{suite}-judge" / "predictions.npz"
        shutil.copyfile(source, folder / sha256_file(other)[:8] / f"{suite}-judge" / "predictions.npz")
    value = compare(contest.artifacts, contest.zip, other, ["clean"], judge=judge)
    assert value["verdict"] == "noise" and list(value["suites"]) == ["clean"]
    assert set(read_json(contest.artifacts / "judge" / "score.json", "")["suites"]) == {"clean", "an2dl"}


def test_bad_zips(two, tmp_path):
    contest, other, judge = two
    with pytest.raises(KitError, match="expected two different zips"):
        compare(contest.artifacts, contest.zip, shutil.copyfile(contest.zip, tmp_path / "copy.zip"), judge=judge)
    with pytest.raises(KitError, match=r"expected a zip at .*none.zip. Received: no such file"):
        compare(contest.artifacts, contest.zip, tmp_path / "none.zip", judge=judge)
    with pytest.raises(KitError, match="image set in .*nosuch"):
        compare(contest.artifacts, contest.zip, other, ["nosuch"], judge=judge)
    assert judge.calls == []


def test_several_shifted_suites_are_taken_together(two):
    contest, other, judge = two
    for name in ("stain",):
        shutil.copytree(contest.artifacts / "suites/an2dl", contest.artifacts / "suites" / name)
        for path in (contest.zip, other):
            folder = contest.artifacts / "judge" / sha256_file(path)[:8]
            shutil.copytree(folder / "an2dl-judge", folder / f"{name}-judge")
    value = compare(contest.artifacts, contest.zip, other, judge=judge)
    both, one = value["suites"]["all shifted"], value["suites"]["an2dl"]
    assert both["difference"] == pytest.approx(one["difference"]) and both["n"] == 120
    assert both["low"] == pytest.approx(one["low"], abs=0.02)  # two copies of the same answers are no more images


def test_the_command(two, capsys):
    contest, other, judge = two
    compare(contest.artifacts, contest.zip, other, judge=judge)
    assert main([str(contest.zip), str(other), "--artifacts", str(contest.artifacts)]) == 0
    assert "b is better" in capsys.readouterr().out
