"""What TensorFlow's import says: its greetings are held back, all else is passed on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from submission.kit.quiet_import import without_greetings

ROOT = Path(__file__).parents[1]
GREETINGS = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795312427.587477    2921 port.cc:153] oneDNN custom operations are on. You may see slightly\n"
    b"I0000 00:00:1795312427.588019    2921 cudart_stub.cc:31] Could not find cuda drivers on your machine\n"
)
OTHERS = b"E0000 00:00:1795312427.58 2921 cuda_dnn.cc:8579] Unable to register\nI am an oneDNN user\n\nno end of line"


def test_only_greetings_are_left_out():
    assert without_greetings(GREETINGS + OTHERS + b"\n" + GREETINGS) == OTHERS + b"\n"
    assert without_greetings(OTHERS) == OTHERS
    assert without_greetings(b"") == b""


@pytest.mark.parametrize(
    ("level", "after", "code", "said"),
    [
        (None, "value = 3", 3, OTHERS),
        ("3", "value = 3", 3, OTHERS),
        ("0", "value = 3", 3, GREETINGS + OTHERS),
        (None, "raise ImportError('no such library')", 1, OTHERS),
    ],
)
def test_an_import_of_a_command(tmp_path, level, after, code, said):
    """The module writes to the descriptor itself, as C++ does; the command writes to it afterwards."""
    (tmp_path / "tensorflow.py").write_text(f"import os\nos.write(2, {GREETINGS + OTHERS!r})\n{after}\n")
    (tmp_path / "command.py").write_text(
        "import os, sys\n"
        "from submission.kit.console import run_main\n"
        "def main(argv):\n"
        "    import tensorflow\n"
        "    os.write(2, b'END')\n"
        "    return tensorflow.value\n"
        "run_main(main)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"} | ({"TF_CPP_MIN_LOG_LEVEL": level} if level else {})
    command = [sys.executable, str(tmp_path / "command.py")]
    child = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert child.returncode == code
    end = b"END" if code == 3 else b"Traceback"
    assert child.stderr.startswith(said + end)
    assert (b"no such library" in child.stderr) == (code == 1)
