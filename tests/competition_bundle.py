"""A competition of our own making in the style of others': its programs name /app in their code."""

from pathlib import Path

from submission_zips import make_zip

YAML = """
version: 2
title: Sums
image: logo.png
docker_image: codalab/codalab-legacy:py39
enable_detailed_results: true
terms: terms.md
pages: [{title: a, file: terms.md}]
tasks:
  - {index: 3, name: final, input_data: final_in.zip, reference_data: final_ref, scoring_program: scoring.zip,
     ingestion_program: ingestion_program/}
  - {index: 0, name: dev, input_data: in, reference_data: ref, ingestion_program: ingestion_program,
     scoring_program: scoring.zip}
solutions:
  - {index: 7, path: solution, tasks: [0]}
phases:
  - {index: 5, name: Final, start: 2026-02-01, tasks: [0, 3], execution_time_limit: 33}
  - {index: 1, name: Dev, start: 2026-01-01, end: 2026-01-31, tasks: [0]}
leaderboards:
  - title: Results
    key: main
    columns:
      - {title: Score, key: score, index: 0, sorting: desc}
      - {title: Time, key: time, index: 2}
      - {title: Mean, key: mean, index: 1, computation: avg, computation_indexes: [0, 2]}
  - {title: Second, key: second, columns: [{title: X, key: x, index: 0}]}
"""
INGESTION = """
import sys
sys.path.append('/app/ingested_program')
from model import Model
numbers = [int(word) for word in open('/app/input_data/x.txt').read().split()]
answer = Model().predict(numbers)
open('/app/output/answer.txt', 'w').write(str(answer))
"""
SCORING = """
import json, sys
truth, answer = open('/app/input/ref/y.txt').read(), open(sys.argv[1] + '/res/answer.txt').read()
json.dump({'score': float(truth == answer), 'extra': [1]}, open(sys.argv[2] + '/scores.json', 'w'))
"""
MODEL = "class Model:\n    def predict(self, numbers):\n        return sum(numbers)\n"


def bundle_files(folder: Path) -> dict[str, str | bytes]:
    """The bundle's files; zips within it are made in `folder`."""
    scoring = {"metadata.yaml": "command: python3 $program/score.py $input $output\n", "score.py": SCORING}
    return {
        "competition.yaml": YAML,
        "terms.md": "terms",
        "logo.png": b"",
        "in/x.txt": "1 2 3",
        "ref/y.txt": "6",
        "final_in.zip": make_zip(folder / "final_in.zip", {"x.txt": "4 5"}).read_bytes(),
        "final_ref/y.txt": "9",
        "ingestion_program/metadata": "command: python /app/program/ingest.py\n",
        "ingestion_program/ingest.py": INGESTION,
        "scoring.zip": make_zip(folder / "scoring.zip", scoring).read_bytes(),
        "solution/model.py": MODEL,
    }


def write_bundle(folder: Path, **changes: str | bytes | None) -> Path:
    """competition.zip in `folder`; changes by name with `__` for `/`, None removes."""
    files = bundle_files(folder / "parts")
    for name, content in changes.items():
        path = name.replace("__", "/").replace("_yaml", ".yaml").replace("_py", ".py")
        files.pop(path, None)
        if content is not None:
            files[path] = content
    return make_zip(folder / "competition.zip", files)
