"""Make stand-off releases, which are datasets without the words of withheld texts, and rehydrate them.

`withhold` makes a release. `rehydration` restores the words from the user's own `copies`. `alignment` finds the spans
in copies that differ from the annotated text.
"""

from .rehydration import rehydrate
from .withhold import Mode, kept_words, stage, withheld_texts

__all__ = ["Mode", "kept_words", "rehydrate", "stage", "withheld_texts"]
