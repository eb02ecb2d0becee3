"""What evens out classes of unequal size: weights, sampling on the fly, synthetic images or features."""

from .class_weights import class_weights
from .sampling import balanced_rows
from .smote import missing_counts, write_synthetic
from .table import balance_table

__all__ = ["balance_table", "balanced_rows", "class_weights", "missing_counts", "write_synthetic"]
