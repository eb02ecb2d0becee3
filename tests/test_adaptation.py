"""What adaptation would gain: the table of a judged zip, made by hand and with a tiny net."""

import json
import zipfile

import numpy as np
import pytest
import tiny_ensemble as tiny

from local_eval.adaptation import adaptation, main
from local_eval.adaptation_norms import altered_in_one_way, single_operations
from submission.export_net import export_net
from submission.kit.blend import blend
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json
from submission.kit.image_set import write_image_set

PRIOR = [0.5, 0.3, 0.2]
N = 40


def make_zip(folder, members=None):
    manifest = {
        "members": [{"name": f"m{m}", "path": f"members/m{m}", "temperature": 1.0} for m in range(2)],
        "views": ["identity"], "weights_mv": [[0.5], [0.5]], "class_names": tiny.CLASSES, "image_shape": tiny.SHAPE,
        "class_prior": PRIOR,
    }  # fmt: skip
    path = folder / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for file in members.rglob("*") if members is not None else ():
            if file.is_file():
                archive.write(file, f"members/{file.relative_to(members).as_posix()}")
    return path


def judge(artifacts, zip_path):
    """Two suites, judged; the clean one with other shares than the prior."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, N, p=[0.1, 0.2, 0.7])
    ids = np.array([f"id{n}" for n in range(N)])
    for suite in ("clean", "an2dl"):
        images = rng.integers(0, 256, (N, *tiny.SHAPE), dtype=np.uint8)
        write_image_set(
            artifacts / "suites" / suite / "judge",
            [(images, labels)],
            N,
            tiny.SHAPE,
            {"class_names": tiny.CLASSES},
            ids,
        )
        probs = rng.dirichlet(np.ones(3), (2, 1, N)).astype(np.float32)
        weights, temperatures = np.full((2, 1), 0.5), np.ones(2)
        blended = blend(probs, weights, [1.0, 1.0])
        folder = artifacts / "judge" / sha256_file(zip_path)[:8] / f"{suite}-judge"
        write_json(folder / "outcome.json", {"status": "Finished"})
        np.savez(folder / "predictions.npz", ids=ids, labels=blended.argmax(-1))
        np.savez(
            folder / "table.npz", ids=ids, probs=probs, blended=blended, members=np.array(["m0", "m1"]),
            views=np.array(["identity"]), weights_mv=weights, temperatures_m=temperatures,
        )  # fmt: skip
    return labels, blended


def test_shares_on_every_suite(tmp_path, capsys):
    path = make_zip(tmp_path)
    labels, blended = judge(tmp_path, path)
    assert main(["--artifacts", str(tmp_path), "--zip", str(path), "--no-nets"]) == 0
    told = capsys.readouterr().out
    folder = tmp_path / "judge" / sha256_file(path)[:8]
    assert told.splitlines()[-1] == f"{folder / 'adaptation.json'}: 8 lines; nothing of it is in the score"
    value = json.loads((folder / "adaptation.json").read_text())
    assert [row["set"] for row in value["rows"][:2]] == ["clean", "clean, shares 1"]
    assert value["class_prior"] == PRIOR
    row = next(row for row in value["rows"] if row["set"] == "an2dl")
    assert row["before"] == row["guarded"] == (blended.argmax(-1) == labels).mean()
    assert (row["kind"], row["method"], row["n"]) == ("suite", "prior", N)
    assert row["refusal"] == "40 images are fewer than 500"
    assert {row["n"] >= 500 for row in value["rows"] if row["kind"] == "shares"} == {True}


def test_nets_are_tried_on_suites_and_on_images_altered_in_one_way(tmp_path, monkeypatch):
    monkeypatch.setattr("local_eval.adaptation_norms._SINGLE", ("darken", "hue"))
    for m in range(2):
        export_net(tiny.tiny_net(m), tmp_path / "members" / f"m{m}", tiny.SHAPE)
    path = make_zip(tmp_path, tmp_path / "members")
    judge(tmp_path, path)
    value, _ = adaptation(tmp_path, path, num_images=16)
    rows = [row for row in value["rows"] if row["method"] == "batch_norm"]
    assert {row["set"] for row in rows} == {"clean", "an2dl", *(f"all {name}" for name in single_operations(3))}
    assert {row["n"] for row in rows} == {16}
    assert all(row["before"] == row["guarded"] for row in rows)
    assert all(row["refusal"] == "m0: 16 images are fewer than 500; m1: 16 images are fewer than 500" for row in rows)


def test_a_zip_whose_nets_cannot_be_opened_is_told_without_them(tmp_path):
    path = make_zip(tmp_path)
    judge(tmp_path, path)
    value, _ = adaptation(tmp_path, path)
    assert {row["method"] for row in value["rows"]} == {"prior"}
    assert "expected a SavedModel that can be frozen in the zip's folder/members/m0" in value["notes"][0]


def test_all_images_are_altered_each_in_its_own_way():
    images = tiny.tiny_images(4)
    ids = ["a", "b", "c", "d"]
    got = altered_in_one_way(images, ids, "darken")
    assert (got.mean((1, 2, 3)) < images.mean((1, 2, 3))).all()
    np.testing.assert_array_equal(altered_in_one_way(images[1:2], ids[1:2], "darken")[0], got[1])
    assert "hue" in single_operations(3) and "hue" not in single_operations(1) and "darken" in single_operations(1)


def test_zips_that_were_not_judged_or_are_not_this_kits(tmp_path):
    with pytest.raises(KitError, match=r"expected a zip at .*none.zip. Received: no such file"):
        adaptation(tmp_path, tmp_path / "none.zip")
    path = make_zip(tmp_path)
    with pytest.raises(KitError, match=r"expected runs of some.zip, .* run `python -m local_eval.score .* first"):
        adaptation(tmp_path, path)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("model.py", "")
    judge(tmp_path, other)
    with pytest.raises(KitError, match="expected a zip of this kit"):
        adaptation(tmp_path, other)
