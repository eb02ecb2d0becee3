"""Data in: a contest's npz, or the embedded synthetic contest, as one memory-mapped image set `A/data`."""
