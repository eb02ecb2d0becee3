"""`python -m training.backbones`: the table."""

import pytest

from submission.kit.errors import KitError
from training.backbones.__main__ import main


def test_the_table(capsys):
    assert main(["--names", "small_cnn", "mobilenet_v2_035", "unet"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "parameters", "MB", "features", "smallest", "imagenet"],
        ["small_cnn", "1,259,392", "5.0", "192", "8", "no"],
        ["mobilenet_v2_035", "410,208", "1.6", "1280", "32", "yes"],
        ["unet", "7,768,896", "31.1", "544", "32", "no"],
    ]


def test_an_unknown_name_is_told_before_anything_is_built(capsys):
    with pytest.raises(KitError, match="unknown backbone. Received: 'vgg99'"):
        main(["--names", "small_cnn", "vgg99"])
    assert capsys.readouterr().out == ""
