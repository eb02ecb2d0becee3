"""The list of recipes: every one is documented, named, sound, and found by its name."""

import re

import pytest

from submission.kit.errors import KitError
from training.augment.policies import get_policy
from training.backbones import PRETRAINED, check_backbone
from training.recipes import DESCRIPTIONS, RECIPES, Recipe, get_recipe
from training.recipes.__main__ import main
from training.recipes.registry import recipe
from training.recipes.scratch import scratch_changes

NAMES = sorted(RECIPES)
OWN = {"default", "small_cnn", "mobilenet_v3_small", "mobilenet_v3_small_imagenet"}  # reproduce nobody


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_names_a_backbone_and_a_policy_that_exist(name):
    made = RECIPES[name]
    assert made.name == name
    check_backbone(made.backbone, made.weights)
    get_policy(made.policy)


@pytest.mark.parametrize("name", NAMES)
def test_each_recipe_says_what_it_reproduces_in_one_line_and_its_figures_after_it(name):
    lines = DESCRIPTIONS[name].splitlines()
    assert re.fullmatch(r"\S.{10,118}\.", lines[0])
    if name not in OWN:
        assert sum(line.startswith("Reported: ") for line in lines) == 1
        assert sum(line.startswith("Measured here: ") for line in lines) == 1


@pytest.mark.parametrize("name", NAMES)
def test_frozen_batch_norm_and_a_head_phase_need_weights_to_keep(name):
    """A net from scratch that keeps its first statistics, or tunes its head first, learns from noise."""
    made = RECIPES[name]
    if made.weights is None:
        assert not made.freeze_batch_norm
        assert made.head_epochs == 0
        assert made.trainable_depth == 1.0
    else:
        assert made.backbone in PRETRAINED or made.weights != "imagenet"


@pytest.mark.parametrize("name", NAMES)
def test_from_scratch_every_layer_learns(name):
    made = RECIPES[name]
    scratch = get_recipe(name, scratch_changes(made))  # valid: no fields that contradict each other
    assert (scratch.weights, scratch.freeze_batch_norm, scratch.trainable_depth) == (None, False, 1.0)
    assert (scratch.epochs, scratch.contrastive_epochs) == (made.epochs, made.contrastive_epochs)
    assert scratch.head_epochs == (0 if made.epochs else made.head_epochs)
    if made.weights is None:
        assert scratch == made


def test_the_projects_of_the_contest_are_there():
    projects = ("fmap", "datadreamers", "moiana", "decoding", "first_place", "eleventh", "top10", "silver", "redcell")
    assert all(any(name.startswith(project) for name in NAMES) for project in projects)
    assert {"small_cnn", "vit_tiny", "conv_vit", "convnext_tiny", "efficientnet_v2_b0", "efficientnet_v2_b3"} <= {
        *NAMES
    }


def test_stated_settings_are_kept():
    """What the contest's reports say of the winners."""
    first, eleventh, top10 = RECIPES["first_place"], RECIPES["eleventh"], RECIPES["top10"]
    assert (first.image_size, first.optimizer, first.trainable_depth) == (224, "lion", 1.0)
    assert (eleventh.image_size, eleventh.loss, eleventh.optimizer) == (512, "focal", "adamw")
    assert eleventh.freeze_batch_norm
    assert (top10.image_size, top10.optimizer) == (260, "lion")
    assert RECIPES["fmap_efficientnet_v2s"].images_per_class == 3000
    assert RECIPES["moiana_xception"].label_smoothing == 0.1
    assert RECIPES["datadreamers_jsd"].jsd_weight == 12.0
    assert not RECIPES["decoding_unshuffled"].shuffle


def test_the_list_has_a_line_for_each(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["recipe", "backbone", "size", "policy"]
    assert sorted(line.split()[0] for line in lines[1:]) == NAMES
    (eleventh,) = (line for line in lines if line.startswith("eleventh "))
    assert eleventh.split()[1:4] == ["efficientnet_v2_l", "512", "randaugment_x3"]
    assert eleventh.endswith(DESCRIPTIONS["eleventh"].splitlines()[0])


def test_all_about_one(capsys):
    assert main(["top10"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"top10: {DESCRIPTIONS['top10']}")
    assert "\n    head_units=(512, 256, 128)\n" in told
    assert "ema_epochs=0.0" in told
    assert "momentum=" not in told  # a default


def test_an_unknown_name_lists_the_known():
    with pytest.raises(KitError, match="unknown recipe. Received: 'top11'. Known: .*top10"):
        main(["top10", "top11"])


def test_a_recipe_needs_a_docstring_and_a_name_of_its_own():
    def undocumented() -> Recipe:
        return Recipe("undocumented", backbone="small_cnn")

    def small_cnn() -> Recipe:
        """Again."""
        return get_recipe("small_cnn")

    with pytest.raises(ValueError, match="'undocumented' needs a docstring"):
        recipe(undocumented)
    with pytest.raises(ValueError, match="registered twice"):
        recipe(small_cnn)
    assert "undocumented" not in RECIPES
