"""Codabench's API from a contestant's side: upload, submit once, wait, fetch."""
