"""Every kind of backbone as the zip ships it: a frozen SavedModel that gives the same probabilities."""

import numpy as np
import pytest

from submission.export_net import export_net
from submission.kit.member import Member
from training.backbones import build
from training.net import with_probabilities

SLOW = ("convnext_tiny", "efficientnet_b2", "efficientnet_v2_b0", "densenet121", "se_resnet50", "inception_xception")
FAST = ("small_cnn", "basic_cnn", "alexnet_like", "unet", "vit_tiny", "conv_vit", "mobilenet_v2_035", "vgg16")


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_saved_model_gives_the_same_probabilities(tmp_path, name):
    shape = (24, 32, 1)  # enlarged, and one channel repeated where the net wants three
    net = with_probabilities(build(name, shape, 4, image_size=32, head_units=(8,), dropout=0.1))
    export_net(net, tmp_path / "member", shape)
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    np.testing.assert_allclose(Member(tmp_path / "member")(images), net(images, training=False), atol=1e-5)
