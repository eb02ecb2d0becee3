"""What each part of an ensemble brings."""

import csv

import numpy as np
import pytest
from ensemble_tables import make_rows, write_cost, write_run
from PIL import Image

from ensembles.candidates import Candidates
from ensembles.contribution import contribution_lines, disagreement, main
from ensembles.fit import Settings, fit
from ensembles.limits import Cost
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json


def lines_of(rows, weights_mv, costs):
    names = [f"m{m}" for m in range(len(weights_mv))]
    found = Candidates(names, rows, costs, {}, np.ones(3) / 3)
    return {(line["kind"], line["name"]): line for line in contribution_lines(rows, weights_mv, found)}


def test_contributions_by_hand():
    rows = make_rows([2.0, 1.0], num_images=80)
    weights = np.array([[0.5, 0.25], [0.25, 0.0]])
    lines = lines_of(rows, weights, [Cost(2.0, 1.0, 5.0), None])
    assert set(lines) == {
        *(("member", name) for name in ("m0", "m1")),
        *(("view", name) for name in ("identity", "flip")),
        *(("pair", name) for name in ("m0 identity", "m0 flip", "m1 identity")),
    }

    def right(mixture):
        return mixture.argmax(-1) == rows.labels

    both = rows.shares @ right(rows.mixture(weights))
    m0 = rows.probs_mvnk[0, 0] * 0.5 + rows.probs_mvnk[0, 1] * 0.25
    member = lines["member", "m0"]
    assert (member["weight"], member["passes"], member["ms_per_image"], member["size_mb"]) == (0.75, 2, 4.0, 5.0)
    assert member["solo"] == pytest.approx(rows.shares @ right(m0))
    assert member["gain"] == pytest.approx(both - rows.shares @ right(rows.probs_mvnk[1, 0]))
    shifted = rows.shifted
    assert member["solo_shifted"] == pytest.approx(right(m0)[shifted].mean())
    wrong = np.stack([~right(m0), ~right(rows.probs_mvnk[1, 0])])
    covariance = np.cov(wrong, aweights=rows.shares)
    assert member["correlation"] == pytest.approx(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    assert lines["member", "m1"]["ms_per_image"] is None
    assert lines["view", "identity"]["ms_per_image"] is None and lines["view", "flip"]["ms_per_image"] == 2.0


def test_a_whole_ensemble_of_one_pair_has_nothing_to_be_left_out_of():
    rows = make_rows([2.0], num_images=20, views=1)
    line = lines_of(rows, np.ones((1, 1)), [None])["member", "m0"]
    assert (line["gain"], line["correlation"], line["ms_per_image"]) == (None, None, None)


def test_disagreement_is_symmetric_and_by_share():
    rows = make_rows([2.0, 1.0, 0.5], num_images=50)
    names, differing = disagreement(rows, np.full((3, 2), 1 / 6), ["a", "b", "c"])
    assert names == ["a", "b", "c", "ensemble"]
    np.testing.assert_allclose(differing, differing.T)
    np.testing.assert_array_equal(np.diag(differing), 0)
    a, b = (rows.probs_mvnk[m].mean(0).argmax(-1) for m in (0, 1))
    assert differing[0, 1] == pytest.approx(rows.shares @ (a != b))
    assert disagreement(rows.with_members([0]), np.full((1, 2), 0.5), ["a"])[0] == ["identity", "flip", "ensemble"]


def test_the_command(tmp_path, capsys):
    for n, name in enumerate(("a", "b")):
        write_cost(write_run(tmp_path, name, 1.5 + n / 10, seed=n), 1.0 + n)
    ensemble = fit(tmp_path, None, Settings(methods=["equal"]))
    assert main(["--artifacts", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == (
        "weight solo shifted solo both left out shifted left out both correlation ms/image MB"
    )
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["member", "a"],
        ["member", "b"],
        ["view", "identity"],
        ["view", "flip"],
    ]
    assert "4 pairs" in lines[-1]
    with (tmp_path / "ensemble" / "contribution.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 8
    assert float(table[0]["size_mb"]) == 5
    with Image.open(tmp_path / "ensemble" / "disagreement.png") as picture:
        assert min(picture.size) > 300

    write_json(tmp_path / "ensemble" / "ensemble.json", ensemble | {"views": ["identity", "rot90"]})
    with pytest.raises(KitError, match=r"expected predictions of a, b under .*rot90.*Run `python -m ensembles\.fit"):
        main(["--artifacts", str(tmp_path)])
    assert read_json(tmp_path / "ensemble" / "ensemble.json", "")["views"] == ["identity", "rot90"]
    (tmp_path / "ensemble" / "ensemble.json").unlink()
    with pytest.raises(KitError, match=r"ensemble.json is missing: run `python -m ensembles\.fit"):
        main(["--artifacts", str(tmp_path)])
