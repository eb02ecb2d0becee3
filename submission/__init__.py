"""What is shipped to the platform (`kit/`, `model.py`) and how it is shipped (`export`, `rules`, `package`)."""
