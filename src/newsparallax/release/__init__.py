"""Check a version before its release (`checks`, `leaks`), and publish it (`publishing`)."""

from .candidate import Release
from .checks import Finding
from .publishing import Outcome, RefusedError, publish

__all__ = ["Finding", "Outcome", "RefusedError", "Release", "publish"]
