"""Versions: what changed between two of them, what must hold before one is published, and publishing it."""
