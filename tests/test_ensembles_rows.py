"""Tables joined by id, rows with their shares; every misfit is listed."""

import numpy as np
import pytest
from ensemble_tables import VIEWS, make_rows, write_run
from hypothesis import given
from hypothesis import strategies as st

from ensembles.candidates import known_suites, load_candidates
from ensembles.families import balanced_shares, family_of
from ensembles.rows import build_rows
from ensembles.table import Table, load_select, predicted_runs
from local_eval.forecasting.evidence import family_of as family_of_judge
from local_eval.shifts.suite import suite_names
from submission.kit.errors import KitError
from submission.kit.probs_file import Probs, load_probs, save_probs


@pytest.fixture
def artifacts(tmp_path):
    write_run(tmp_path, "a", 2.0, seed=0)
    write_run(tmp_path, "b", 2.2, seed=1, fold=1)
    return tmp_path


def rewrite(artifacts, run, part="clean_select", **change):
    """Change arrays of a predictions file; whatever the file says is written, sound or not."""
    path = artifacts / "runs" / run / f"probs_{part}.npz"
    with np.load(path) as file:
        arrays = dict(file) | change
    np.savez(path, **arrays)


def arrays(artifacts, run, part="clean_select"):
    with np.load(artifacts / "runs" / run / f"probs_{part}.npz") as file:
        return dict(file)


def test_families_are_those_of_the_judge():
    for suite in suite_names():
        assert family_of(suite) == family_of_judge(suite)


def test_shares_by_hand():
    suites = ["clean", "an2dl", "an2dl", "an2dl-mild", "stain"]
    np.testing.assert_allclose(balanced_shares(suites, 0.2), [0.2, 0.1, 0.1, 0.2, 0.4])
    np.testing.assert_allclose(balanced_shares(["stain", "prior"], 0.2), [0.8, 0.2])
    np.testing.assert_allclose(balanced_shares(["clean", "clean"], 0.2), [0.5, 0.5])
    np.testing.assert_allclose(balanced_shares(["stain"], 0.2), [1])


@given(st.lists(st.sampled_from(["clean", "prior", "an2dl", "an2dl-harsh", "stain", "occlusion"]), min_size=1))
def test_families_count_alike(suites):
    shares = balanced_shares(suites, 0.2)
    assert shares.sum() == pytest.approx(1)
    sums = {family: shares[[family_of(suite) == family for suite in suites]].sum() for family in map(family_of, suites)}
    shifted = [value for family, value in sums.items() if family != "clean"]
    np.testing.assert_allclose(shifted, shifted[:1] * len(shifted))


def table(ids, labels, probs_nk, views=("identity",)):
    probs = np.broadcast_to(np.asarray(probs_nk, np.float32), (1, len(views), *np.shape(probs_nk)))
    return Table(["m"], list(views), np.array(ids), np.array(labels), probs)


def test_rows_are_tempered_stacked_and_shared_out():
    tables = {
        "an2dl": table(["b", "a"], [1, 0], [[0.8, 0.2], [0.5, 0.5]]),
        "clean": table(["a", "b", "c"], [0, 1, 1], [[0.8, 0.2], [0.5, 0.5], [0.5, 0.5]]),
    }
    rows = build_rows(tables, [0.5], 0.2, groups={"a": 7, "c": 7})
    np.testing.assert_allclose(rows.probs_mvnk[0, 0, 0], [0.64 / 0.68, 0.04 / 0.68], rtol=1e-6)
    np.testing.assert_allclose(rows.shares, [0.4, 0.4, *[0.2 / 3] * 3])
    assert rows.groups.tolist() == [0, 1, 1, 0, 1]  # a and c are near-duplicates; b stands alone
    assert rows.labels.tolist() == [1, 0, 0, 1, 1]
    assert rows.shifted.tolist() == [True, True, False, False, False]
    np.testing.assert_allclose(rows.where(rows.shifted).shares, [0.5, 0.5])
    np.testing.assert_allclose(rows.raw_mixture(np.ones((1, 1)))[0], [0.8, 0.2], rtol=1e-6)


def test_a_family_is_left_out_and_the_others_are_balanced_anew():
    rows = make_rows([1.0], suites=("an2dl", "stain", "occlusion"))
    left = rows.without_family("stain", 0.2, np.ones(len(rows.labels), bool))
    assert left.shifted_families == ["an2dl", "occlusion"]
    assert left.shares[left.suites == "an2dl"].sum() == pytest.approx(0.4)


def test_suites_with_other_views_are_listed():
    tables = {
        "clean": table(["a"], [0], [[1, 0]]),
        "stain": table(["a"], [0], [[1, 0]], ["identity", "flip"]),
        "an2dl": table(["a"], [0], [[1, 0]], ["flip"]),
    }
    with pytest.raises(KitError, match=r"stain: views .*'flip'\], 2 classes; an2dl: views \['flip'\]"):
        build_rows(tables, [1.0], 0.2)


def test_tables_are_joined_by_id(artifacts):
    write_run(artifacts, "e", 1.0, 7, views=VIEWS[::-1])
    runs = predicted_runs(artifacts / "runs")
    assert runs == ["a", "b", "e"]
    joined = load_select(artifacts / "runs", runs, "an2dl")
    assert joined.probs_mvnk.shape == (3, 2, 300, 3)
    np.testing.assert_array_equal(joined.labels, [int(image_id[2:]) % 3 for image_id in joined.ids])
    own = load_probs(artifacts / "runs" / "e" / "probs_an2dl_select.npz")
    row, here = list(own.ids).index("id7"), list(joined.ids).index("id7")
    np.testing.assert_array_equal(joined.probs_mvnk[2, 0, here], own.probs_vnk[1, row])  # identity is its second


