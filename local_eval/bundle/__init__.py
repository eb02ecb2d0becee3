"""The competition bundle that an organiser uploads to Codabench: made from a contest's artifacts, or checked."""
