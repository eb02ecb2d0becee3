"""Every recipe end to end: trained on a few images, predicted, exported, packaged, run as on the platform."""

import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from benchmarks.shared_contest import share_contest
from ensembles.fit import main as fit
from local_eval.judged import open_judged
from local_eval.run import main as judge
from local_eval.score_table import score_table
from local_eval.suites import main as suites
from submission.export import main as export
from submission.kit.image_set import open_image_set
from submission.kit.latest import read_latest
from submission.package import main as package
from training.clean import main as clean
from training.data.__main__ import main as data
from training.predict import main as predict
from training.recipes import RECIPES
from training.runs import list_runs
from training.split import main as split
from training.train import main as train

pytestmark = pytest.mark.slow

# two of these tests at a time must fit 24 GB: at its own batch size DenseNet201 alone takes 12
BATCH = 8
# at its own 512 px a pass of EfficientNetV2-L takes seconds an image, hundreds of times over; two steps leave the
# statistics of its batch norm so far off that its answers are 0 or 1 and rounding decides which: an average of the
# weights (ema_epochs) has them computed anew
SMALLER = {
    "eleventh": ["batch_size=8", "image_size=96", "ema_epochs=1"],
    "first_place": ["batch_size=2", "image_size=96"],
    "moiana_convnext_base": ["batch_size=2", "image_size=96"],
}


@pytest.fixture(scope="module")
def contest(tmp_path_factory) -> Path:
    """Over 64 images to train on and 35 to predict under four views, since large nets take a second an image."""
    drawn, artifacts = tmp_path_factory.mktemp("drawn"), tmp_path_factory.mktemp("contest")
    assert data(["--artifacts", str(drawn), "--images", "300", "--size", "32"]) == 0
    square = open_image_set(drawn / "data", "")
    oblong = square.images[:, :, 2:-2]  # four views instead of eight
    np.savez(drawn / "oblong.npz", images=oblong, labels=square.labels)
    where = ["--artifacts", str(artifacts)]
    assert data([*where, "--data", str(drawn / "oblong.npz")]) == 0
    assert clean(where) == 0
    assert split([*where, "--folds", "16", "--holdout", "0.06"]) == 0
    assert suites([*where, "--suite", "clean", "--suite", "an2dl"]) == 0
    return artifacts


@pytest.fixture
def artifacts(contest, tmp_path):
    """A folder that shares the contest; removed at once, since a large net leaves gigabytes."""
    yield share_contest(contest, tmp_path / "made")
    shutil.rmtree(tmp_path / "made")


def make_zip(artifacts: Path, name: str) -> None:
    """From training to the zip; packaging compares the zip's probabilities with training's."""
    where = ["--artifacts", str(artifacts)]
    quick = ["--limit", "64", "--steps", "2", "--weights", "none"]
    batch = ["--set", *SMALLER.get(name, [f"batch_size={BATCH}"])]
    assert train([*where, "--recipe", name, *quick, *batch]) == 0
    (run,) = list_runs(artifacts / "runs")
    assert run.name.startswith(f"{name}-f0-s0-")
    assert predict([*where, "--run", run.name]) == 0
    assert fit([*where, "--runs", run.name]) == 0
    assert export(where) == 0
    assert package(where) == 0


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_from_training_to_the_judge(artifacts, name):
    with ProcessPoolExecutor(1, get_context("spawn")) as child:  # Keras keeps gigabytes of every net that it has built
        child.submit(make_zip, artifacts, name).result()

    latest = read_latest(artifacts)
    where = ["--artifacts", str(artifacts), "--suite", "clean", "--platform", "1.27"]
    assert judge([str(latest.path), *where]) == 0
    folder = artifacts / "judge" / latest.sha256[:8] / "clean-judge"
    assert json.loads((folder / "outcome.json").read_text())["status"] == "Finished"
    images = artifacts / "suites" / "clean" / "judge"
    rows = score_table({"clean": open_judged(folder, images, "")})  # compares the platform's labels with the members'
    assert 0 <= rows[-1]["suites"]["clean"]["accuracy"] <= 1
