import hashlib
import json
import os
import shutil
import time
import zipfile

import numpy as np
import pytest
import tiny_ensemble as tiny

from submission import package as package_module
from submission.export import export_ensemble
from submission.kit.blend import blend
from submission.kit.errors import KitError
from submission.kit.files import write_json
from submission.kit.latest import read_latest
from submission.kit.probs_file import load_probs
from submission.kit.tta import VIEWS
from submission.kit.zip_file import write_zip
from submission.package import main, package
from submission.zip_run import ZipRun, predict_with_zip

POLICY = {"name": "strong", "operations": ["bar", "shear_x"]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Artifacts up to the export; tests that change something copy it."""
    artifacts = tiny.make_artifacts(tmp_path_factory.mktemp("contest") / "A")
    write_json(artifacts / "runs" / tiny.RUNS[0] / "policy.json", POLICY)  # the other run is older
    export_ensemble(artifacts, tiny.load_tiny_net, engine="tflite")
    return artifacts


@pytest.fixture(scope="module")
def made(exported):
    """Packaged once, with the child process."""
    return package(exported)


@pytest.fixture
def no_child(monkeypatch):
    """Packaging without the run of the zip, which takes seconds."""
    monkeypatch.setattr(package_module, "_check_numbers", lambda *arguments: 0.0)


def test_the_zip_was_run_and_gave_what_training_did(made):
    assert made.is_new
    assert 0 < made.largest_difference < 1e-5  # exactly 0 would mean that nothing was compared


@pytest.mark.slow
def test_the_zip_in_a_process_of_its_own_is_the_blend_of_the_nets(made):
    images = tiny.tiny_images(5, seed=9)
    run = predict_with_zip(made.path, images)
    table = [[tiny.tiny_net(m)(VIEWS[name](images)).numpy() for name in tiny.VIEW_NAMES] for m in range(2)]
    expected = blend(np.array(table), tiny.WEIGHTS_MV, tiny.TEMPERATURES)
    np.testing.assert_allclose(run.probs, expected, atol=1e-5)
    np.testing.assert_array_equal(run.labels, expected.argmax(-1))


def test_the_layout_and_the_manifest(exported, made):
    with zipfile.ZipFile(made.path) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        hashes = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
        text = b"".join(archive.read(name) for name in names if not name.endswith(".pb"))
    assert names == sorted(names)
    assert {"model.py", "manifest.json", "kit/__init__.py", "kit/predictor.py", "kit/tta.py"} <= set(names)
    for run in tiny.RUNS:
        parts = ("saved_model.pb", "engine.json", "model.tflite", "probe.npz")
        assert {f"members/{run}/{part}" for part in parts} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert manifest["files"] == {name: value for name, value in hashes.items() if name != "manifest.json"}
    assert manifest["members"] == [
        {"name": run, "path": f"members/{run}", "temperature": temperature}
        for run, temperature in zip(tiny.RUNS, tiny.TEMPERATURES, strict=True)
    ]
    assert (manifest["views"], manifest["weights_mv"]) == (tiny.VIEW_NAMES, tiny.WEIGHTS_MV)
    assert (manifest["class_names"], manifest["image_shape"]) == (tiny.CLASSES, [12, 12, 3])
    assert set(manifest["versions"]) == {"tensorflow", "keras", "numpy", "python", "kit"}
    assert manifest["policies"] == {tiny.RUNS[0]: POLICY}
    assert str(exported).encode() not in text  # no path of this machine


def test_latest_points_to_the_zip(exported, made):
    latest = json.loads((exported / "submissions" / "latest.json").read_text())
    size_bytes = made.path.stat().st_size
    assert latest == {"zip": f"submissions/{made.path.name}", "sha256": made.sha256, "size_bytes": size_bytes}
    assert made.path.name == f"submission-{hashlib.sha256(made.path.read_bytes()).hexdigest()[:8]}.zip"
    assert sorted(path.name for path in (exported / "submissions").iterdir()) == ["latest.json", made.path.name]


def test_the_same_files_give_the_same_bytes(exported, made, no_child, tmp_path):
    for path in (exported / "export").rglob("*"):
        os.utime(path, (time.time() + 5000,) * 2)
    other = package(exported, tmp_path / "other.zip")
    assert other.path.read_bytes() == made.path.read_bytes()
    again = package(exported)
    assert (again.path, again.is_new) == (made.path, False)


def test_an_existing_zip_is_never_overwritten(exported, no_child, tmp_path):
    precious = tmp_path / "mine.zip"
    precious.write_bytes(b"precious")
    with pytest.raises(KitError, match="never overwritten"):
        package(exported, precious)
    fresh = package(exported, tmp_path / "fresh.zip").path
    clash = exported / "submissions" / f"submission-{hashlib.sha256(fresh.read_bytes()).hexdigest()[:8]}.zip"
    saved = clash.read_bytes() if clash.exists() else None
    clash.write_bytes(b"same name, other contents")
    try:
        with pytest.raises(KitError, match="exists with other contents"):
            package(exported)
        assert clash.read_bytes() == b"same name, other contents"
    finally:
        clash.unlink()
        if saved is not None:
            clash.write_bytes(saved)
    assert precious.read_bytes() == b"precious"


def test_a_zip_that_breaks_a_rule_takes_no_name(exported, no_child, monkeypatch, tmp_path):
    monkeypatch.setattr("submission.rules.check_zip", lambda path: ["first finding", "second finding"])
    with pytest.raises(KitError, match=r"breaks rules of the platform:\nfirst finding\nsecond finding"):
        package(exported, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_zip_elsewhere_is_named_in_full(exported, no_child, tmp_path):
    artifacts = shutil.copytree(exported, tmp_path / "A")
    made = package(artifacts, tmp_path / "x.zip")
    assert json.loads((artifacts / "submissions" / "latest.json").read_text())["zip"] == str(tmp_path / "x.zip")
    assert read_latest(artifacts).path == made.path


def wrong_numbers(path, images):
    return ZipRun(np.zeros(len(images), int), np.full((len(images), 3), 0.5), 1.0, 1.0, {}, ["tflite"] * 2)


def test_a_zip_with_other_numbers_takes_no_name(exported, monkeypatch, tmp_path):
    monkeypatch.setattr(package_module, "predict_with_zip", wrong_numbers)
    with pytest.raises(
        KitError, match=f"the zip: expected training's probabilities within.*export --artifacts {exported}`"
    ):
        package(exported, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engines": ["savedmodel"] * 2}, r"run as \['tflite', 'tflite'\]\. Received: \['savedmodel', 'savedmodel'\]"),
        ({"labels": "wrong"}, "expected the most probable class of each of 20 images"),
        ({"labels": "few"}, "expected the most probable class of each of 20 images"),
        ({"off": 1.2e-4}, "expected training's probabilities within 0.00011"),
        ({"off": 1e-4}, None),  # what the interpreter may differ by
    ],
)
def test_what_a_zip_must_predict(exported, monkeypatch, tmp_path, change, message):
    table = [
        load_probs(exported / "runs" / run / "probs_an2dl_select.npz", "")
        .at([f"id{n}" for n in range(20)], "")
        .probs_vnk
        for run in tiny.RUNS
    ]
    probs = blend(np.array(table)[:, ::-1], tiny.WEIGHTS_MV, tiny.TEMPERATURES)
    probs[3, 0] += change.get("off", 0)
    labels = {"wrong": probs.argmin(-1), "few": probs.argmax(-1)[1:]}.get(change.get("labels"), probs.argmax(-1))
    run = ZipRun(labels, probs, 1.0, 1.0, {}, change.get("engines", ["tflite"] * 2))
    monkeypatch.setattr(package_module, "predict_with_zip", lambda path, images: run)
    if message is None:
        assert package(exported, tmp_path / "x.zip").largest_difference == pytest.approx(1e-4, rel=1e-3)
    else:
        with pytest.raises(KitError, match=message):
            package(exported, tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: (a / "ensemble" / "ensemble.json").unlink(), r"ensembles\.fit"),
        (lambda a: (a / "export" / "export.json").unlink(), r"submission\.export"),
        (lambda a: (a / "runs" / tiny.RUNS[0] / "best.weights.h5").write_bytes(b"new"), "is not what was exported"),
        (lambda a: (a / "export" / tiny.RUNS[1]).rename(a / "moved"), "is missing or empty"),
        (lambda a: _rename_run(a), r"of run retrained\. Received: two-f1-s0-11111111"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(exported, no_child, tmp_path, change, message):
    artifacts = shutil.copytree(exported, tmp_path / "A")
    change(artifacts)
    with pytest.raises(KitError, match=message):
        package(artifacts)


def _rename_run(artifacts):
    ensemble = json.loads((artifacts / "ensemble" / "ensemble.json").read_text())
    ensemble["members"][1]["run"] = "retrained"
    write_json(artifacts / "ensemble" / "ensemble.json", ensemble)


def test_a_model_that_fails_is_quoted(tmp_path):
    write_zip(tmp_path / "bad.zip", {"model.py": b"raise ImportError('no such kit')"})
    with pytest.raises(KitError, match=r"(?s)bad.zip: its model failed with exit status 1:.*no such kit"):
        predict_with_zip(tmp_path / "bad.zip", tiny.tiny_images(1))


def test_the_command_prints_one_line(exported, made, no_child, capsys):
    assert main(["--artifacts", str(exported)]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert f"{made.path} (up to date)" in out
    assert "python -m local_eval.run" in out
