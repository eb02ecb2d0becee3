"""The benchmarks of ensembles: their tables and verdicts, and small tables through the kit's own side."""

import numpy as np
import pytest
from ensemble_tables import write_run

from benchmarks.bench_ensemble_quality import main, table, verdict
from benchmarks.bench_weights import draw_table, kit
from submission.kit.errors import KitError


def result(clean, stain, forecast=0.0, raw=0.2, calibration=0.05):
    accuracies = {"clean": clean, "stain": stain}
    return {
        "method": "top",
        "members": 2,
        "passes": 16,
        "accuracies": accuracies,
        "forecast": {suite: value + forecast for suite, value in accuracies.items()},
        "calibration_raw": raw,
        "calibration": calibration,
    }


def test_the_table_and_a_verdict_that_all_was_reached():
    results = {"single": result(0.95, 0.80), "tuned": result(0.948, 0.83, forecast=0.004)}
    lines = table(results).splitlines()
    assert lines[-1] == (
        "| what make tune chooses (top) | 2 members, 16 passes | 94.8 | 83.0 | 88.9 | +0.4 | 0.200 | 0.050 |"
    )
    assert len({line.count("|") for line in lines}) == 1
    told = verdict(results).splitlines()
    assert told[0] == "reached: +3.0 points over the best single net on the mean of the shifted suites (wanted +2.0)"
    assert told[1] == "reached: least on clean: -0.2 points (wanted -0.3 at least)"
    assert all(line.startswith("reached") for line in told)


def test_a_verdict_that_nothing_was_reached():
    results = {"single": result(0.95, 0.80), "tuned": result(0.94, 0.81, forecast=-0.02, calibration=0.15)}
    assert [line.split(":")[0] for line in verdict(results).splitlines()] == ["MISSED"] * 4


def test_too_few_members(tmp_path):
    write_run(tmp_path, "a", 2.0, 0, num_images=6)
    with pytest.raises(KitError, match=r"at least 6 predicted runs .*Received: a\. Train more: `make predict"):
        main(["--artifacts", str(tmp_path)])


def test_greedy_on_a_small_drawn_table(tmp_path):
    probs, labels = draw_table(4, 2, 60, 3)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-5)
    np.save(tmp_path / "probs.npy", probs)
    np.save(tmp_path / "labels.npy", labels)
    found = kit(tmp_path, 10)
    assert sum(found["weights"]) == pytest.approx(1)
    mixed = np.tensordot(found["weights"], probs, 1)
    assert (mixed.argmax(-1) == labels).mean() >= max((one.argmax(-1) == labels).mean() for one in probs)
