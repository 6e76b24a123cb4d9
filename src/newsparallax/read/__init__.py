"""Read a finished dataset, and ask it questions: names, stances, terms and quotations as pandas frames.

`open_dataset` opens a folder or a revision on a hub. The questions use the roles that the dataset's own codebook
declares (`[roles]`, `referent`, `speaker`); a corpus without a role has an empty frame.
"""

from .dataset import Dataset, open_dataset
from .marks import Lane, Mark, Piece, lanes, pieces
from .show import PALETTE, Shown, colors, marked

__all__ = [
    "PALETTE",
    "Dataset",
    "Lane",
    "Mark",
    "Piece",
    "Shown",
    "colors",
    "lanes",
    "marked",
    "open_dataset",
    "pieces",
]
