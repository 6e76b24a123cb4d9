"""Renderings of the codebook: each a pure function of the codebook (and of the registry, where it shows entities)."""
