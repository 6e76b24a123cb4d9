"""News Parallax: an annotated news corpus kept as code.

Dependencies between modules run one way: scripts -> edges -> core. `newsparallax.core` imports only the standard
library, pyarrow and msgspec, and knows no clock, environment, network or randomness.
"""
