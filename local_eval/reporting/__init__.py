"""What `local_eval.report` shows: numbers, figures, and the sections of its page."""
