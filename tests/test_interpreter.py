"""Another Python for a competition's programs, and the packages that a run lacked."""

import sys
import venv

import pytest
from competition_bundle import MODEL, SCORING, write_bundle
from submission_zips import make_zip

from local_eval.interpreter import find_interpreter, this_interpreter
from local_eval.isolation import choose_isolation
from local_eval.missing_packages import missing_packages
from local_eval.run import main
from submission.kit.errors import KitError

ISOLATED = pytest.mark.skipif(not choose_isolation().active, reason=choose_isolation().reason or "isolated")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with one module that no other one has."""
    folder = tmp_path_factory.mktemp("python") / "image"
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "only_in_the_image.py").write_text("RIGHT = 1.0\n")
    return folder


def test_a_virtual_environment_and_its_program_are_the_same(environment):
    found = find_interpreter(str(environment))
    assert found == find_interpreter(str(environment / "bin/python"))
    assert found.executable == environment / "bin/python"  # not what it links to
    assert environment in found.folders
    assert found.version == this_interpreter().version == sys.version.split()[0]


def test_what_is_no_python(tmp_path):
    (tmp_path / "broken").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "broken").chmod(0o755)
    cases = {
        "none": "expected a Python or a virtual environment at .*none. Received: none",
        "": "Received: none that can be run",
        "broken": "expected a Python 3 at .*broken. Received: exit status 3, no answer",
    }
    for name, message in cases.items():
        with pytest.raises(KitError, match=message):
            find_interpreter(str(tmp_path / name))


def test_python_is_for_bundles(tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "s.zip"), "--python", "python3"])


def judge(tmp_path, *arguments):
    scoring = {
        "metadata": "command: python score.py $input $output",
        "score.py": f"import only_in_the_image\n{SCORING}",
    }
    write_bundle(tmp_path, **{"scoring.zip": make_zip(tmp_path / "scoring.zip", scoring).read_bytes()})
    zip_path = make_zip(tmp_path / "s.zip", {"model.py": MODEL})
    bundle = ["--bundle", str(tmp_path / "competition.zip"), "--platform", "1.27"]
    return main([str(zip_path), "--artifacts", str(tmp_path / "A"), *bundle, *arguments])


@ISOLATED
def test_the_programs_run_with_the_packages_of_the_image(tmp_path, environment, capsys):
    assert judge(tmp_path, "--python", str(environment)) == 0
    text = capsys.readouterr().out
    assert "Score (score)  1\n" in text and "not found here" not in text
    assert f"with the packages of {environment}/bin/python\n" in text


@ISOLATED
def test_a_package_that_is_missing_here_is_told(tmp_path, capsys):
    assert judge(tmp_path) == 1
    text = capsys.readouterr().out
    assert "Failed" in text and "not found here: only_in_the_image. Where the competition's image has it" in text


def test_a_module_packed_in_the_wrong_place_is_no_package(tmp_path):
    (tmp_path / "log").write_text(
        "ModuleNotFoundError: No module named 'pandas.core'\nError: No module named model\n"
        "No module named 'helpers'\nNo module named 'here'\n"
    )
    zip_path = make_zip(tmp_path / "s.zip", {"top/model.py": "", "helpers/__init__.py": ""})
    (tmp_path / "program/deep").mkdir(parents=True)
    (tmp_path / "program/deep/here.py").touch()
    sources = [zip_path, tmp_path / "program", tmp_path / "log"]
    assert missing_packages([tmp_path / "log"], sources) == ["pandas"]
    assert missing_packages([], sources) == []
