"""Read a finished dataset, and ask it questions: names, stances, terms and quotations as pandas frames.

`open_dataset` opens a folder or a revision on a hub. The questions use the roles that the dataset's own codebook
declares (`[roles]`, `referent`, `speaker`). Where a role is missing, a warning names it, and the frame has no rows.
"""

from .dataset import Dataset, open_dataset
from .marks import Lane, Mark, Piece, lanes, pieces
from .questions import MissingRole
from .show import PALETTE, Shown, colors, marked

__all__ = [
    "PALETTE",
    "Dataset",
    "Lane",
    "Mark",
    "MissingRole",
    "Piece",
    "Shown",
    "colors",
    "lanes",
    "marked",
    "open_dataset",
    "pieces",
]
