"""Which keys a label or value may have on Label Studio's page (read off version 1.23.2).

Its own keys are those of its keymap that act on a page with texts. A longer name is taken for its first letter by the
library that listens to keys.
"""

from __future__ import annotations

import re

_KEY = re.compile(r"((ctrl|alt|shift)\+)?[a-z0-9]")
_OWN = frozenset({"u", "ctrl+z", "ctrl+d", "ctrl+h", "alt+h", "alt+l", "alt+m", "alt+r"})


def usable(hotkey: str) -> bool:
    """Whether Label Studio knows the key and does not use it itself; upper and lower case are one."""
    return bool(_KEY.fullmatch(hotkey.lower())) and hotkey.lower() not in _OWN
