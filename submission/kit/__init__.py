"""The package that travels in the zip: one copy that trains, tunes, judges and ships.

Imports the standard library, numpy and tensorflow only, and tensorflow only where a member is run.
"""
