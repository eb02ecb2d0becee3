"""What `python -m training.runs` does: list, filter, compare, export and prune runs."""
