import json

import pytest
import tiny_ensemble as tiny

from submission import cost as cost_module
from submission.cost import main, measure_run, table
from submission.export_run import export_run
from submission.kit.errors import KitError
from submission.kit.files import sha256_file, write_json

RUN = tiny.RUNS[0]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return tiny.make_artifacts(tmp_path_factory.mktemp("contest") / "A")


def test_a_run_is_measured_as_it_is_shipped(artifacts):
    cost = measure_run(artifacts, RUN, tiny.load_tiny_net, cores=1)
    run_dir = artifacts / "runs" / RUN
    assert json.loads((run_dir / "cost.json").read_text()) == cost
    assert set(cost) == {"engine", "ms_per_image", "load_ms", "view_ms", "size_bytes", "weights_sha256", "cores"}
    assert cost["engine"] == json.loads((run_dir / "export" / "engine.json").read_text())["engine"]
    assert cost["weights_sha256"] == sha256_file(run_dir / "best.weights.h5")
    assert cost["size_bytes"] == sum(p.stat().st_size for p in (run_dir / "export").rglob("*") if p.is_file())
    assert 0 < cost["ms_per_image"] < cost["load_ms"]
    assert set(cost["view_ms"]) == set(tiny.VIEW_NAMES) and min(cost["view_ms"].values()) >= 0
    assert cost["cores"] == 1


def never(run_dir):
    raise AssertionError("exported again")


def test_the_export_is_kept_until_the_weights_change(artifacts, monkeypatch):
    monkeypatch.setattr(
        "submission.export_run.choose_engine", lambda folder, views, wanted: fake_engine(folder, wanted)
    )
    images, run_dir = tiny.tiny_images(9), artifacts / "runs" / tiny.RUNS[1]
    first = export_run(run_dir, tiny.load_tiny_net, images)
    assert export_run(run_dir, never, images) == first
    for again, changes in [(True, {}), (False, {"wanted": "savedmodel"})]:
        with pytest.raises(AssertionError, match="exported again"):
            export_run(run_dir, never, images, again=again, **changes)
    export_run(run_dir, tiny.load_tiny_net, images)
    tiny.tiny_net(5).save_weights(run_dir / "best.weights.h5")
    second = export_run(run_dir, tiny.load_tiny_net, images)
    assert second["weights_sha256"] != first["weights_sha256"]
    (run_dir / "best.weights.h5").unlink()
    with pytest.raises(KitError, match=r"expected a trained run with .*best.weights.h5.*make train"):
        export_run(run_dir, never, images)


def fake_engine(folder, wanted):
    from submission.engine import Engine

    write_json(folder / "engine.json", {"engine": "savedmodel", "batch_sizes": {}})
    return Engine("savedmodel", {}, wanted)


def test_a_process_that_fails_is_quoted(tmp_path):
    with pytest.raises(KitError, match=r"(?s)nowhere could not be timed \(exit status 1\):.*expected a SavedModel"):
        cost_module._in_a_fresh_process(tmp_path / "nowhere", tiny.tiny_images(1), 1)


def test_the_table():
    row = {"engine": "tflite", "ms_per_image": 0.456, "load_ms": 12.3, "size_bytes": 5_400_000, "cores": 2}
    assert table({"one-f0-s0-00000000": row}).splitlines() == [
        "run                 engine      ms/image  load ms    MB  cores",
        "one-f0-s0-00000000  tflite          0.46       12   5.4      2",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], r"no trained run of today's split in .*make train"), (["--run", "none"], r"expected a run in .*'none'")],
)
def test_runs_that_are_not_there(tmp_path, arguments, message):
    with pytest.raises(KitError, match=message):
        main(["--artifacts", str(tmp_path), *arguments])


def test_no_cores_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--cores", "0"])
    assert "--cores must be at least 1. Received: 0" in capsys.readouterr().err
