"""Prepare and check a version before its release (`checks`, `leaks`), and publish it (`publishing`)."""

from .checks import Finding, Release
from .publishing import Outcome, RefusedError, publish

__all__ = ["Finding", "Outcome", "RefusedError", "Release", "publish"]
