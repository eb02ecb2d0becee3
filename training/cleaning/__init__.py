"""The rules by which `training.clean` drops an image, one file a rule."""
