"""What stands in for a training in a test of GPUs: it says in its log which ones it was given."""

import os
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    print(f"seen: {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    return 0
