"""List the backbones: their size, the smallest image that they take, and whether there are ImageNet weights."""

import argparse
import gc
from collections.abc import Sequence
from typing import NamedTuple

from submission.kit.console import run_main

from .registry import BACKBONES, check_backbone


class Row(NamedTuple):
    """parameters: without a head; features: D; size_bytes: of the weights in float32; smallest: side in pixels."""

    name: str
    parameters: int
    features: int
    size_bytes: int
    smallest: int
    pretrained: bool


def describe(name: str) -> Row:
    """A backbone's figures, counted: it is built once, with random weights.

    Raises:
        KitError: unknown backbone.
    """
    check_backbone(name, None)
    backbone = BACKBONES[name]
    side = -(-backbone.smallest // backbone.multiple) * backbone.multiple
    net = backbone.make((side, side, backbone.channels or 3), None)
    row = Row(name, net.count_params(), net.output.shape[-1], 4 * net.count_params(), side, backbone.pretrained)
    del net
    gc.collect()  # a model refers to itself; the largest have more than a gigabyte
    return row


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.backbones",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--names", nargs="+", metavar="NAME", help="only these; default: all, in about a minute")
    args = parser.parse_args(argv)
    names = args.names or sorted(BACKBONES)
    for name in names:
        check_backbone(name, None)
    print(f"{'name':20}{'parameters':>13}{'MB':>8}{'features':>10}{'smallest':>10}  imagenet")
    for name in names:
        row = describe(name)
        pretrained = "yes" if row.pretrained else "no"
        print(
            f"{name:20}{row.parameters:>13,}{row.size_bytes / 1e6:>8.1f}{row.features:>10}{row.smallest:>10}"
            f"  {pretrained}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    run_main(main)
