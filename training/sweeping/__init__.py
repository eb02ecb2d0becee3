"""Many trainings: what a sweep is, where its runs are worked off, and what came of them."""

from .definition import Sweep
from .space import choice, integers, log_uniform, uniform

__all__ = ["Sweep", "choice", "integers", "log_uniform", "uniform"]
