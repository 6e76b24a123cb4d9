"""Compare two versions of a dataset and find the smallest sufficient version bump."""

from .report import Comparison, compare, lines, section

__all__ = ["Comparison", "compare", "lines", "section"]
