"""What Codabench imports: `Model().predict(X)`. Everything it needs lies in this file's folder, never in the cwd."""

import os
import sys
from pathlib import Path

# The platform's working directory is its own program: `kit` and the nets are found from this file alone.
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings fill the platform's log

from kit.predictor import Predictor  # noqa: E402  (the path comes first)


class Model:
    """The contest's interface; the work is in `kit/predictor.py`, the ensemble in `manifest.json`."""

    def __init__(self):
        self.predictor = Predictor(FOLDER)

    def predict(self, X):  # noqa: N803  (the contest's name)
        """Class indices, int64 (n,), of images (n, H, W, C), 0-255."""
        return self.predictor.predict(X)
