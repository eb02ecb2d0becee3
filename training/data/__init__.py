"""Data in: a file, a folder, a published set or an embedded contest, as one memory-mapped image set `A/data`."""
