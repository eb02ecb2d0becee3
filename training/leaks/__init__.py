"""What `training.check_leaks` looks at, one file a place where images could leak."""
