"""Training images that are left out before the first epoch: outliers, or labels that are likely wrong."""

from .dropped import filter_rows

__all__ = ["filter_rows"]
