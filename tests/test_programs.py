"""The ingestion and scoring programs by themselves, as a bundle would carry them."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from local_eval.layout import read_command

ROOT = Path(__file__).parent.parent / "local_eval"
UPLOADED = sorted([*ROOT.glob("ingestion_program/*.py"), *ROOT.glob("scoring_program/*.py")])


def load(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(f"program_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(path.parent))


ingestion, scoring = load(ROOT / "ingestion_program/ingestion.py"), load(ROOT / "scoring_program/scoring.py")
page = load(ROOT / "scoring_program/results_page.py")


@pytest.mark.parametrize("path", UPLOADED, ids=lambda path: path.name)
def test_uploaded_programs_need_python_37_and_numpy_only(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 7))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= {"numpy", "results_page", "predict_contract", *sys.stdlib_module_names}


@pytest.mark.parametrize("program", ["ingestion_program", "scoring_program", "table_program"])
def test_commands_are_absolute_and_name_a_file_of_the_program(program):
    words = read_command(ROOT / program).split()
    assert words[0] == "python" and all(word.startswith("/app/") for word in words[1:])
    assert (ROOT / program / Path(words[1]).name).is_file()


ACCEPTED = [
    np.array([0, 1, 2]),
    np.array([[0], [1], [2]], dtype=np.uint8),
    [0, 1, 2],
    np.array([0, 1, 2], dtype=np.uint64),
]
REFUSED = [
    (None, "Is a `return` missing"),
    ([0, 1], "one class index for each of 3 images.*shape \\(2,\\)"),
    (np.eye(3), "not one-hot rows or probabilities"),
    (np.eye(3, dtype=int), "not one-hot rows or probabilities"),
    ([0.0, 1.0, 2.0], "integer class indices.*float64"),
    ([0.0, np.nan, 2.0], "NaN or infinite"),
    ([0.0, np.inf, 2.0], "NaN or infinite"),
    ([0, 1, 3], "in \\[0, 3\\).*from 0 to 3"),
    ([-1, 1, 2], "in \\[0, 3\\).*from -1 to 2"),
    ([True, False, True], "integer class indices.*bool"),
    (["a", "b", "c"], "integer class indices"),
    ([[0], [1, 2], [0]], "ragged"),
    (np.array([0, 1, 2], dtype=object), "integer class indices.*object"),
    (1, "one class index for each"),
    (np.array([0, 1, 2**64 - 1], dtype=np.uint64), "in \\[0, 3\\)"),
    (np.zeros((3, 1, 1), int), "one class index for each"),
    ({}, "one class index for each"),
]


@pytest.mark.parametrize("predictions", ACCEPTED, ids=repr)
def test_valid_predictions(predictions):
    labels = ingestion.check_predictions(predictions, 3, 3)
    assert labels.dtype == np.int64 and labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("predictions", "message"), REFUSED, ids=[repr(one) for one, _ in REFUSED])
def test_invalid_predictions(predictions, message):
    with pytest.raises(ValueError, match=message):
        ingestion.check_predictions(predictions, 3, 3)


def test_without_class_names_only_negative_labels_are_refused():
    assert ingestion.check_predictions([0, 99], 2).tolist() == [0, 99]
    with pytest.raises(ValueError, match="Received: values from -1"):
        ingestion.check_predictions([0, -1], 2)


@settings(deadline=None)
@given(num_classes=st.integers(2, 5), data=st.data())
def test_scores_are_those_of_scikit_learn(num_classes, data):
    labels = st.integers(0, num_classes - 1)
    truth, predicted = np.array(data.draw(st.lists(st.tuples(labels, labels), min_size=1))).T
    counts = scoring.confusion_matrix(truth, predicted, num_classes)
    assert counts.tolist() == confusion_matrix(truth, predicted, labels=range(num_classes)).tolist()
    scores = scoring.compute_scores(counts, 1.5)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    recalls = [np.mean(predicted[truth == k] == k) for k in np.unique(truth)]
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    if set(predicted) <= set(truth) and len(set(truth)) > 1:  # scikit-learn warns otherwise
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert {key for key in scores if key.startswith("recall_")} == {f"recall_{k}" for k in set(truth.tolist())}


def scored(tmp_path: Path, ids, labels, **changes) -> int:
    """Run the scorer on a reference of three images."""
    ref, res = tmp_path / "input/ref", tmp_path / "input/res"
    ref.mkdir(parents=True)
    res.mkdir()
    np.save(ref / "ids.npy", np.array(["i", "j", "k"]))
    np.save(ref / "labels.npy", np.array([0, 1, 1]))
    (ref / "class_names.json").write_text('["no", "yes <b>"]')
    ingestion.write_output(res, np.array(ids), np.array(labels), 0.5, 0.25)
    for name, content in changes.items():
        path = res / name.replace("_", ".")
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
    return scoring.main([str(tmp_path / "input"), str(tmp_path / "output")])


def test_predictions_are_joined_by_id(tmp_path):
    assert scored(tmp_path, ["k", "i", "j"], [0, 0, 1]) == 0
    scores = json.loads((tmp_path / "output/scores.json").read_text())
    expected = {"accuracy": 2 / 3, "balanced_accuracy": 0.75, "recall_0": 1.0, "recall_1": 0.5}
    assert scores == pytest.approx({**expected, "prediction_seconds": 0.25})
    html = (tmp_path / "output/detailed_results.html").read_text()
    assert "yes &lt;b&gt;" in html and "0.6667" in html
    assert "http" not in html and "src=" not in html  # nothing from outside


@pytest.mark.parametrize(
    ("ids", "labels", "changes", "message"),
    [
        (["i", "j"], [0, 1], {}, "1 missing \\['k'\\], 0 extra"),
        (["i", "j", "k", "l"], [0, 1, 1, 0], {}, "0 missing \\[\\], 1 extra \\['l'\\]"),
        (["i", "j", "k", "k"], [0, 1, 1, 0], {}, "1 duplicates"),
        (["i", "j", "k"], [0, 1, 2], {}, "labels in \\[0, 2\\)"),
        (["i", "j", "k"], [0, 1, -1], {}, "labels in \\[0, 2\\)"),
        (["i", "j", "k"], [0.0, 1.0, 1.0], {}, "integer labels"),
        (["i", "j", "k"], [[1, 0], [0, 1], [0, 1]], {}, "integer labels"),
        (["i", "j", "k"], np.array([print] * 3, object), {}, "predictions.npz cannot be read"),
        (["i", "j", "k"], [0, 1, 1], {"failed_json": '{"message": "boom"}'}, "prediction failed: boom"),
        (["i", "j", "k"], [0, 1, 1], {"failed_json": "no json"}, "failed.json is there"),
        (["i", "j", "k"], [0, 1, 1], {"predictions_npz": None}, "predictions.npz is missing"),
        (["i", "j", "k"], [0, 1, 1], {"predictions_npz": "old"}, "not the file that the ingestion program wrote"),
        (["i", "j", "k"], [0, 1, 1], {"timing_json": None}, "timing.json is missing"),
        (["i", "j", "k"], [0, 1, 1], {"timing_json": "[]"}, "no prediction_seconds"),
        (["i", "j", "k"], [0, 1, 1], {"timing_json": "{"}, "not valid JSON"),
        (["i", "j", "k"], [0, 1, 1], {"timing_json": '{"prediction_seconds": NaN}'}, "no prediction_seconds"),
        (["i", "j", "k"], [0, 1, 1], {"predictions-0_seal": ""}, "not the file that the ingestion program wrote"),
    ],
)
def test_the_scorer_refuses(tmp_path, capsys, ids, labels, changes, message):
    assert scored(tmp_path, ids, labels, **changes) == 1
    assert not (tmp_path / "output/scores.json").exists()
    assert re.search(message, capsys.readouterr().err)


def test_class_names_are_escaped_in_the_page():
    scores = {"accuracy": 1.0, "balanced_accuracy": 1.0, "prediction_seconds": 1.0}
    html = page.results_page({"<b>": (scores, np.diag([2, 0]), ["<script>", "&"])})
    assert html.count("<script>") == 1 and "0 &lt;script&gt;" in html and "1 &amp;" in html and "on &lt;b&gt;" in html


def test_the_page_by_hand():
    values = {"accuracy": 0.7, "balanced_accuracy": 0.7, "prediction_seconds": 1.25}
    html = page.results_page(
        {"": (values, np.array([[3, 1, 0], [0, 0, 0], [2, 0, 4]]), ["a", "b", "averyverylongname"])}
    )
    assert "7 of 10 images right, balanced accuracy 0.7000, 1.2 s to predict" in html
    mistakes = re.findall(r'data-sort="(\d)">[^<]*</th><td class="name" data-sort="(\d)">[^<]*</td><td>(\d)</td>', html)
    assert mistakes == [("2", "0", "2"), ("0", "1", "1")]  # most frequent first
    assert 'data-sort="0.750000" style="--share:75.0%">0.750<' in html and 'data-sort="-"' in html
    assert "averyveryl\u00adongname" in html


def test_the_page_without_mistakes():
    values = {"accuracy": 1.0, "balanced_accuracy": 1.0, "prediction_seconds": 1.0}
    assert "<p>None.</p>" in page.results_page({"": (values, np.diag([2, 3]), ["a", "b"])})


def several_suites(tmp_path: Path, **predictions) -> int:
    """Predictions of suites with two images each, scored; the reference knows the suites dark and light."""
    for suite, labels in (("dark", [0, 1]), ("light", [1, 1])):
        ref = tmp_path / "input/ref" / suite
        ref.mkdir(parents=True)
        np.save(ref / "ids.npy", np.array(["i", "j"]))
        np.save(ref / "labels.npy", np.array(labels))
        (ref / "class_names.json").write_text('["no", "yes"]')
    (tmp_path / "input/res").mkdir()
    for suite, labels in predictions.items():
        ingestion.write_output(tmp_path / "input/res" / suite, np.array(["j", "i"]), np.array(labels), 0.5, 0.25)
    return scoring.main([str(tmp_path / "input"), str(tmp_path / "output")])


def test_several_suites_are_scored_apart(tmp_path):
    assert several_suites(tmp_path, dark=[1, 1], light=[1, 0]) == 0
    assert json.loads((tmp_path / "output/scores.json").read_text()) == {
        "prediction_seconds": 0.5,
        "accuracy_dark": 0.5,
        "balanced_accuracy_dark": 0.5,
        "recall_0_dark": 0.0,
        "recall_1_dark": 1.0,
        "accuracy_light": 0.5,
        "balanced_accuracy_light": 0.5,
        "recall_1_light": 0.5,
    }
    html = (tmp_path / "output/detailed_results.html").read_text()
    assert "Accuracy on dark" in html and "Accuracy on light" in html


def test_a_suite_without_predictions_leaves_no_score_at_all(tmp_path, capsys):
    assert several_suites(tmp_path, dark=[1, 0]) == 1
    assert "predictions.npz is missing" in capsys.readouterr().err
    assert not (tmp_path / "output/scores.json").exists()


def test_the_model_is_made_once_and_called_once_a_suite(tmp_path):
    for suite, count in (("b", 3), ("a", 2)):
        folder = tmp_path / "in" / suite
        folder.mkdir(parents=True)
        np.save(folder / "images.npy", np.zeros((count, 2, 2, 1), np.uint8))
        np.save(folder / "ids.npy", np.array([f"{suite}{n}" for n in range(count)]))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/model.py").write_text(
        "MADE = []\nclass Model:\n"
        "    def __init__(self):\n        MADE.append(1)\n"
        "    def predict(self, X):\n        return [len(MADE)] * len(X)\n"
    )
    told = list(ingestion.run_model(tmp_path / "in", tmp_path / "sub"))
    assert [(suite, labels) for suite, labels, _ in told] == [("a", [1, 1]), ("b", [1, 1, 1])]


@pytest.mark.parametrize(
    ("returncode", "message", "exit_code"),
    [
        (0, "ended without a word: os._exit", 1),
        (3, "ended without a word: exit code 3", 3),
        (-9, "killed .exit code 137., most often because it took too much memory", 137),
        (137, "killed .exit code 137.", 137),
        (-11, "crashed by signal 11", 139),
    ],
)
def test_how_the_models_process_ended(returncode, message, exit_code):
    text, code = ingestion.describe_end(returncode)
    assert re.search(message, text) and code == exit_code


@pytest.mark.parametrize("seconds", [None, True, "1", -0.1, float("nan"), float("inf")])
def test_seconds_are_checked(seconds):
    with pytest.raises(ValueError, match="expected seconds"):
        ingestion.check_seconds(seconds)


def test_no_room_for_the_predictions(tmp_path):
    """Files of 300 bytes at most: the marker can be written, the predictions cannot."""
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/images.npy", np.zeros((5, 2, 2, 1), np.uint8))
    np.save(tmp_path / "in/ids.npy", np.array(list("abcde")))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/model.py").write_text("class Model:\n    def predict(self, X):\n        return [0] * len(X)\n")
    words = [
        sys.executable,
        ROOT / "ingestion_program/ingestion.py",
        *(tmp_path / name for name in ("in", "out", "sub")),
    ]
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))"
    limited = f"import os, resource, sys; {limit}; os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run([sys.executable, "-B", "-c", limited, *words], capture_output=True, text=True)
    assert done.returncode == 1 and "File too large" in done.stderr
    assert "File too large" in json.loads((tmp_path / "out/failed.json").read_text())["message"]


def test_input_without_images_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither images.npy nor folders with one"):
        ingestion.suite_folders(tmp_path)