@pytest.mark.parametrize("suite", ["an2dl_judge", "judge", "../judge/x", "an2dl/select"])
def test_what_judges_cannot_be_read(artifacts, suite):
    with pytest.raises(KitError, match="chosen on its select part"):
        load_select(artifacts / "runs", ["a"], suite)


def test_all_runs_that_do_not_fit_are_listed_at_once(artifacts):
    write_run(artifacts, "c", 1.0, 2, views=["identity"])
    write_run(artifacts, "d", 1.0, 3, num_images=290)
    write_run(artifacts, "e", 1.0, 4)
    rewrite(artifacts, "e", labels=(arrays(artifacts, "e")["labels"] + 1) % 3)
    write_run(artifacts, "f", 1.0, 5)
    rewrite(artifacts, "f", probs=np.full_like(arrays(artifacts, "f")["probs"], np.nan))
    write_run(artifacts, "g", 1.0, 6)
    rewrite(artifacts, "g", probs=arrays(artifacts, "g")["probs"] * 2)
    write_run(artifacts, "h", 1.0, 7)
    rewrite(artifacts, "h", probs=arrays(artifacts, "h")["probs"][:, :-1])
    (write_run(artifacts, "i", 1.0, 8) / "probs_clean_select.npz").unlink()
    write_run(artifacts, "j", 1.0, 9)
    rewrite(artifacts, "j", probs=np.full((2, 300, 4), 0.25, np.float32))
    with pytest.raises(KitError) as caught:
        load_select(artifacts / "runs", list("abcdefghij"), "clean")
    text = str(caught.value)
    for wanted in (
        "fit those of a. Received: 8 that differ",
        "  c: the same views. Received: ['identity'] against",
        "  d: the same images. Received: 10 ids are in one of them only",
        "  e: the same labels. Received: 300 labels differ",
        "  f: ",
        "  g: ",
        "expected finite probabilities whose rows sum to 1",
        "  h: every view needs every image: expected probabilities (2, 300, 'K'). Received: (2, 299, 3)",
        "  i: ",
        "is missing: run `python -m training.predict",
        "  j: the same classes. Received: 4 against 3",
        "--run c --run d --run e --run f --run g --run h --run i --run j --suite clean`",
    ):
        assert wanted in text, wanted


def test_classes_in_another_order_are_listed(artifacts):
    write_run(artifacts, "c", 1.0, 2, class_names=("b", "a", "c"))
    write_run(artifacts, "d", 1.0, 3, class_names=("a", "b"))
    with pytest.raises(KitError, match=r"classes of a, \['a', 'b', 'c'\](.|\n)*  c: .*'b', 'a'(.|\n)*  d: "):
        load_candidates(artifacts, None, ["clean"])


def test_missing_and_foreign_folds_are_listed(artifacts):
    (write_run(artifacts, "c", 1.0, 2) / "probs_oof.npz").unlink()
    rewrite(artifacts, "b", "oof", ids=arrays(artifacts, "a", "oof")["ids"])  # the images of fold 0, which b trained on
    write_run(artifacts, "d", 1.0, 3, views=["flip"])
    with pytest.raises(KitError) as caught:
        load_candidates(artifacts, None, ["clean"])
    text = str(caught.value)
    assert "3 that differ" in text
    assert "  b: expected the 300 images of fold 1. Received: 300, 600 ids in one of them only" in text
    assert "probs_oof.npz is missing: run" in text
    assert "  d: expected the view identity out of fold. Received: views=['flip']" in text


def test_suites_are_those_that_all_runs_predicted(artifacts):
    write_run(artifacts, "c", 1.0, 2, suites=("an2dl", "stain"))
    runs_dir = artifacts / "runs"
    assert known_suites(runs_dir, ["a", "c"], ["all"]) == ["clean", "an2dl"]
    assert known_suites(runs_dir, ["c"], ["stain,clean"]) == ["clean", "stain"]
    with pytest.raises(KitError) as caught:
        known_suites(runs_dir, ["a", "b", "c"], ["stain", "occlusion"])
    assert "  stain: not predicted by a, b\n  occlusion: not predicted by a, b, c\n" in str(caught.value)
    assert "SUITES=stain,occlusion`; then run `python -m training.predict" in str(caught.value)


def test_identical_members(artifacts):
    for name in ("c", "d"):
        for path in (artifacts / "runs" / "a").iterdir():
            (artifacts / "runs" / name).mkdir(exist_ok=True)
            (artifacts / "runs" / name / path.name).write_bytes(path.read_bytes())
    found = load_candidates(artifacts, None, ["clean", "an2dl"])
    assert (found.names, found.twins) == (["a", "b"], {"c": "a", "d": "a"})
    assert found.rows.probs_mvnk.shape[0] == len(found.rows.temperatures_m) == len(found.costs) == 2
    np.testing.assert_allclose(found.class_prior, 1 / 3)
    with pytest.raises(KitError, match="expected members that differ. Received: identical predictions of a, c, d"):
        load_candidates(artifacts, ["a", "c", "d"], ["clean"])


def test_saved_probabilities_come_back(tmp_path):
    probs = Probs(np.array(["x"]), np.array([0]), np.array([[[0.5, 0.5]]], np.float32), ["identity"])
    save_probs(tmp_path / "p.npz", probs)
    assert load_probs(tmp_path / "p.npz").views == ["identity"]
