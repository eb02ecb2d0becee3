"""Data in, nets out: load, clean, split, augment, train, predict."""
