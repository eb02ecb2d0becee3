"""The rules by which `training.clean` judges images, one file a rule, and the files that it writes."""
